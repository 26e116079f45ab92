"""The bad requests about webhooks."""

from typing import Any

from tests.harness.bad import Bad

__all__ = ["WEBHOOKS"]

_SUBSCRIBE = {"url": "http://127.0.0.1:9/hook", "types": ["casework.case-resolved.v1"]}
_NO_WEBHOOK = "/webhooks/11111111-1111-4111-8111-111111111111"  # names tests, so the same in every process


def _webhook(
    why: str, method: str, path: str, names: str | None, body: Any = None, status: int = 422, **more: Any
) -> Bad:
    return Bad(why, "callback", method, f"/webhooks{path}", status, names, body, role="admin", **more)


def _asked(why: str, names: str, **change: Any) -> Bad:
    body = {name: value for name, value in {**_SUBSCRIBE, **change}.items() if value is not ...}
    return _webhook(why, "POST", "", names, body)


WEBHOOKS = [
    _asked("no url", "url", url=...),
    _asked("no https", "url", url="ftp://127.0.0.1/hook"),
    _asked("an address inside", "url", url="http://10.0.0.1/hook"),
    _asked("no types", "types", types=[]),
    _asked("unknown type", "types", types=["casework.case-eaten.v1"]),
    _asked("a type that others tell us", "types", types=["inbound.contact-submitted.v1"]),
    _asked("unknown owner", "owners", owners=["group.unicorns"]),
    _asked("unknown field", "colour", colour="blue"),
    _webhook(
        "subscribe: key with a space",
        "POST",
        "",
        "Idempotency-Key",
        _SUBSCRIBE,
        headers={"Idempotency-Key": "a b"},
    ),
    _webhook("change: unknown state", "PATCH", "/{webhook}", "state", {"state": "asleep"}),
    _webhook("change: no types", "PATCH", "/{webhook}", "types", {"types": []}),
    _webhook(
        "rotate: key with a space",
        "POST",
        "/{webhook}/rotate",
        "Idempotency-Key",
        headers={"Idempotency-Key": "a b"},
    ),
    _webhook("webhooks: limit 0", "GET", "?limit=0", "limit"),
    _webhook("webhooks: wild cursor", "GET", "?cursor=x", "cursor"),
    _webhook("held deliveries: unknown state", "GET", "/{webhook}/held?state=lost", "state"),
    _webhook("held deliveries: wild cursor", "GET", "/{webhook}/held?cursor=x", "cursor"),
    _webhook("discard of a delivery without a reason", "POST", "/{webhook}/held/x/discard", "reason", {}),
    *(
        Bad(f"{method} {path}: no such webhook", "callback", method, path, 404, None, body, role="admin")
        for method, path, body in (
            ("GET", _NO_WEBHOOK, None),
            ("PATCH", _NO_WEBHOOK, {}),
            ("DELETE", _NO_WEBHOOK, None),
            ("POST", f"{_NO_WEBHOOK}/rotate", None),
            ("POST", f"{_NO_WEBHOOK}/replay", None),
            ("GET", f"{_NO_WEBHOOK}/held", None),
            ("GET", "/webhooks/{webhook}/held/x", None),
            ("POST", "/webhooks/{webhook}/held/x/replay", None),
            ("POST", "/webhooks/{webhook}/held/x/discard", {"reason": "?"}),
        )
    ),
    *(
        Bad(f"change: {why}", "callback", "PATCH", "/webhooks/{webhook}", status, raw=raw, role="admin")
        for why, status, raw in (
            ("broken JSON", 400, b'{"state": "dis'),
            ("too large", 413, b'{"url": "' + b"x" * 300_000 + b'"}'),
        )
    ),
]
