"""HTTP in: what was promised, and how it stands."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from chassis.auth import Principal
from chassis.commit import Commit
from chassis.errors import InvalidInput, NotAllowed, NotYetVisible
from chassis.http import Limit, Page, allow, decode_cursor, encode_cursor
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pydantic import BaseModel, StringConstraints
from pymongo.asynchronous.collection import AsyncCollection

from callback import domain, views
from callback.handlers import Promises, stream_of

READING = ("guide", "handler", "head", "robot", "auditor", "system")
CaseId = Annotated[str, StringConstraints(max_length=64)]
State = Literal["open", "kept", "broken", "answered-late", "withdrawn"]


class StageNow(BaseModel):
    """A stage of a promise. `passed`: it was told, or skipped after an outage."""

    stage: str
    step: int
    at: datetime
    to: str
    passed: bool


class PromiseNow(BaseModel):
    """A promise as it is now, from the log itself.

    `judgement_waiting`: its time is over, and a message about the case is held: it is not judged before that.
    """

    number: int
    state: State
    owner: str
    promised_by: str
    policy: str
    policy_version: int
    from_at: datetime
    due_at: datetime
    made_at: datetime
    kept_at: datetime | None
    broken_at: datetime | None
    answered_at: datetime | None
    withdrawn_at: datetime | None
    how: str | None
    reason: str | None
    imported: bool
    judgement_waiting: bool
    stages: list[StageNow]


class PromisesOfCase(BaseModel):
    """All promises of a case, the first one first. None yet: a guide is in the conversation, or it was solved there."""

    case_id: str
    promises: list[PromiseNow]


class PromiseRow(BaseModel):
    """A promise in a list."""

    case_id: str
    number: int
    state: State
    owner: str
    policy: str
    from_at: datetime
    due_at: datetime
    stages_told: int


@dataclass(frozen=True, slots=True)
class Registry:
    """What the routes work with. `rows`: the live collection of the view; `held_cases`: those with a held message."""

    promises: Promises
    municipalities: Mapping[str, Municipality]
    rows: Callable[[], AsyncCollection[dict[str, Any]]]
    held_cases: Callable[[Collection[str]], Awaitable[Collection[str]]]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """The promises' part of callback's API."""

    @get("/promises/{case_id:str}", **allow(*READING))
    async def get_promises_of_case(case_id: CaseId, principal: NamedDependency[Principal]) -> PromisesOfCase:
        """What was promised to the citizen of a case, and how it stands."""
        held = bool(await registry.held_cases([case_id]))
        now = registry.promises.clock.now()
        streams = await streams_of_case(registry, principal, case_id)
        promises = [registry.promises.decider.fold(commits) for commits in streams]
        found = [
            _promise_now(promise, promise.terms, now, held=held) for promise in promises if promise.terms
        ]
        return PromisesOfCase(case_id=case_id, promises=found)

    @get("/promises", **allow(*READING))
    async def get_promises(
        principal: NamedDependency[Principal],
        in_state: Annotated[State | None, QueryParameter(name="state")] = None,
        due_before: str | None = None,
        owner: str | None = None,
        cursor: str | None = None,
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
        return Page(items=[_row(document) for document in found], next=following)

    return [get_promises_of_case, get_promises]


async def streams_of_case(
    registry: Registry, principal: Principal, case_id: str
) -> Sequence[Sequence[Commit]]:
    """The commits of each promise of a case, the first one first.

    Raises:
        NotYetVisible: nothing is known of the case.
        NotAllowed: it is another department's.
    """
    municipality, store = principal.municipality, registry.promises.store
    streams: list[Sequence[Commit]] = []
    owner: str | None = None
    while commits := await store.load(municipality, stream_of(municipality, case_id, len(streams) + 1)):
        promise = registry.promises.decider.fold(commits)
        owner = (
            promise.routes[-1].owner if promise.routes else promise.terms.owner if promise.terms else owner
        )
        streams.append(commits)
    if not streams:
        raise NotYetVisible("callback does not know this case; if it is new, ask again in a moment")
    _may_read(principal, owner, registry.municipalities.get(municipality))
    return streams


def _may_read(principal: Principal, owner: str | None, municipality: Municipality | None) -> None:
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


def _promise_now(
    promise: domain.Promise, terms: domain.PromiseMade, now: datetime, *, held: bool
) -> PromiseNow:
    state = state_of(promise)
    return PromiseNow(
        number=terms.number,
        state=state,
        owner=promise.routes[-1].owner if promise.routes else terms.owner,
        promised_by=terms.owner,
        policy=terms.policy,
        policy_version=terms.policy_version,
        from_at=terms.from_at,
        due_at=terms.due_at,
        made_at=terms.made_at,
        kept_at=promise.kept.kept_at if promise.kept else None,
        broken_at=promise.broken.broken_at if promise.broken else None,
        answered_at=promise.answered_late.answered_at if promise.answered_late else None,
        how=(promise.kept or promise.answered_late).how if promise.kept or promise.answered_late else None,  # type: ignore[union-attr]
        withdrawn_at=promise.withdrawn.withdrawn_at if promise.withdrawn else None,
        reason=promise.withdrawn.reason if promise.withdrawn else None,
        imported=terms.imported,
        judgement_waiting=held and state == "open" and terms.judge_at <= now,
        stages=[
            StageNow(
                stage=stage.name,
                step=stage.step,
                at=stage.at,
                to=stage.to,
                passed=place < promise.stages_passed,
            )
            for place, stage in enumerate(terms.stages)
        ],
    )


def state_of(promise: domain.Promise) -> State:
    """How a promise that was made stands."""
    if promise.withdrawn:
        return "withdrawn"
    if promise.broken:
        return "answered-late" if promise.answered_late else "broken"
    return "kept" if promise.kept else "open"


def _row(document: Mapping[str, Any]) -> PromiseRow:
    return PromiseRow(
        case_id=document["case_id"],
        number=document["number"],
        state=document["state"],
        owner=document["owner"],
        policy=document["policy"],
        from_at=document["from_at"],
        due_at=document["due_at"],
        stages_told=len(document["stages"]),
    )


def moment(field: str, text: str) -> datetime:
    """The time that a query names, in UTC."""
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
