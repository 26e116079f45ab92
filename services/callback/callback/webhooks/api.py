"""HTTP in: subscriptions of those who have no Kafka, and what could not be delivered to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from chassis.auth import Principal
from chassis.errors import InvalidInput, NotAllowed, NotFound, RuleViolation
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor, request_cause
from chassis.http.held import Discard
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler
from municipality import Municipality

from callback.outgoing.held import HeldDeliveries
from callback.outgoing.targets import Targets
from callback.webhooks.models import (
    Change,
    HeldDelivery,
    HeldState,
    HeldWithBody,
    Rotated,
    Subscribe,
    Subscribed,
    Webhook,
    described,
    held_described,
)
from callback.webhooks.subscriptions import Subscriptions

ROLES = ("system", "admin")
AnyRequest = Request[Any, Any, Any]

_reading = allow(*ROLES, refuses=(NotFound,))
_changing = allow(*ROLES, refuses=(NotFound,), keyed=False)  # safe to repeat as it is


@dataclass(frozen=True, slots=True)
class Registry:
    """What the routes work with."""

    subscriptions: Subscriptions
    held: HeldDeliveries
    targets: Targets
    municipalities: Mapping[str, Municipality]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """`/webhooks`."""
    subscriptions, held, municipalities = registry.subscriptions, registry.held, registry.municipalities

    async def known(principal: Principal, webhook_id: str) -> dict[str, Any]:
        seen = _owners_seen(principal, municipalities.get(principal.municipality))
        return await subscriptions.get(principal.municipality, webhook_id, seen)

    @post("/webhooks", **allow(*ROLES, refuses=(NotFound, RuleViolation)))
    async def subscribe(
        request: AnyRequest, principal: NamedDependency[Principal], data: JSONBody[Subscribe]
    ) -> Subscribed:
        """Be told of events from now on. The secret is shown here and never again."""
        _check_owners(principal, data.owners, municipalities.get(principal.municipality))
        await registry.targets.check(data.url)
        cause = await request_cause(request, principal)
        found, secret = await subscriptions.create(
            principal.municipality, principal.client, cause, data.model_dump()
        )
        return Subscribed(**described(found), secret=secret)

    @get("/webhooks", **allow(*ROLES))
    async def list_webhooks(
        principal: NamedDependency[Principal],
        limit: Limit = 50,
        cursor: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
    ) -> Page[Webhook]:
        """The municipality's subscriptions; a department sees those that ask for its own owners alone."""
        place = decode_cursor(cursor, after=str)
        seen = _owners_seen(principal, municipalities.get(principal.municipality))
        after = place["after"] if place else None
        found = await subscriptions.list(principal.municipality, seen, after=after, limit=limit + 1)
        items = [Webhook(**described(document)) for document in found[:limit]]
        return Page(items=items, next=encode_cursor({"after": items[-1].id}) if len(found) > limit else None)

    @get("/webhooks/{webhook_id:str}", **_reading)
    async def get_webhook(webhook_id: FromPath[str], principal: NamedDependency[Principal]) -> Webhook:
        """One subscription, and how its receiver is doing."""
        return Webhook(**described(await known(principal, webhook_id)))

    @patch("/webhooks/{webhook_id:str}", **_changing)
    async def change_webhook(
        webhook_id: FromPath[str], principal: NamedDependency[Principal], data: JSONBody[Change]
    ) -> Webhook:
        """Change what is named. While it is disabled nothing is kept for it; what waited goes on when it is enabled."""
        await known(principal, webhook_id)
        told = data.model_dump(exclude_none=True)
        if data.owners is not None:
            _check_owners(principal, data.owners, municipalities.get(principal.municipality))
        if data.url is not None:
            await registry.targets.check(data.url)
        return Webhook(**described(await subscriptions.change(webhook_id, told)))

    @delete("/webhooks/{webhook_id:str}", status_code=204, **_changing)
    async def unsubscribe(webhook_id: FromPath[str], principal: NamedDependency[Principal]) -> None:
        """Be told nothing more; what waits or is held for it is forgotten."""
        await known(principal, webhook_id)
        await subscriptions.delete(webhook_id)

    @post(
        "/webhooks/{webhook_id:str}/rotate",
        status_code=200,
        **allow(*ROLES, refuses=(NotFound, RuleViolation)),
    )
    async def rotate_secret(
        request: AnyRequest, webhook_id: FromPath[str], principal: NamedDependency[Principal]
    ) -> Rotated:
        """A new secret, shown here and never again. The one before signs too until the overlap is over."""
        found = await known(principal, webhook_id)
        changed, secret = await subscriptions.rotate(found, await request_cause(request, principal))
        ends = [entry["until"] for entry in changed["secrets"] if entry["until"] is not None]
        return Rotated(secret=secret, former_until=max(ends, default=None))

    @post("/webhooks/{webhook_id:str}/replay", status_code=202, **_changing)
    async def replay_all(webhook_id: FromPath[str], principal: NamedDependency[Principal]) -> Webhook:
        """Send all that is held again, each case in order."""
        found = await known(principal, webhook_id)
        await held.replay(webhook_id)
        return Webhook(**described(found))

    @get("/webhooks/{webhook_id:str}/held", **_reading)
    async def list_held_deliveries(
        webhook_id: FromPath[str],
        principal: NamedDependency[Principal],
        limit: Limit = 50,
        in_state: Annotated[HeldState, QueryParameter(name="state", description="Only these")] = "held",
        cursor: Annotated[str | None, QueryParameter(description="`next` of the page before")] = None,
    ) -> Page[HeldDelivery]:
        """What was tried for long enough, and what is behind it in the same case; the oldest event first."""
        await known(principal, webhook_id)
        place = decode_cursor(cursor, after=str)
        found = await held.list(
            webhook_id,
            state=None if in_state == "any" else in_state,
            after=place["after"] if place else None,
            limit=limit + 1,
        )
        items = [HeldDelivery(**held_described(document)) for document in found[:limit]]
        return Page(items=items, next=encode_cursor({"after": items[-1].id}) if len(found) > limit else None)

    @get("/webhooks/{webhook_id:str}/held/{delivery_id:str}", **_reading)
    async def show_held_delivery(
        webhook_id: FromPath[str], delivery_id: FromPath[str], principal: NamedDependency[Principal]
    ) -> HeldWithBody:
        """One of them with its body."""
        await known(principal, webhook_id)
        return HeldWithBody.of(await held.show(webhook_id, delivery_id))

    @post("/webhooks/{webhook_id:str}/held/{delivery_id:str}/replay", status_code=202, **_changing)
    async def replay_held_delivery(
        webhook_id: FromPath[str], delivery_id: FromPath[str], principal: NamedDependency[Principal]
    ) -> HeldWithBody:
        """Send it again, with all that is held with it, in order."""
        await known(principal, webhook_id)
        await held.replay(webhook_id, delivery_id)
        return HeldWithBody.of(await held.show(webhook_id, delivery_id))

    @post(
        "/webhooks/{webhook_id:str}/held/{delivery_id:str}/discard",
        status_code=200,
        **allow(*ROLES, refuses=(NotFound, RuleViolation), keyed=False),
    )
    async def discard_held_delivery(
        webhook_id: FromPath[str],
        delivery_id: FromPath[str],
        principal: NamedDependency[Principal],
        data: JSONBody[Discard],
    ) -> HeldWithBody:
        """Give it up, for a reason that is kept; what is held behind it is sent."""
        await known(principal, webhook_id)
        return HeldWithBody.of(
            await held.discard(webhook_id, delivery_id, reason=data.reason, by=principal.subject)
        )

    return [
        subscribe,
        list_webhooks,
        get_webhook,
        change_webhook,
        unsubscribe,
        rotate_secret,
        replay_all,
        list_held_deliveries,
        show_held_delivery,
        replay_held_delivery,
        discard_held_delivery,
    ]


def _owners_seen(principal: Principal, municipality: Municipality | None) -> Sequence[str] | None:
    """The owners that a token may ask about; None: all. A department asks about its own."""
    if principal.department is None:
        return None
    if municipality is None:
        return []
    own = f"department.{principal.department}"
    return [owner for owner in municipality.owners if municipality.department_of(owner) == own]


def _check_owners(principal: Principal, owners: Sequence[str], municipality: Municipality | None) -> None:
    if municipality is None:
        raise InvalidInput("municipality", "the token's municipality is not served here")
    if any(municipality.owner(owner) is None for owner in owners):
        raise InvalidInput("owners", "no such owner in this municipality")
    seen = _owners_seen(principal, municipality)
    if seen is not None and (not owners or not set(owners) <= set(seen)):
        raise NotAllowed("a department is told of its own cases: name owners of your department")
