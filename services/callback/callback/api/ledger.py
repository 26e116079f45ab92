"""HTTP in: the ledger of a case's promises, and what was known of promises at a moment of the past."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from chassis.auth import Principal
from chassis.commit import Commit
from chassis.errors import InvalidInput
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel

from callback import views
from callback.api.promises import (
    READING,
    CaseId,
    Registry,
    State,
    moment,
    owners_seen,
    state_of,
    streams_of_case,
)
from callback.domain.verdict import verdict
from callback.handlers import stream_of


class LedgerEntry(BaseModel):
    """One fact as it was written down. It is never changed: what was known later is a later entry.

    `version`: place in the promise's stream. `recorded_at`: when callback wrote it, `stored_at`: the database's own
    time of it. `by`: who made callback write. `fact`: what happened, `says`: its particulars.
    """

    version: int
    recorded_at: datetime
    stored_at: datetime | None
    by: str
    fact: str
    says: dict[str, Any]


class LedgerOfPromise(BaseModel):
    """Everything that was written down about one promise, and why it counts as it does."""

    number: int
    state: State | None
    because: str
    entries: list[LedgerEntry]


class LedgerOfCase(BaseModel):
    """The ledger of a case: its promises, the first one first."""

    case_id: str
    promises: list[LedgerOfPromise]


class PromiseThen(BaseModel):
    """A promise as it was known at a moment: by what had been written down until then, and by nothing later."""

    case_id: str
    number: int
    state: State
    owner: str
    promised_by: str
    policy: str
    policy_version: int
    from_at: datetime
    due_at: datetime
    because: str


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """The ledger's part of callback's API."""

    @get("/promises/{case_id:str}/ledger", **allow(*READING))
    async def get_ledger(case_id: CaseId, principal: NamedDependency[Principal]) -> LedgerOfCase:
        """What was promised, by whom, under which policy, all that happened to it, and why it counts as it does."""
        decider = registry.promises.decider
        streams = await streams_of_case(registry, principal, case_id)
        return LedgerOfCase(
            case_id=case_id,
            promises=[
                LedgerOfPromise(
                    number=number,
                    state=state_of(promise) if promise.terms else None,
                    because=verdict(promise),
                    entries=[entry for commit in commits for entry in _entries(registry, commit)],
                )
                for number, commits in enumerate(streams, start=1)
                for promise in [decider.fold(commits)]
            ],
        )

    @get("/promises/as-of", **allow(*READING))
    async def get_promises_as_of(
        principal: NamedDependency[Principal],
        at: str,
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        owner: str | None = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[PromiseThen]:
        """The promises that had been made at a moment, as they were known then, in the order in which they were made.

        A page may hold fewer than `limit`, also none: those that were otherwise then are left out of it.
        """
        then = moment("at", at)
        if then > registry.promises.clock.now():
            raise InvalidInput("at", "a time to come; write a moment of the past")
        place = decode_cursor(cursor, at=str, id=str)
        seen = owners_seen(principal, owner, registry.municipalities.get(principal.municipality))
        found = await views.made_until(
            registry.rows(),
            principal.municipality,
            then,
            after=(moment("cursor", place["at"]), place["id"]) if place else None,
            limit=limit,
        )
        rows = [await _then(registry, principal.municipality, document, then) for document in found]
        last = found[-1] if len(found) == limit else None
        following = encode_cursor({"at": last["made_at"].isoformat(), "id": last["_id"]}) if last else None
        items = [
            row
            for row in rows
            if row is not None
            and (in_state is None or row.state == in_state)
            and (seen is None or row.owner in seen)
        ]
        return Page(items=items, next=following)

    return [get_ledger, get_promises_as_of]


async def _then(
    registry: Registry, municipality: str, document: Mapping[str, Any], at: datetime
) -> PromiseThen | None:
    case_id, number = document["case_id"], document["number"]
    commits = await registry.promises.store.load(municipality, stream_of(municipality, case_id, number))
    promise = registry.promises.decider.fold([commit for commit in commits if commit.committed_at <= at])
    terms = promise.terms
    if terms is None:
        return None
    return PromiseThen(
        case_id=case_id,
        number=number,
        state=state_of(promise),
        owner=promise.routes[-1].owner if promise.routes else terms.owner,
        promised_by=terms.owner,
        policy=terms.policy,
        policy_version=terms.policy_version,
        from_at=terms.from_at,
        due_at=terms.due_at,
        because=verdict(promise),
    )


def _entries(registry: Registry, commit: Commit) -> Sequence[LedgerEntry]:
    codec = registry.promises.decider.codec
    return [
        LedgerEntry(
            version=commit.first_version + place,
            recorded_at=commit.committed_at,
            stored_at=commit.stored_at,
            by=commit.cause.actor,
            fact=type(event).__name__,
            says=asdict(event),
        )
        for place, event in enumerate(map(codec.restore, commit.events))
    ]
