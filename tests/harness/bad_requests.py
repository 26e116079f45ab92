"""Every bad request that the services are asked, and what they must say to it."""

import uuid
from collections.abc import Mapping
from typing import Any

from lofte_local.paths import MUNICIPALITIES

from tests.harness.bad import Bad
from tests.harness.bad_notices import NOTICES
from tests.harness.bad_webhooks import WEBHOOKS
from tests.harness.people import contact
from tests.harness.running import SERVICES

__all__ = ["IN_2380", "TABLE", "Bad"]

LIMIT = 64 * 1024
IN_2380 = {"municipality": "2380"}
GOOD_FILE = (MUNICIPALITIES / "2380.yaml").read_text("utf-8")


def _contact(why: str, names: str, status: int = 422, **change: Any) -> Bad:
    body = {**contact("email", "city.planning"), **IN_2380, **change}
    body = {name: value for name, value in body.items() if value is not ...}
    return Bad(why, "intake", "POST", "/contacts", status, names, body)


def _citizen(why: str, names: str, **change: Any) -> Bad:
    return _contact(why, names, citizen={"kind": "person", **change})


def _history(why: str, names: str | None, status: int = 422, role: str = "system", **change: Any) -> Bad:
    told = {"outcome": "answered", "answered_at": "2010-03-02T08:00:00+01:00"} | change
    body = {**contact("web"), **IN_2380, "occurred_at": "2010-03-01T08:00:00+01:00", "history": told}
    return Bad(why, "intake", "POST", "/contacts", status, names, body, role=role)


def _act(
    why: str,
    verb: str,
    names: str | None,
    body: Any,
    status: int = 422,
    *,
    etag: str = "{etag}",
    on: str = "{case}",
) -> Bad:
    headers = {"If-Match": etag}
    return Bad(why, "casework", "POST", f"/cases/{on}/{verb}", status, names, body, headers=headers)


def _read(
    why: str, service: str, path: str, names: str | None, status: int = 422, role: str = "guide"
) -> Bad:
    return Bad(why, service, "GET", path, status, names, role=role)


def _quote(why: str, names: str, **body: Any) -> Bad:
    return Bad(f"quote: {why}", "callback", "POST", "/promises/quote", 422, names, body)


def _draft(why: str, names: str, query: str = "", **body: Any) -> Bad:
    return Bad(
        f"draft: {why}", "callback", "POST", f"/policies/compare{query}", 422, names, body, role="head"
    )


CONTACTS = [
    _contact("no municipality", "municipality", municipality=...),
    _contact("municipality of letters", "municipality", municipality="Norrköping"),
    _contact("another municipality", "municipality", 403, municipality="0581"),
    _contact("no channel", "channel", channel=...),
    _contact("unknown channel", "channel", channel="pigeon"),
    _contact("no citizen", "citizen", citizen=...),
    _contact("no subject", "subject", subject=...),
    _contact("empty subject", "subject", subject=""),
    _contact("blank subject", "subject", subject=" \n "),
    _contact("subject is a number", "subject", subject=7),
    _contact("NUL in the subject", "subject", subject="a\0b"),
    _contact("NUL in the text", "text", text="a\0b"),
    _contact("text over the limit", "text", text="x" * (LIMIT + 1)),
    _contact("text over the limit in bytes", "text", text="ö" * (LIMIT // 2 + 1)),
    _contact("unknown topic", "topic", topic="city.unicorns"),
    _contact("agreed in the past", "agreed_due_at", agreed_due_at="2026-03-01T08:00:00+01:00"),
    _contact("agreed for years ahead", "agreed_due_at", agreed_due_at="2029-03-01T08:00:00+01:00"),
    _contact("agreed without a zone", "agreed_due_at", agreed_due_at="2026-03-05T08:00:00"),
    _contact("reachable at no time", "reachable", reachable=[]),
    _contact("reachable on no day", "reachable.0.days", reachable=[{"days": []}]),
    _contact("reachable on an unknown day", "reachable.0.days.0", reachable=[{"days": ["lör"]}]),
    _contact("reachable after no time", "reachable.0.after", reachable=[{"days": ["mon"], "after": "3 pm"}]),
    _contact(
        "reachable backwards",
        "reachable.0.before",
        reachable=[{"days": ["mon"], "after": "15:00", "before": "09:00"}],
    ),
    _contact("empty topic", "topic", topic=""),
    _contact("menu choice 0", "menu_choice", topic=..., menu_choice=0),
    _contact("menu choice 6", "menu_choice", topic=..., menu_choice=6),
    _contact("menu choice of another topic", "menu_choice", menu_choice=1),
    _contact("unknown person asked for", "asked_for", asked_for="person.nobody"),
    _contact("naive time", "occurred_at", occurred_at="2026-03-02T08:00:00"),
    _contact("no time at all", "occurred_at", occurred_at="yesterday"),
    _contact("a number for a time", "occurred_at", occurred_at=1772434800),
    _contact("future time", "occurred_at", occurred_at="2027-03-02T08:00:00+01:00"),
    _contact("more than 30 days back", "occurred_at", occurred_at="2026-01-02T08:00:00+01:00"),
    _contact("a time beyond the calendar", "occurred_at", occurred_at="9999-12-31T23:59:59-14:00"),
    _contact("live is a word", "live", live="perhaps"),
    _contact("unknown case", "case_id", case_id=str(uuid.uuid4())),
    _contact("case id is no id", "case_id", case_id="../cases"),
    _contact("case id is too long", "case_id", case_id="7" * 65),
    _contact("unknown field", "colour", colour="blue"),
    _citizen("unknown kind", "citizen.kind", kind="robot"),
    _citizen("no phone number", "citizen.phone", phone="at home"),
    _citizen("no e-mail address", "citizen.email", email="maja at example"),
    _citizen("phone number without its area code", "citizen.phone", phone="15 00 00"),
    _citizen("blank name", "citizen.name", name="  "),
    _citizen("name that turns the reading direction", "citizen.name", name="Maja\u202edniL"),
    _citizen("name of two lines", "citizen.name", name="Maja\nLind"),
    _citizen("NUL in the name", "citizen.name", name="Maja\0"),
    _citizen("unknown field", "citizen.age", age=7),
    _citizen("name over the limit", "citizen.name", name="M" * 501),
    _contact("citizen is a list", "citizen", citizen=[]),
    _history("history by a guide", None, 403, role="guide"),
    _history("unknown outcome", "history.outcome", outcome="lost"),
    _history("unknown owner of history", "history.routed_to", routed_to="department.moon"),
    _history("answered at no time", "history.answered_at", answered_at=None),
    _history("answered in the future", "history.answered_at", answered_at="2027-03-02T08:00:00+01:00"),
    _history("withdrawn and answered", "history.answered_at", outcome="withdrawn"),
    _history("unknown field of history", "history.colour", colour="blue"),
    Bad("a list", "intake", "POST", "/contacts", 422, "body", body=[]),
    Bad(
        "key with a space",
        "intake",
        "POST",
        "/contacts",
        422,
        "Idempotency-Key",
        {**contact("email"), **IN_2380},
        headers={"Idempotency-Key": "a b"},
    ),
    Bad(
        "key over the limit",
        "intake",
        "POST",
        "/contacts",
        422,
        "Idempotency-Key",
        {**contact("email"), **IN_2380},
        headers={"Idempotency-Key": "k" * 201},
    ),
    _read("unknown contact", "intake", f"/contacts/{uuid.uuid4()}", None, 404),
    _read("citizen's reference is too long", "intake", f"/citizens/{'7' * 65}/matters", "citizen_ref"),
    _read("contact id is too long", "intake", f"/contacts/{'7' * 65}", "contact_id"),
]
VERBS: Mapping[str, Any] = {
    "claim": {},
    "attempt": {},
    "citizen-contacted": {"outcome": "reached"},
    "await-citizen": {"reason": "awaiting_citizen"},
    "resume": {},
    "withdraw": {"reason": "cancelled"},
    "forward": {"to_topic": "city.planning", "reason": "?"},
    "return": {"reason_code": "wrong_owner", "text": "?"},
    "resolve": {"answer": "?", "minutes": 1},
    "reopen": {"reason": "?"},
}
EXPLAIN = [
    Bad(why, "routing", "POST", "/routes/explain", 422, names, {"channel": "phone", **change})
    for why, names, change in (
        ("unknown channel", "channel", {"channel": "pigeon"}),
        ("unknown kind", "citizen_kind", {"citizen_kind": "robot"}),
        ("unknown topic", "topic", {"topic": "city.unicorns"}),
        ("menu choice 9", "menu_choice", {"menu_choice": 9}),
        ("unknown person", "asked_for", {"asked_for": "person.nobody"}),
        ("unknown field", "colour", {"colour": "blue"}),
        ("NUL in the topic", "topic", {"topic": "city\0"}),
    )
] + [
    Bad(
        "another municipality",
        "routing",
        "POST",
        "/routes/explain",
        403,
        None,
        {"channel": "phone", "municipality": "0581"},
    )
]
ACTS = [
    *(
        bad
        for verb, body in VERBS.items()
        for bad in (
            _act(f"{verb} without If-Match", verb, None, body, 428, etag=""),
            _act(f"{verb}: stale If-Match", verb, None, body, 412, etag='"1"'),
            _act(f"{verb}: If-Match of two words", verb, "If-Match", body, etag='"1", "2"'),
            _act(f"{verb} of an unknown case", verb, None, body, 404, etag="*", on=str(uuid.uuid4())),
            _act(
                f"{verb} out of turn",
                verb,
                None,
                body,
                409,
                on="{case}" if verb == "reopen" else "{resolved}",
            ),
        )
    ),
    _act("If-Match of the future", "claim", None, {}, 412, etag='"999"'),
    _act("If-Match is a word", "claim", "If-Match", {}, etag="new"),
    _act("If-Match is weak", "claim", "If-Match", {}, etag='W/"1"'),
    _act("claim with a field", "claim", "by", {"by": "me"}),
    _act("note without text", "note", "text", {}),
    _act("empty note", "note", "text", {"text": ""}),
    _act("note with a stale If-Match", "note", None, {"text": "?"}, 412, etag='"1"'),
    _act(
        "reached before the citizen contacted us",
        "citizen-contacted",
        None,
        {"outcome": "reached", "occurred_at": "2020-03-02T08:00:00Z"},
        409,
    ),
    _act("blank note", "note", "text", {"text": "  "}),
    _act("note over the limit", "note", "text", {"text": "x" * (LIMIT + 1)}),
    _act("note with NUL", "note", "text", {"text": "\0"}),
    _act("attempt of no minutes", "attempt", "minutes", {"minutes": 0}),
    _act("attempt all day", "attempt", "minutes", {"minutes": 61}),
    _act("no outcome", "citizen-contacted", "outcome", {}),
    _act("unknown outcome", "citizen-contacted", "outcome", {"outcome": "dreamt"}),
    _act(
        "naive time",
        "citizen-contacted",
        "occurred_at",
        {"outcome": "reached", "occurred_at": "2026-03-02T08:00:00"},
    ),
    _act(
        "future time",
        "citizen-contacted",
        "occurred_at",
        {"outcome": "reached", "occurred_at": "2027-03-02T08:00:00Z"},
    ),
    _act("no reason to wait", "await-citizen", "reason", {}),
    _act("unknown reason to wait", "await-citizen", "reason", {"reason": "holiday"}),
    _act("chosen at no time", "await-citizen", "until", {"reason": "time_chosen_by_citizen"}),
    _act(
        "chosen long ago",
        "await-citizen",
        "until",
        {"reason": "time_chosen_by_citizen", "until": "2020-03-02T08:00:00Z"},
    ),
    _act(
        "waiting from the future",
        "await-citizen",
        "occurred_at",
        {"reason": "awaiting_citizen", "occurred_at": "2027-03-02T08:00:00Z"},
    ),
    _act(
        "waiting before the citizen contacted us",
        "await-citizen",
        None,
        {"reason": "awaiting_citizen", "occurred_at": "2020-03-02T08:00:00Z"},
        409,
    ),
    _act("resume what does not wait", "resume", None, {}, 409),
    _act("resume with a field", "resume", "by", {"by": "me"}),
    _act("unknown reason to withdraw", "withdraw", "reason", {"reason": "lazy"}),
    _act("forward to nobody", "forward", "to_topic", {"reason": "?"}),
    _act(
        "forward to both",
        "forward",
        "to_topic",
        {"to_topic": "city.planning", "to_owner": "group.city", "reason": "?"},
    ),
    _act("forward to an unknown topic", "forward", "to_topic", {"to_topic": "x", "reason": "?"}),
    _act("forward to an unknown owner", "forward", "to_owner", {"to_owner": "person.x", "reason": "?"}),
    _act("forward without reason", "forward", "reason", {"to_topic": "city.planning"}),
    _act("unknown reason", "return", "reason_code", {"reason_code": "lazy", "text": "?"}),
    _act("return without text", "return", "text", {"reason_code": "wrong_owner"}),
    _act("no answer", "resolve", "answer", {"minutes": 1}),
    _act("blank answer", "resolve", "answer", {"answer": "\n", "minutes": 1}),
    _act("no minutes", "resolve", "minutes", {"answer": "?"}),
    _act("negative minutes", "resolve", "minutes", {"answer": "?", "minutes": -1}),
    _act("half a minute", "resolve", "minutes", {"answer": "?", "minutes": 0.5}),
    _act("minutes as text", "resolve", "minutes", {"answer": "?", "minutes": "5"}),
    _act("answer over the limit", "resolve", "answer", {"answer": "x" * (LIMIT + 1), "minutes": 1}),
    _act("reopen without reason", "reopen", "reason", {}),
    _read("unknown case", "casework", f"/cases/{uuid.uuid4()}", None, 404),
    _read("case id is too long", "casework", f"/cases/{'7' * 65}", "case_id"),
    _read("history: case id is too long", "casework", f"/cases/{'7' * 65}/history", "case_id"),
    _read("history of an unknown case", "casework", f"/cases/{uuid.uuid4()}/history", None, 404),
    Bad(
        "note on an unknown case", "casework", "POST", f"/cases/{uuid.uuid4()}/note", 404, None, {"text": "?"}
    ),
]


def _promise(why: str, verb: str, names: str | None, body: Any, status: int = 422) -> Bad:
    return Bad(why, "callback", "POST", f"/promises/{{case}}/{verb}", status, names, body)


_AGREED = {"how": "phone"}
_MORE = {"reason": "more_time_needed"}
CHANGES = [
    _promise("no time", "renew", "due_at", {"agreed": _AGREED, **_MORE}),
    _promise(
        "two times",
        "renew",
        "due_at",
        {"working_days": 1, "clock_hours": 24, "agreed": _AGREED, **_MORE},
    ),
    _promise(
        "a time that has passed",
        "renew",
        "due_at",
        {"due_at": "2020-03-02T08:00:00Z", "agreed": _AGREED, **_MORE},
    ),
    _promise("no working day", "renew", "working_days", {"working_days": 0, "agreed": _AGREED, **_MORE}),
    _promise("agreed on nothing", "renew", "agreed", {"working_days": 1, **_MORE}),
    _promise(
        "agreed by pigeon", "renew", "agreed.how", {"working_days": 1, "agreed": {"how": "pigeon"}, **_MORE}
    ),
    _promise(
        "agreed in the future",
        "renew",
        "agreed.occurred_at",
        {
            "working_days": 1,
            "agreed": {"how": "phone", "occurred_at": "2027-03-02T08:00:00Z"},
            **_MORE,
        },
    ),
    _promise("no reason", "renew", "reason", {"working_days": 1, "agreed": _AGREED}),
    _promise("nothing is promised yet", "renew", None, {"working_days": 1, "agreed": _AGREED, **_MORE}, 409),
    _promise("nothing to withdraw yet", "withdraw", None, {"reason": "cancelled"}, 409),
    _promise("unknown reason", "withdraw", "reason", {"reason": "lazy"}),
    Bad(
        "renewal of an unknown case",
        "callback",
        "POST",
        f"/promises/{uuid.uuid4()}/renew",
        404,
        None,
        {"working_days": 1, "agreed": _AGREED, **_MORE},
    ),
    Bad(
        "withdrawal of an unknown case",
        "callback",
        "POST",
        f"/promises/{uuid.uuid4()}/withdraw",
        404,
        None,
        {"reason": "cancelled"},
    ),
]
_STARTED = "2025-08-01T08:00:00Z"
STATUTORY = [
    _promise("no time of initiation", "statutory", "initiated_at", {}),
    _promise("initiated tomorrow", "statutory", "initiated_at", {"initiated_at": "2027-03-02T08:00:00Z"}),
    _promise("initiated long ago", "statutory", "initiated_at", {"initiated_at": "2019-12-31T08:00:00Z"}),
    _promise("initiated nowhere", "statutory", "initiated_at", {"initiated_at": "2025-08-01T08:00:00"}),
    _promise("initiated by name", "statutory", "party", {"initiated_at": _STARTED, "party": "?"}),
    _promise(
        "a municipality that keeps no statutory clock", "statutory", None, {"initiated_at": _STARTED}, 409
    ),
    _promise("no reason for a delay", "statutory/delay-notice", "reason", {"how": "letter"}),
    _promise(
        "a reason in words", "statutory/delay-notice", "reason", {"reason": "We forgot.", "how": "letter"}
    ),
    _promise("told by pigeon", "statutory/delay-notice", "how", {"reason": "referral", "how": "pigeon"}),
    _promise(
        "expected before it was told",
        "statutory/delay-notice",
        "expected_at",
        {"reason": "referral", "how": "letter", "expected_at": "2026-01-02T08:00:00Z"},
    ),
    _promise(
        "told tomorrow",
        "statutory/delay-notice",
        "occurred_at",
        {"reason": "referral", "how": "letter", "occurred_at": "2027-03-02T08:00:00Z"},
    ),
    _promise(
        "received tomorrow", "statutory/request", "received_at", {"received_at": "2027-03-02T08:00:00Z"}
    ),
    _promise("an unknown outcome", "statutory/decision", "outcome", {"outcome": "forgotten"}),
    _promise(
        "decided tomorrow",
        "statutory/decision",
        "occurred_at",
        {"outcome": "decided", "occurred_at": "2027-03-02T08:00:00Z"},
    ),
    _promise(
        "no clock to tell of", "statutory/delay-notice", None, {"reason": "referral", "how": "letter"}, 409
    ),
    _promise("no clock to ask under", "statutory/request", None, {}, 409),
    _promise("no clock to end", "statutory/decision", None, {"outcome": "decided"}, 409),
    *(
        Bad(
            f"{path} of an unknown case",
            "callback",
            "POST",
            f"/promises/{uuid.uuid4()}/{path}",
            404,
            None,
            body,
        )
        for path, body in (
            ("statutory", {"initiated_at": _STARTED}),
            ("statutory/delay-notice", {"reason": "referral", "how": "letter"}),
            ("statutory/request", {}),
            ("statutory/decision", {"outcome": "decided"}),
        )
    ),
]
READS = [
    _read("unknown owner", "casework", "/owners/group.unicorns/cases", "owner"),
    _read("limit 0", "casework", "/owners/group.city/cases?limit=0", "limit"),
    _read("limit of letters", "casework", "/owners/group.city/cases?limit=many", "limit"),
    _read("limit 201", "callback", "/promises?limit=201", "limit"),
    _read("wild cursor", "casework", "/owners/group.city/cases?cursor=%00%ff", "cursor"),
    _read("cursor of another list", "casework", "/owners/group.city/cases?cursor=e30", "cursor"),
    _read(
        "cursor with a wild time",
        "casework",
        "/owners/group.city/cases?cursor=eyJhdCI6IngiLCJjYXNlIjoieSJ9",
        "cursor",
    ),
    _read("wild cursor", "callback", "/promises?cursor=x", "cursor"),
    _read("unknown state", "callback", "/promises?state=lost", "state"),
    _read("naive time", "callback", "/promises?due_before=2026-03-02T08:00:00", "due_before"),
    _read(
        "the first hour of all", "callback", "/promises?due_before=0001-01-01T00:00:00%2B14:00", "due_before"
    ),
    _read("no time", "callback", "/promises?due_before=soon", "due_before"),
    _read("unknown owner", "callback", "/promises?owner=group.unicorns", "owner"),
    _read("unknown case", "callback", f"/promises/{uuid.uuid4()}", None, 404),
    _read("case id is too long", "callback", f"/promises/{'7' * 65}", "case_id"),
    _read("ledger of an unknown case", "callback", f"/promises/{uuid.uuid4()}/ledger", None, 404),
    _read("ledger: case id is too long", "callback", f"/promises/{'7' * 65}/ledger", "case_id"),
    _read("as of no time", "callback", "/promises/as-of", "at"),
    _read("as of a naive time", "callback", "/promises/as-of?at=2026-03-02T08:00:00", "at"),
    _read("as of a time to come", "callback", "/promises/as-of?at=2999-03-02T08:00:00Z", "at"),
    _read("as of: wild cursor", "callback", "/promises/as-of?at=2026-03-02T08:00:00Z&cursor=x", "cursor"),
    _read(
        "as of: unknown owner",
        "callback",
        "/promises/as-of?at=2026-03-02T08:00:00Z&owner=group.unicorns",
        "owner",
    ),
    _read("forecast: unknown owner", "callback", "/promises/forecast?owner=group.unicorns", "owner"),
    _read("forecast: limit 0", "callback", "/promises/forecast?limit=0", "limit"),
    _read("forecast: wild cursor", "callback", "/promises/forecast?cursor=x", "cursor"),
    _read("forecast until no time", "callback", "/promises/forecast?until=noon", "until"),
    _read("forecast of the past", "callback", "/promises/forecast?until=2020-03-02T08:00:00Z", "until"),
    _read("forecast of years", "callback", "/promises/forecast?until=2999-03-02T08:00:00Z", "until"),
    _read("no such calendar", "callback", "/calendars/group.unicorns.ics", None, 404),
    _read("no calendar file", "callback", "/calendars/group.city", None, 404),
    _quote("nothing asked", "owner"),
    _quote("unknown owner", "owner", owner="group.unicorns"),
    _quote("unknown topic", "topic", topic="city.unicorns"),
    _quote("unknown channel", "channel", topic="city.planning", channel="pigeon"),
    _quote("unknown field", "colour", topic="city.planning", colour="red"),
    _quote("naive time", "received_at", topic="city.planning", received_at="2026-03-02T08:00:00"),
    _quote("the last hour of all", "received_at", topic="city.planning", received_at="9999-12-31T23:00:00Z"),
    _quote(
        "the first hour of all", "received_at", topic="city.planning", received_at="0001-01-01T00:00:00+14:00"
    ),
    _draft("no draft", "file"),
    _draft("empty draft", "file", file=""),
    _draft("not YAML", "file", file="a: ["),
    _draft("draft is a number", "file", file=7),
    _draft("wild cursor", "cursor", "?cursor=x", file=GOOD_FILE),
    _draft("cursor of another list", "cursor", "?cursor=e30", file=GOOD_FILE),
    _read("no from", "metrics", "/summary?to=2026-03-03", "from"),
    _read("no to", "metrics", "/summary?from=2026-03-03", "to"),
    _read("no day", "metrics", "/summary?from=monday&to=2026-03-03", "from"),
    _read("the 30th of February", "metrics", "/summary?from=2026-02-30&to=2026-03-03", "from"),
    _read("the first day of all", "metrics", "/summary?from=0001-01-01&to=2026-03-03", "from"),
    _read("empty period", "metrics", "/summary?from=2026-03-03&to=2026-03-03", "to"),
    _read("unknown grouping", "metrics", "/summary?from=2026-03-02&to=2026-03-03&by=colour", "by"),
]
HELD = [
    bad
    for service in SERVICES
    for bad in (
        _read(f"{service}: limit 0", service, "/held?limit=0", "limit", role="admin"),
        _read(f"{service}: unknown state", service, "/held?state=lost", "state", role="admin"),
        _read(f"{service}: wild cursor", service, "/held?cursor=x", "cursor", role="admin"),
        _read(f"{service}: no id", service, "/held/x", None, 404, role="admin"),
        Bad(
            f"{service}: replay of nothing",
            service,
            "POST",
            f"/held/{'0' * 24}/replay",
            404,
            None,
            role="admin",
        ),
        Bad(
            f"{service}: no reason",
            service,
            "POST",
            f"/held/{'0' * 24}/discard",
            422,
            "reason",
            {},
            role="admin",
        ),
    )
]
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_DISCARD = f"/held/{'0' * 24}/discard"
BODIES = [
    Bad(f"{path}: {why}", service, "POST", path, status, names, raw=raw, headers=headers, role=role)
    for service, path, role in (
        ("intake", "/contacts", "guide"),
        ("routing", "/routes/explain", "guide"),
        *(("casework", f"/cases/{{case}}/{verb}", "guide") for verb in ("note", *VERBS)),
        ("callback", "/promises/quote", "guide"),
        ("callback", "/policies/compare", "head"),
        ("callback", "/promises/{case}/renew", "guide"),
        ("callback", "/promises/{case}/withdraw", "guide"),
        ("callback", "/promises/{case}/statutory", "guide"),
        ("callback", "/promises/{case}/statutory/delay-notice", "guide"),
        ("callback", "/promises/{case}/statutory/request", "guide"),
        ("callback", "/promises/{case}/statutory/decision", "guide"),
        ("intake", _DISCARD, "admin"),  # the same code in all five
        ("callback", "/webhooks", "admin"),
        ("callback", "/webhooks/{webhook}/held/x/discard", "admin"),
        ("callback", "/notices/held/x/discard", "admin"),
    )
    for why, status, names, raw, headers in (
        ("broken JSON", 400, None, b'{"channel": "pho', {}),
        ("not UTF-8", 400, None, b'{"a": "\xff\xfe"}', {}),
        ("nothing", 422, "body", b"", {}),
        ("null", 422, "body", b"null", {}),
        ("a number", 422, "body", b"7", {}),
        ("nested deeply", 400, None, b"[" * 100_000, {}),
        ("too large", 413, None, b'{"text": "' + b"x" * 300_000 + b'"}', {}),
        ("a form", 415, None, b"a=b", _FORM),
    )
] + [
    *(
        Bad(f"{method} {path}: a form", service, method, path, 415, raw=b"a=b", headers=_FORM, role="admin")
        for service, method, path in (
            ("intake", "POST", _DISCARD.replace("discard", "replay")),
            ("callback", "PATCH", "/webhooks/{webhook}"),
            ("callback", "DELETE", "/webhooks/{webhook}"),
            ("callback", "POST", "/webhooks/{webhook}/rotate"),
            ("callback", "POST", "/webhooks/{webhook}/replay"),
            ("callback", "POST", "/webhooks/{webhook}/held/x/replay"),
            ("callback", "POST", "/notices/held/x/replay"),
        )
    ),
    Bad("discard of nothing", "intake", "POST", _DISCARD, 404, None, {"reason": "?"}, role="admin"),
]
NOWHERE = [
    bad
    for service in SERVICES
    for bad in (
        _read(f"{service}: unknown path", service, "/unicorns", None, 404),
        Bad(f"{service}: unknown method", service, "PATCH", "/held", 405, role="admin"),
    )
]
TABLE = [
    *CONTACTS,
    *EXPLAIN,
    *ACTS,
    *CHANGES,
    *STATUTORY,
    *READS,
    *HELD,
    *WEBHOOKS,
    *NOTICES,
    *BODIES,
    *NOWHERE,
]
