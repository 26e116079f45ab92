"""What goes in and out over HTTP, and how a promise becomes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from chassis.http import Moment, RequestModel, example
from pydantic import BaseModel, Field, StringConstraints

from callback import domain
from callback.api.statutory_models import STATUTORY, StatutoryNow

CaseId = Annotated[str, StringConstraints(max_length=64)]
State = Literal["open", "paused", "kept", "broken", "answered-late", "withdrawn"]


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_STAGE = {
    "stage": "reminder",
    "step": 0,
    "at": "2026-03-02T11:00:00Z",
    "to": "handler",
    "receivers": ["handler"],
    "passed": False,
}
_PROMISE = {
    "number": 1,
    "state": "open",
    "owner": "department.building",
    "promised_by": "department.building",
    "policy": "default",
    "policy_version": 1,
    "from_at": "2026-03-02T08:00:00Z",
    "due_at": "2026-03-03T12:00:00Z",
    "first_due_at": "2026-03-02T12:00:00Z",
    "made_at": "2026-03-02T08:00:01Z",
    "pauses": [
        {
            "reason": "awaiting_citizen",
            "paused_at": "2026-03-02T09:00:00Z",
            "limit_at": "2026-03-09T09:00:00Z",
            "ended_at": "2026-03-03T09:00:00Z",
            "cause": "contact",
        }
    ],
    "renewals": [],
    "attempts": {
        "counted": 0,
        "next_at": "2026-03-02T14:00:00Z",
        "reachable": [{"days": ["mon", "tue", "wed", "thu", "fri"], "after": "15:00", "before": "24:00"}],
        "none_before_due": False,
    },
    "kept_at": None,
    "broken_at": None,
    "answered_at": None,
    "withdrawn_at": None,
    "how": None,
    "reason": None,
    "imported": False,
    "judgement_waiting": False,
    "stages": [_STAGE],
}


class StageNow(BaseModel):
    """A stage of a promise. `to`: the first of the `receivers`. `passed`: it was told, or skipped after an outage."""

    stage: str
    step: int
    at: datetime
    to: str
    receivers: list[str]
    passed: bool


class PauseNow(BaseModel):
    """A pause of a promise. It ends at `limit_at` at the latest; `ended_at` null: it lasts. `cause`: what ended it."""

    reason: str
    paused_at: datetime
    limit_at: datetime
    ended_at: datetime | None
    cause: str | None


class RenewalNow(BaseModel):
    """Another time that was agreed with the citizen, and what held before."""

    due_before: datetime
    due_at: datetime
    renewed_at: datetime
    agreed_at: datetime
    how: str
    reason: str
    by: str


class Window(BaseModel):
    """When the citizen can be reached, as they said, by the municipality's wall clock."""

    days: list[str]
    after: str
    before: str


class AttemptsNow(BaseModel):
    """How often somebody tried to reach the citizen since they were last heard of, as the plan counts it; and when to
    try next: null where it has been tried often enough, or nobody has tried and the citizen named no times.

    `reachable`: the times that the citizen named last; none: any. `none_before_due`: they leave none in the owner's open
    hours before the promised time, so agree on another one, or answer in writing.
    """

    counted: int
    next_at: datetime | None
    reachable: list[Window]
    none_before_due: bool


class PromiseNow(BaseModel):
    """A promise as it is now, from the log itself. `first_due_at`: the time that was promised first.

    `judgement_waiting`: its time, or the limit of its pause, is over, and a message about the case is held: it is not
    judged before that.
    """

    model_config = example(**_PROMISE)

    number: int
    state: State
    owner: str
    promised_by: str
    policy: str
    policy_version: int
    from_at: datetime
    due_at: datetime
    first_due_at: datetime
    made_at: datetime
    pauses: list[PauseNow]
    renewals: list[RenewalNow]
    attempts: AttemptsNow
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
    """All promises of a case, the first one first. None yet: a guide is in the conversation, or it was solved there.
    `statutory`: the clock beside them, where a party has initiated a matter."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff", promises=[_PROMISE], statutory=STATUTORY
    )

    case_id: str
    promises: list[PromiseNow]
    statutory: StatutoryNow | None


class PromiseRow(BaseModel):
    """A promise in a list."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        number=1,
        state="open",
        owner="department.building",
        policy="default",
        from_at="2026-03-02T08:00:00Z",
        due_at="2026-03-03T12:00:00Z",
        first_due_at="2026-03-02T12:00:00Z",
        pauses=1,
        renewals=0,
        stages_told=0,
    )

    case_id: str
    number: int
    state: State
    owner: str
    policy: str
    from_at: datetime
    due_at: datetime
    first_due_at: datetime
    pauses: int
    renewals: int
    stages_told: int


class Agreed(RequestModel):
    """How and when the citizen agreed. `occurred_at`: now, unless given."""

    model_config = example(how="phone")

    how: Literal["phone", "email", "chat", "social", "visit", "web", "letter"]
    occurred_at: Moment | None = None


_TERMS = ("due_at", "working_hours", "working_days", "clock_hours")


class NewTime(RequestModel):
    """Another time that was agreed with the citizen: exactly one of the four. The three terms count from when it was
    agreed, working time in the open hours of who promised."""

    model_config = example(working_days=2, agreed={"how": "phone"}, reason="more_time_needed")

    due_at: Moment | None = None
    working_hours: Annotated[int, Field(strict=True, ge=1, le=400)] | None = None
    working_days: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    clock_hours: Annotated[int, Field(strict=True, ge=1, le=2400)] | None = None
    agreed: Agreed
    reason: Literal["more_time_needed", "citizen_asked", "owner_away"]


class NewEnd(RequestModel):
    """Why nobody needs to get back to the citizen any more."""

    model_config = example(reason="cancelled")

    reason: Literal["cancelled", "duplicate", "not_municipal"]


def promise_now(
    promise: domain.Promise,
    books: domain.PolicyBooks | None,
    now: datetime,
    *,
    held: bool,
    reachable: domain.Reachable | None,
) -> PromiseNow:
    """A promise that is made; `reachable` is told with the first one of its case. Raises BookNotAtHand."""
    terms, clock = promise.terms, promise.clock
    assert terms is not None  # noqa: S101
    assert clock is not None  # noqa: S101
    state, judge_at = state_of(promise), domain.timers(promise).judge_at
    answer = promise.kept or promise.answered_late
    return PromiseNow(
        number=terms.number,
        state=state,
        owner=domain.owner_now(promise, terms),
        promised_by=terms.owner,
        policy=terms.policy,
        policy_version=terms.policy_version,
        from_at=terms.from_at,
        due_at=clock.due_at,
        first_due_at=terms.due_at,
        made_at=terms.made_at,
        pauses=_pauses(promise),
        renewals=[
            RenewalNow(
                due_before=renewed.due_before,
                due_at=renewed.due_at,
                renewed_at=renewed.renewed_at,
                agreed_at=renewed.agreed_at,
                how=renewed.how,
                reason=renewed.reason,
                by=renewed.by,
            )
            for renewed in promise.renewals
        ],
        attempts=_attempts(promise, books, now, reachable),
        kept_at=promise.kept.kept_at if promise.kept else None,
        broken_at=promise.broken.broken_at if promise.broken else None,
        answered_at=promise.answered_late.answered_at if promise.answered_late else None,
        how=answer.how if answer else None,
        withdrawn_at=promise.withdrawn.withdrawn_at if promise.withdrawn else None,
        reason=promise.withdrawn.reason if promise.withdrawn else None,
        imported=terms.imported,
        judgement_waiting=held and judge_at is not None and judge_at <= now,
        stages=[
            StageNow(
                stage=stage.name,
                step=stage.step,
                at=stage.at,
                to=stage.to,
                receivers=list(stage.receivers),
                passed=stage.identity in promise.passed,
            )
            for stage in clock.stages
        ],
    )


def row(document: Mapping[str, Any]) -> PromiseRow:
    """A row of the view. One that was folded before promises could be moved was never moved."""
    return PromiseRow(
        case_id=document["case_id"],
        number=document["number"],
        state=document["state"],
        owner=document["owner"],
        policy=document["policy"],
        from_at=document["from_at"],
        due_at=document["due_at"],
        first_due_at=document.get("first_due_at", document["due_at"]),
        pauses=document.get("pauses", 0),
        renewals=document.get("renewals", 0),
        stages_told=len(document["stages"]),
    )


def state_of(promise: domain.Promise) -> State:
    """How a promise that was made stands."""
    if promise.withdrawn:
        return "withdrawn"
    if promise.broken:
        return "answered-late" if promise.answered_late else "broken"
    if promise.kept:
        return "kept"
    return "paused" if promise.paused else "open"


def _pauses(promise: domain.Promise) -> list[PauseNow]:
    over = [
        PauseNow(
            reason=pause.reason,
            paused_at=pause.paused_at,
            limit_at=pause.limit_at,
            ended_at=pause.ended_at,
            cause=pause.cause,
        )
        for pause in promise.pauses
    ]
    stands = promise.paused
    if stands is None:
        return over
    lasts = PauseNow(
        reason=stands.reason, paused_at=stands.paused_at, limit_at=stands.limit_at, ended_at=None, cause=None
    )
    return [*over, lasts]


def _attempts(
    promise: domain.Promise,
    books: domain.PolicyBooks | None,
    now: datetime,
    reachable: domain.Reachable | None,
) -> AttemptsNow:
    tried, clock = domain.attempts_of(promise), promise.clock
    said = [_window(window) for window in reachable.windows] if reachable else []
    if books is None or promise.terms is None or clock is None or (not tried and reachable is None):
        return AttemptsNow(counted=0, next_at=None, reachable=said, none_before_due=False)
    book = books.of(promise.terms.policy_version)
    times, owed = book.times(promise.terms.owner, reachable), not promise.ended
    return AttemptsNow(
        counted=len(domain.counted(tried, book.attempts)),
        next_at=domain.next_attempt_at(tried, book.attempts, times, clock.due_at, now) if owed else None,
        reachable=said,
        none_before_due=owed and domain.none_before(times, clock.due_at, now),
    )


def _window(window: domain.Window) -> Window:
    after, before = ("{:02}:{:02}".format(*divmod(at, 60)) for at in (window.after, window.before))
    return Window(days=[_DAYS[day] for day in window.days], after=after, before=before)
