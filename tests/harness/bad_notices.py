"""The bad requests about notices."""

import uuid

from tests.harness.bad import Bad

__all__ = ["NOTICES"]

_NOBODY = f"/notices/held/{uuid.uuid4()}"

NOTICES = [
    Bad("held notices: limit 0", "callback", "GET", "/notices/held?limit=0", 422, "limit", role="admin"),
    Bad(
        "held notices: unknown state",
        "callback",
        "GET",
        "/notices/held?state=lost",
        422,
        "state",
        role="admin",
    ),
    Bad("held notices: wild cursor", "callback", "GET", "/notices/held?cursor=x", 422, "cursor", role="head"),
    Bad("replay of no notice", "callback", "POST", f"{_NOBODY}/replay", 404, role="admin"),
    Bad(
        "discard of no notice",
        "callback",
        "POST",
        f"{_NOBODY}/discard",
        404,
        None,
        {"reason": "?"},
        role="admin",
    ),
    Bad(
        "discard of a notice without a reason",
        "callback",
        "POST",
        f"{_NOBODY}/discard",
        422,
        "reason",
        {},
        role="head",
    ),
    Bad(
        "reach of no case", "intake", "GET", f"/cases/{uuid.uuid4()}/reach?channels=email", 404, role="system"
    ),
    Bad(
        "reach by pigeon",
        "intake",
        "GET",
        "/cases/{case}/reach?channels=pigeon",
        422,
        "channels",
        role="system",
    ),
    Bad("reach on no channel", "intake", "GET", "/cases/{case}/reach", 422, "channels", role="system"),
    Bad(
        "reach of a case id that is too long",
        "intake",
        "GET",
        f"/cases/{'7' * 65}/reach?channels=sms",
        422,
        "case_id",
        role="system",
    ),
]
