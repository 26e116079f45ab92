"""HTTP in: notices that did not go out, for people: listed, sent again, given up."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from chassis.auth import Principal
from chassis.errors import NotAllowed, NotFound, RuleViolation
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor, example
from chassis.http.held import Discard
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, Field

from callback.outgoing.held import HeldDeliveries

ROLES = ("head", "admin")
HeldState = Literal["held", "replayed", "discarded", "any"]


class HeldNotice(BaseModel):
    """A notice that was tried for long enough. No address is told: nobody keeps it."""

    model_config = example(
        id="0b1f6a52-5f0e-5d0c-9a55-7f1f3a4f8f10",
        state="held",
        way="0581.email",
        occasion="due",
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        reason="refused",
        attempts=10,
        held_at="2026-03-05T12:00:00Z",
        resolved_at=None,
        discarded_because=None,
        discarded_by=None,
    )

    id: str
    state: str = Field(description="held, replayed, discarded")
    way: str = Field(
        description="Through what it goes: the municipality, then email, sms, webhook or citizen"
    )
    occasion: str = Field(description="reminder, due, overdue, delay, unresolved")
    case_id: str
    reason: str
    attempts: int
    held_at: datetime
    resolved_at: datetime | None
    discarded_because: str | None
    discarded_by: str | None


def routes(held: HeldDeliveries) -> Sequence[ControllerRouterHandler]:
    """`/notices/held`."""

    async def known(principal: Principal, notice_id: str) -> str:
        _whole(principal)
        return await held.subscription_of(f"{principal.municipality}.", notice_id)

    @get("/notices/held", **allow(*ROLES))
    async def list_held_notices(
        principal: NamedDependency[Principal],
        limit: Limit = 50,
        in_state: Annotated[HeldState, QueryParameter(name="state", description="Only these")] = "held",
        cursor: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
    ) -> Page[HeldNotice]:
        """The municipality's notices that were tried for long enough."""
        _whole(principal)
        place = decode_cursor(cursor, after=str)
        found = await held.of(
            f"{principal.municipality}.",
            state=None if in_state == "any" else in_state,
            after=place["after"] if place else None,
            limit=limit + 1,
        )
        shown = found[:limit]
        last = encode_cursor({"after": shown[-1]["_id"]}) if len(found) > limit else None
        return Page(items=[_described(document) for document in shown], next=last)

    @post(
        "/notices/held/{notice_id:str}/replay",
        status_code=202,
        **allow(*ROLES, refuses=(NotFound,), keyed=False),
    )
    async def replay_held_notice(
        notice_id: FromPath[str], principal: NamedDependency[Principal]
    ) -> HeldNotice:
        """Send it again, with the same Message-ID, if it still says what is so."""
        way = await known(principal, notice_id)
        await held.replay(way, notice_id)
        return _described(await held.show(way, notice_id))

    @post(
        "/notices/held/{notice_id:str}/discard",
        status_code=200,
        **allow(*ROLES, refuses=(NotFound, RuleViolation), keyed=False),
    )
    async def discard_held_notice(
        notice_id: FromPath[str], principal: NamedDependency[Principal], data: JSONBody[Discard]
    ) -> HeldNotice:
        """Give it up, for a reason that is kept."""
        way = await known(principal, notice_id)
        return _described(await held.discard(way, notice_id, reason=data.reason, by=principal.subject))

    return [list_held_notices, replay_held_notice, discard_held_notice]


def _whole(principal: Principal) -> None:
    if principal.department is not None:
        raise NotAllowed("notices are the whole municipality's; ask without a department")


def _described(document: Mapping[str, Any]) -> HeldNotice:
    told = {name: document.get(name) for name in HeldNotice.model_fields}
    own = {"id": document["event_id"], "way": document["subscription"], "occasion": document["type"]}
    return HeldNotice.model_validate(told | own)
