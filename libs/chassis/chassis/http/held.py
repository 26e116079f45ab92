"""`/held`: the messages that a service set aside. For admins; replaying and discarding are safe to repeat."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, Field

from chassis.auth import Principal
from chassis.errors import NotFound, RuleViolation
from chassis.held import HeldMessages
from chassis.http.paging import Limit, Page, decode_cursor, encode_cursor
from chassis.http.requests import Line, RequestModel, example
from chassis.http.roles import allow

_HELD = {
    "id": "69a53c1e8f4b2a0012d4c7e1",
    "state": "held",
    "group": "callback",
    "topic": "lofte.casework",
    "partition": 2,
    "offset": 1841,
    "key": "6f9619ff-8b86-8011-b42d-00c04fc964ff",
    "type": "casework.case-resolved.v1",
    "source": "/0581/casework/0581.case-6f9619ff-8b86-8011-b42d-00c04fc964ff",
    "event_id": "01959000-0000-7000-8000-000000000012",
    "municipality": "0581",
    "reason": "MalformedRecordError: minutes: int_parsing",
    "attempts": 1,
    "held_at": "2026-03-02T08:00:00Z",
    "resolved_at": None,
    "discarded_because": None,
    "discarded_by": None,
}


class HeldMessage(BaseModel):
    """A message that could not be handled, or is behind one: they are replayed together, in order."""

    model_config = example(**_HELD)

    id: str
    state: str = Field(description="held, replayed, discarded")
    group: str
    topic: str
    partition: int
    offset: int
    key: str | None
    type: str | None
    source: str | None
    event_id: str | None
    municipality: str | None
    reason: str
    attempts: int
    held_at: datetime
    resolved_at: datetime | None
    discarded_because: str | None
    discarded_by: str | None


class HeldRecord(HeldMessage):
    """The same with the record's bytes."""

    model_config = example(
        **_HELD, headers=[["ce_type", "casework.case-resolved.v1"]], value_base64="eyJtaW51dGVzIjogIngifQ=="
    )

    headers: list[tuple[str, str | None]]
    value_base64: str | None


class Discard(RequestModel):
    """Why a message is given up."""

    model_config = example(reason="Sent by a test system; the case does not exist.")

    reason: Line


def held_routes(held: HeldMessages) -> Sequence[ControllerRouterHandler]:
    """List, show, replay and discard what a service holds."""

    @get("/held", **allow("admin"))
    async def list_held(
        principal: NamedDependency[Principal],
        limit: Limit = 50,
        in_state: Annotated[
            Literal["held", "replayed", "discarded", "any"],
            QueryParameter(name="state", description="Only these"),
        ] = "held",
        cursor: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
    ) -> Page[HeldMessage]:
        """The held messages of the token's municipality, and those that do not say theirs, oldest first."""
        place = decode_cursor(cursor, after=str)
        found = await held.list(
            state=None if in_state == "any" else in_state,
            municipality=principal.municipality,
            after=place["after"] if place else None,
            limit=limit + 1,
        )
        items = [HeldMessage(**_described(document)) for document in found[:limit]]
        return Page(items=items, next=encode_cursor({"after": items[-1].id}) if len(found) > limit else None)

    @get("/held/{message_id:str}", **allow("admin", refuses=(NotFound,)))
    async def show_held(message_id: FromPath[str], principal: NamedDependency[Principal]) -> HeldRecord:
        """One message with its bytes."""
        return _record(await held.show(message_id, principal.municipality))

    @post(
        "/held/{message_id:str}/replay", status_code=202, **allow("admin", refuses=(NotFound,), keyed=False)
    )
    async def replay_held(message_id: FromPath[str], principal: NamedDependency[Principal]) -> HeldRecord:
        """Handle it again, with all that is held with it; the consumer of its partition does so within seconds."""
        return _record(await held.replay(message_id, principal.municipality))

    @post(
        "/held/{message_id:str}/discard",
        status_code=200,
        **allow("admin", refuses=(NotFound, RuleViolation), keyed=False),
    )
    async def discard_held(
        message_id: FromPath[str], principal: NamedDependency[Principal], data: JSONBody[Discard]
    ) -> HeldRecord:
        """Give it up, for a reason that is kept; what is held behind it is handled."""
        return _record(
            await held.discard(
                message_id, reason=data.reason, by=principal.subject, municipality=principal.municipality
            )
        )

    return [list_held, show_held, replay_held, discard_held]


def _described(document: Mapping[str, Any]) -> dict[str, Any]:
    key = document["key"]
    optional = ("resolved_at", "discarded_because", "discarded_by")
    return {
        **{name: document[name] for name in HeldMessage.model_fields if name in document},
        **{name: document.get(name) for name in optional},
        "id": str(document["_id"]),
        "key": None if key is None else key.decode("utf-8", "backslashreplace"),
    }


def _record(document: Mapping[str, Any]) -> HeldRecord:
    value = document["value"]
    return HeldRecord(
        **_described(document),
        headers=[
            (name, None if header is None else header.decode("utf-8", "backslashreplace"))
            for name, header in document["headers"]
        ],
        value_base64=None if value is None else base64.b64encode(value).decode(),
    )
