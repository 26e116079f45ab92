"""What the API of webhooks takes and gives."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from chassis.http import Line, RequestModel, example
from lofte_events import PUBLISHED
from pydantic import AfterValidator, BaseModel, Field

HeldState = Literal["held", "replayed", "discarded", "any"]
TELLABLE = frozenset(contract.TYPE for contracts in PUBLISHED.values() for contract in contracts)
"""The types that webhooks hear of: what lies on the topics of the services."""


def _known(types: list[str]) -> list[str]:
    if not set(types) <= TELLABLE:
        raise ValueError("names a type that Löfte does not publish; docs/events.md has them all")
    return list(dict.fromkeys(types))


def _once(owners: list[str]) -> list[str]:
    return list(dict.fromkeys(owners))


Types = Annotated[
    list[str],
    Field(
        min_length=1,
        max_length=200,
        description="Event types to be told",
        json_schema_extra={"items": {"type": "string", "enum": sorted(TELLABLE)}},
    ),
    AfterValidator(_known),
]
Owners = Annotated[
    list[Line],
    Field(
        max_length=200,
        description="Only what is about these owners; none: about all. An event is about the owner that it names, "
        "else about the present owner of its case",
    ),
    AfterValidator(_once),
]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2000,
        description="Where to send: https, a public host",
        examples=["https://system.example/lofte"],
    ),
]
Description = Annotated[Line, Field(description="For people")]


_WEBHOOK = {
    "id": "6f9619ff-8b86-5011-b42d-00c04fc964aa",
    "url": "https://system.example/lofte",
    "types": ["casework.case-resolved.v1", "callback.promise-made.v1"],
    "owners": ["department.building"],
    "description": "Byggnadskontorets ärendesystem",
    "state": "active",
    "disabled_because": None,
    "created_at": "2026-03-02T08:00:00Z",
    "created_by": "building-system",
    "failures": 0,
    "failing_since": None,
    "last_failure": None,
}
_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - nobody's
_DELIVERY = {
    "id": "01959000-0000-7000-8000-000000000012",
    "state": "held",
    "webhook_id": "6f9619ff-8b86-5011-b42d-00c04fc964aa",
    "type": "casework.case-resolved.v1",
    "case_id": "6f9619ff-8b86-8011-b42d-00c04fc964ff",
    "reason": "answered 500",
    "attempts": 10,
    "held_at": "2026-03-05T11:00:00Z",
    "resolved_at": None,
    "discarded_because": None,
    "discarded_by": None,
}


class Subscribe(RequestModel):
    """What to tell, and where."""

    model_config = example(
        **{name: _WEBHOOK[name] for name in ("url", "types", "owners", "description")},
    )

    url: Url
    types: Types
    owners: Owners = Field(default_factory=list)
    description: Description | None = None


class Change(RequestModel):
    """What to change; fields that are left out stay."""

    model_config = example(types=["casework.case-resolved.v1"], state="disabled")

    url: Url | None = None
    types: Types | None = None
    owners: Owners | None = None
    description: Description | None = None
    state: Literal["active", "disabled"] | None = None


class Webhook(BaseModel):
    """A subscription. `failures`: deliveries that failed in a row, over all cases."""

    model_config = example(**_WEBHOOK)

    id: str
    url: str
    types: list[str]
    owners: list[str]
    description: str | None
    state: Literal["active", "disabled"]
    disabled_because: str | None
    created_at: datetime
    created_by: str
    failures: int
    failing_since: datetime | None
    last_failure: str | None


class Subscribed(Webhook):
    """A new subscription, with the secret that its deliveries are signed with."""

    model_config = example(**_WEBHOOK, secret=_SECRET)

    secret: str


class Rotated(BaseModel):
    """A new secret; `former_until`: the one before signs too until then."""

    model_config = example(secret=_SECRET, former_until="2026-03-03T08:00:00Z")

    secret: str
    former_until: datetime | None


class HeldDelivery(BaseModel):
    """A delivery that was set aside, or is behind one; `id` is that of its event, and its `webhook-id`."""

    model_config = example(**_DELIVERY)

    id: str
    state: str = Field(description="held, replayed, discarded")
    webhook_id: str
    type: str
    case_id: str
    reason: str
    attempts: int
    held_at: datetime
    resolved_at: datetime | None
    discarded_because: str | None
    discarded_by: str | None


class HeldWithBody(HeldDelivery):
    """The same with its CloudEvent; gone once it was delivered."""

    model_config = example(
        **_DELIVERY,
        body={
            "specversion": "1.0",
            "id": _DELIVERY["id"],
            "type": _DELIVERY["type"],
            "source": "/0581/casework/0581.case-6f9619ff-8b86-8011-b42d-00c04fc964ff",
            "subject": _DELIVERY["case_id"],
            "time": "2026-03-02T09:00:00.000Z",
            "sequence": "5",
            "municipality": "0581",
            "correlationid": _DELIVERY["case_id"],
            "datacontenttype": "application/json",
            "data": {
                "case_id": _DELIVERY["case_id"],
                "owner": "department.building",
                "by": "handler-bo",
                "route_number": 1,
                "promise_number": 1,
                "minutes": 15,
                "occurred_at": "2026-03-02T09:00:00Z",
                "dataref": "/cases/6f9619ff-8b86-8011-b42d-00c04fc964ff/history",
                "imported": False,
            },
        },
    )

    body: dict[str, Any] | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "HeldWithBody":
        body = document.get("body")
        return cls(**held_described(document), body=json.loads(bytes(body)) if body is not None else None)


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """A subscription's document as it is shown."""
    fields = {name: document[name] for name in Webhook.model_fields if name in document}
    return {**fields, "id": document["_id"]}


def held_described(document: Mapping[str, Any]) -> dict[str, Any]:
    """A held delivery's document as it is shown."""
    fields = {name: document.get(name) for name in HeldDelivery.model_fields}
    return {**fields, "id": document["event_id"], "webhook_id": document["subscription"]}
