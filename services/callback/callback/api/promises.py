"""What was promised, and how it stands."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

from chassis.auth import Principal
from chassis.errors import InvalidInput, NotAllowed, NotFound, NotYetVisible
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pymongo.asynchronous.collection import AsyncCollection

from callback import domain, statutory, views
from callback.api.models import CaseId, PromiseNow, PromiseRow, PromisesOfCase, State, promise_now, row
from callback.api.statutory_models import statutory_now
from callback.handlers import Promises, promises_of, with_books

READING = ("guide", "handler", "head", "robot", "auditor", "system")


@dataclass(frozen=True, slots=True)
class Registry:
    """What the routes work with. `rows`: the live collection of the view; `held_cases`: those with a held message."""

    promises: Promises
    municipalities: Mapping[str, Municipality]
    rows: Callable[[], AsyncCollection[dict[str, Any]]]
    held_cases: Callable[[Collection[str]], Awaitable[Collection[str]]]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Callback's API."""

    @get("/promises/{case_id:str}", **allow(*READING, refuses=(NotFound, NotYetVisible)))
    async def get_promises_of_case(case_id: CaseId, principal: NamedDependency[Principal]) -> PromisesOfCase:
        """What was promised to the citizen of a case, and how it stands; beside it the statutory clock."""
        municipality, kept = principal.municipality, registry.promises
        held = bool(await registry.held_cases([case_id]))
        commits, of_clock = await asyncio.gather(
            promises_of(kept, municipality, case_id), statutory.commits_of(kept, municipality, case_id)
        )
        found = [kept.decider.fold(of_one) for of_one in commits]
        may_read(principal, domain.owner_of(found), registry.municipalities.get(municipality))

        async def shown() -> list[PromiseNow]:
            now, books = kept.clock.now(), kept.books.get(municipality)
            return [
                promise_now(promise, books, now, held=held, reachable=found[0].reachable)
                for promise in found
                if promise.terms is not None
            ]

        clock = statutory_now(statutory.decider().fold(of_clock), kept.clock.now())
        promises = await with_books(kept, municipality, shown)
        return PromisesOfCase(case_id=case_id, promises=promises, statutory=clock)

    @get("/promises", **allow(*READING))
    async def get_promises(
        principal: NamedDependency[Principal],
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        due_before: FromQuery[str | None] = None,
        owner: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Page[PromiseRow]:
        """Promises, the earliest due first."""
        before = moment("due_before", due_before) if due_before is not None else None
        place = decode_cursor(cursor, at=str, id=str)
        found = await views.promises(
            registry.rows(),
            principal.municipality,
            state=in_state,
            due_before=before,
            owners=owners_seen(principal, owner, registry.municipalities.get(principal.municipality)),
            after=(moment("cursor", place["at"]), place["id"]) if place else None,
            limit=limit,
        )
        last = found[-1] if len(found) == limit else None
        following = encode_cursor({"at": last["due_at"].isoformat(), "id": last["_id"]}) if last else None
        return Page(items=[row(document) for document in found], next=following)

    return [get_promises_of_case, get_promises]


def may_read(principal: Principal, owner: str | None, municipality: Municipality | None) -> None:
    """A department sees the promises of the cases that it owns now."""
    if principal.department is None or municipality is None or owner is None:
        return
    if municipality.department_of(owner) != f"department.{principal.department}":
        raise NotAllowed(f"the case is owned by {owner}, which is not in your department")


def owners_seen(
    principal: Principal, owner: str | None, municipality: Municipality | None
) -> Sequence[str] | None:
    """The owners whose promises are listed; None: all. A department sees its own."""
    if municipality is None or (owner is not None and municipality.owner(owner) is None):
        raise InvalidInput("owner", "no such owner in this municipality")
    if principal.department is None:
        return [owner] if owner is not None else None
    own = f"department.{principal.department}"
    seen = [known for known in municipality.owners if municipality.department_of(known) == own]
    if owner is not None and owner not in seen:
        raise NotAllowed(f"{owner} is not in your department")
    return [owner] if owner is not None else seen


def moment(field: str, text: str) -> datetime:
    """A time of a query. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, "not a time; write RFC 3339, such as 2026-03-02T07:30:00Z") from None
    if moment.tzinfo is None:
        raise InvalidInput(field, "a time without a zone; add Z or an offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, "a time beyond the calendar") from None
