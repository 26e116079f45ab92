"""The ledger of a case's promises, and what was known of promises at a moment of the past."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from chassis.auth import Principal
from chassis.commit import Codec, Commit
from chassis.errors import InvalidInput, NotYetVisible
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor, example
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel

from callback import domain, outcomes, statutory, views
from callback.api.models import CaseId, State, state_of
from callback.api.promises import READING, Registry, may_read, moment, owners_seen
from callback.api.statutory_models import STATUTORY, ClockState, StatutoryNow, statutory_now
from callback.api.statutory_models import state_of as clock_state
from callback.books import kept_law, kept_rules
from callback.domain.statutory import because
from callback.domain.verdict import verdict
from callback.handlers import promises_of, stream_of

_BECAUSE = "Open: promised before 2026-03-02T12:00:00Z; nothing is known that keeps, breaks or withdraws it."
_ENTRY = {
    "version": 1,
    "recorded_at": "2026-03-02T08:00:01Z",
    "stored_at": "2026-03-02T08:00:01Z",
    "by": "callback",
    "fact": "ContactNoted",
    "says": {"received_at": "2026-03-02T08:00:00Z", "live": False, "topic": "city.building-permit"},
}
_SENT = _ENTRY | {
    "fact": "NoticeSent",
    "says": {"notice": {"stage": "due", "receiver": "head_of_unit", "channel": "email"}, "attempts": 1},
}
_STARTED = _ENTRY | {
    "by": "handler-bo",
    "fact": "StatutoryClockStarted",
    "says": {"version": 1, "initiated_at": "2026-01-15T09:00:00Z", "last_day": "2026-07-15"},
}
_RULES = {
    "policy": {
        "name": "building-permit",
        "when": {"owner": "department.building"},
        "promise": {"working_hours": 4},
    },
    "calendar": {"name": "office", "open": {"mon": ["08:00-17:00"]}},
}


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


class Rules(BaseModel):
    """What the promise was made under, in the words of the municipality's file of that version. `policy` null: the time
    was agreed, or told by another system."""

    policy: dict[str, Any] | None
    calendar: dict[str, Any]


class LedgerOfPromise(BaseModel):
    """Everything that was written down about one promise, and why it counts as it does.

    `state` null: nothing is promised yet. `rules` null: nothing is, or no version of policies was kept then. `notices`:
    those about it that went out or did not, by role and channel; their `version` is a place in the case's notices.
    """

    number: int
    state: State | None
    because: str
    promised_by: str | None
    policy: str | None
    policy_version: int | None
    rules: Rules | None
    entries: list[LedgerEntry]
    notices: list[LedgerEntry]


class LedgerOfClock(BaseModel):
    """Everything that was written down about the statutory clock of a case, and why it stands as it does. `rules`: what it
    was started under, in the words of the municipality's file of that version."""

    state: ClockState
    because: str
    version: int
    rules: dict[str, Any] | None
    entries: list[LedgerEntry]


class LedgerOfCase(BaseModel):
    """The ledger of a case: its promises, the first one first, and the statutory clock beside them."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        promises=[
            {
                "number": 1,
                "state": "open",
                "because": _BECAUSE,
                "promised_by": "department.building",
                "policy": "building-permit",
                "policy_version": 1,
                "rules": _RULES,
                "entries": [_ENTRY],
                "notices": [_SENT],
            }
        ],
        statutory={
            "state": "running",
            "because": "Not decided: a decision is due on 2026-07-15 at the latest.",
            "version": 1,
            "rules": {"months": 6, "weeks": 4, "steps": [{"at": {"end": True}, "to": ["head_of_unit"]}]},
            "entries": [_STARTED],
        },
    )

    case_id: str
    promises: list[LedgerOfPromise]
    statutory: LedgerOfClock | None


class PromiseThen(BaseModel):
    """A promise as it was known at a moment: by what had been written down until then, and by nothing later.
    `statutory`: so of the clock beside the promises of its case."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        number=1,
        state="open",
        owner="department.building",
        promised_by="department.building",
        policy="building-permit",
        policy_version=1,
        from_at="2026-03-02T08:00:00Z",
        due_at="2026-03-02T12:00:00Z",
        first_due_at="2026-03-02T12:00:00Z",
        because=_BECAUSE,
        statutory=STATUTORY,
    )

    case_id: str
    number: int
    state: State
    owner: str
    promised_by: str
    policy: str
    policy_version: int
    from_at: datetime
    due_at: datetime
    first_due_at: datetime
    because: str
    statutory: StatutoryNow | None


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """What proves a promise."""
    kept = registry.promises

    @get("/promises/{case_id:str}/ledger", **allow(*READING, refuses=(NotYetVisible,)))
    async def get_ledger(case_id: FromPath[CaseId], principal: NamedDependency[Principal]) -> LedgerOfCase:
        """What was promised, by whom, under which policy and open hours, all that happened to it, and why it counts as
        it does."""
        municipality = principal.municipality
        streams = await promises_of(kept, municipality, case_id)
        found = [kept.decider.fold(commits) for commits in streams]
        may_read(principal, domain.owner_of(found), registry.municipalities.get(municipality))
        notices = await kept.store.load(municipality, outcomes.stream_of(municipality, case_id))
        told = [
            await _ledger(registry, municipality, number, promise, commits, notices)
            for number, (promise, commits) in enumerate(zip(found, streams, strict=True), start=1)
        ]
        clock = await _ledger_of_clock(registry, municipality, case_id)
        return LedgerOfCase(case_id=case_id, promises=told, statutory=clock)

    @get("/promises/as-of", **allow(*READING))
    async def get_promises_as_of(
        principal: NamedDependency[Principal],
        at: FromQuery[str],
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        owner: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Page[PromiseThen]:
        """The promises that had been made at a moment, as they were known then, in the order in which they were made.

        A page may hold fewer than `limit`, also none, and not be the last: those that were otherwise then are left out.
        """
        then = moment("at", at)
        if then > kept.clock.now():
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
        rows = await asyncio.gather(*(_then(registry, principal.municipality, row, then) for row in found))
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


async def _ledger(
    registry: Registry,
    municipality: str,
    number: int,
    promise: domain.Promise,
    commits: Sequence[Commit],
    notices: Sequence[Commit],
) -> LedgerOfPromise:
    terms, store = promise.terms, registry.promises.store
    rules = (
        await kept_rules(store, municipality, terms.policy_version, terms.policy, terms.owner)
        if terms
        else None
    )
    return LedgerOfPromise(
        number=number,
        state=state_of(promise) if terms else None,
        because=verdict(promise),
        promised_by=terms.owner if terms else None,
        policy=terms.policy if terms else None,
        policy_version=terms.policy_version if terms else None,
        rules=Rules(policy=rules["policy"], calendar=rules["calendar"]) if rules else None,
        entries=_entries(registry.promises.decider.codec, commits),
        notices=[
            entry
            for entry in _entries(outcomes.decider().codec, notices)
            if entry.says["notice"]["promise_number"] == number
        ],
    )


async def _ledger_of_clock(registry: Registry, municipality: str, case_id: str) -> LedgerOfClock | None:
    kept, rules = registry.promises, statutory.decider()
    commits = await statutory.commits_of(kept, municipality, case_id)
    clock = rules.fold(commits)
    if clock.started is None:
        return None
    version = clock.started.version
    return LedgerOfClock(
        state=clock_state(clock),
        because=because(clock),
        version=version,
        rules=await kept_law(kept.store, municipality, version),
        entries=_entries(rules.codec, commits),
    )


def _entries(codec: Codec[Any], commits: Sequence[Commit]) -> list[LedgerEntry]:
    return [
        LedgerEntry(
            version=commit.first_version + place,
            recorded_at=commit.committed_at,
            stored_at=commit.stored_at,
            by=commit.cause.actor,
            fact=type(event).__name__,
            says=asdict(event),
        )
        for commit in commits
        for place, event in enumerate(map(codec.restore, commit.events))
    ]


async def _then(
    registry: Registry, municipality: str, row: Mapping[str, Any], at: datetime
) -> PromiseThen | None:
    kept = registry.promises
    commits, of_clock = await asyncio.gather(
        kept.store.load(municipality, stream_of(municipality, row["case_id"], row["number"])),
        statutory.commits_of(kept, municipality, row["case_id"]),
    )
    promise = kept.decider.fold([commit for commit in commits if commit.committed_at <= at])
    clock_then = statutory.decider().fold([commit for commit in of_clock if commit.committed_at <= at])
    terms, clock = promise.terms, promise.clock
    if terms is None or clock is None:
        return None
    return PromiseThen(
        case_id=row["case_id"],
        number=row["number"],
        state=state_of(promise),
        owner=domain.owner_now(promise, terms),
        promised_by=terms.owner,
        policy=terms.policy,
        policy_version=terms.policy_version,
        from_at=terms.from_at,
        due_at=clock.due_at,
        first_due_at=terms.due_at,
        because=verdict(promise),
        statutory=statutory_now(clock_then, at),
    )
