"""The promise as it stands: what the rules read of it, how an event changes it, when it wants to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from callback.domain.events import (
    CallbackFellDue,
    ConversationEnded,
    ConversationLimitPassed,
    Event,
    FiringFoundNothing,
    Moved,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
    Stage,
)
from callback.domain.facts import (
    Act,
    ActNoted,
    AttemptNoted,
    ContactNoted,
    Fact,
    PauseNoted,
    Reachable,
    ReachableNoted,
    ReopeningNoted,
    ReplyNoted,
    ResumeNoted,
    Route,
    RouteNoted,
    WithdrawalNoted,
)

Identity = tuple[str, int]

WITHDRAWN = "withdrawn"
"""What ended a pause that nobody resumed: the promise was withdrawn while it stood."""


@dataclass(frozen=True, slots=True)
class Timers:
    """When the promise wants to be looked at again; None: not."""

    next_at: datetime | None
    judge_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pausing:
    """A pause of the promise; `ended_at` None: it lasts."""

    reason: str
    paused_at: datetime
    limit_at: datetime
    ended_at: datetime | None = None
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The time that holds: before which the citizen is got back to, what is told when, and when that is judged.

    `moves`: how often it was moved. `from_at`: acts count only after it; None: all that were done under the promise.
    """

    due_at: datetime
    judge_at: datetime
    stages: Sequence[Stage]
    from_at: datetime | None
    moves: int = 0


@dataclass(frozen=True, slots=True)
class Promise:
    """All that the rules read of one promise.

    `facts` are in the order in which they happened. `terms` and `clock` are None until it is made. `passed` are the
    stages that were told or skipped, each by its name and step. `paused` is the pause that stands; `pauses` are those
    that are over, and `pauses_heard` says from which of the facts on a further one may come.
    """

    contact: ContactNoted | None = None
    routes: tuple[Route, ...] = ()
    facts: tuple[Fact, ...] = ()
    reopening: Route | None = None
    conversation_ended: bool = False
    limit_passed: bool = False
    terms: PromiseMade | None = None
    clock: Clock | None = None
    passed: frozenset[Identity] = frozenset()
    paused: PromisePaused | None = None
    pauses: tuple[Pausing, ...] = ()
    pauses_heard: int = 0
    renewals: tuple[PromiseRenewed, ...] = ()
    kept: PromiseKept | None = None
    broken: PromiseBroken | None = None
    answered_late: PromiseAnsweredLate | None = None
    withdrawn: PromiseWithdrawn | None = None
    reachable: Reachable | None = None

    @property
    def ended(self) -> bool:
        """Nobody owes the citizen anything any more."""
        return any(end is not None for end in (self.kept, self.answered_late, self.withdrawn))

    @property
    def answered(self) -> bool:
        """Somebody got back to the citizen, in time or late."""
        return any(isinstance(fact, Act) and self.counts(fact) for fact in self.facts)

    @property
    def stages_ahead(self) -> Sequence[Stage]:
        """The stages that somebody is still to be told of, in their order. While it is paused nobody is told."""
        if self.clock is None or self.ended or self.paused or self.answered:
            return ()
        return [stage for stage in self.clock.stages if stage.identity not in self.passed]

    def counts(self, act: Act) -> bool:
        """The conversation in which the promise was given does not keep it, nor what was said before it was reopened."""
        if self.terms is None or self.clock is None or act.route_number < self.terms.route_number:
            return False
        return self.clock.from_at is None or act.at > self.clock.from_at


INITIAL = Promise()


def evolve(promise: Promise, event: Event) -> Promise:
    """The promise after an event; the past cannot be rejected."""
    match event:
        case ContactNoted():
            return replace(promise, contact=event)
        case ReachableNoted(said):
            known = promise.reachable
            later = known is None or (said.said_at, said.contact_id) > (known.said_at, known.contact_id)
            return replace(promise, reachable=said) if later else promise
        case RouteNoted(route):
            return replace(promise, routes=(*promise.routes, route))
        case ReopeningNoted(route):
            return replace(promise, reopening=route)
        case (
            ActNoted(fact)
            | AttemptNoted(fact)
            | PauseNoted(fact)
            | ResumeNoted(fact)
            | ReplyNoted(fact)
            | WithdrawalNoted(fact)
        ):
            return replace(promise, facts=(*promise.facts, fact))
        case ConversationEnded():
            return replace(promise, conversation_ended=True)
        case ConversationLimitPassed():
            return replace(promise, limit_passed=True)
        case PromiseMade(due_at=due_at, judge_at=judge_at, stages=stages, after=after):
            return replace(promise, terms=event, clock=Clock(due_at, judge_at, stages, after))
        case CallbackFellDue(stage=stage):
            return replace(promise, passed=promise.passed | _up_to(stage, promise))
        case FiringFoundNothing():
            return promise
        case PromisePaused(paused_at=paused_at, place=place):
            # What fired before the pause was known has not been reached after all.
            planned = promise.clock.stages if promise.clock else ()
            reached = {stage.identity for stage in planned if (stage.ahead_of or stage.at) < paused_at}
            return replace(promise, paused=event, passed=promise.passed & reached, pauses_heard=place + 1)
        case PromiseResumed(resumed_at=resumed_at, cause=cause):
            return _moved(_pause_over(promise, resumed_at, cause), event)
        case PromiseRenewed(renewed_at=renewed_at):
            promise = _moved(_pause_over(promise, renewed_at, "renewal"), event)
            return replace(promise, passed=frozenset(), renewals=(*promise.renewals, event))
        case PromiseReopened():
            return replace(_moved(promise, event), passed=frozenset(), withdrawn=None)
        case PromiseKept(kept_at=kept_at):
            return replace(_pause_over(promise, kept_at, "kept"), kept=event)
        case PromiseBroken():
            return replace(promise, broken=event)
        case PromiseAnsweredLate():
            return replace(promise, answered_late=event)
        case PromiseWithdrawn(withdrawn_at=withdrawn_at):
            return replace(_pause_over(promise, withdrawn_at, WITHDRAWN), withdrawn=event)


def fold(promise: Promise, events: Sequence[Event]) -> Promise:
    """The promise after events, oldest first."""
    for event in events:
        promise = evolve(promise, event)
    return promise


def timers(promise: Promise) -> Timers:
    """The timers that every commit of a promise carries, from the state after it."""
    if promise.ended:
        return Timers(None, None)
    if promise.clock is None:
        waits = promise.contact is not None and promise.contact.live
        waits = waits and not promise.conversation_ended and not promise.limit_passed
        return Timers(None, promise.contact.judge_limit_at if promise.contact and waits else None)
    if promise.paused is not None:
        return Timers(None, promise.paused.judge_at)
    stage = next(iter(promise.stages_ahead), None)
    return Timers(stage.at if stage else None, None if promise.broken else promise.clock.judge_at)


def _moved(promise: Promise, event: Moved) -> Promise:
    before = promise.clock
    clock = Clock(
        due_at=event.due_at,
        judge_at=event.judge_at,
        stages=event.stages,
        from_at=event.reopened_at
        if isinstance(event, PromiseReopened)
        else before.from_at
        if before
        else None,
        moves=before.moves + 1 if before else 1,
    )
    return replace(promise, clock=clock)


def _pause_over(promise: Promise, at: datetime, cause: str) -> Promise:
    paused = promise.paused
    if paused is None:
        return promise
    over = Pausing(paused.reason, paused.paused_at, paused.limit_at, max(at, paused.paused_at), cause)
    return replace(promise, paused=None, pauses=(*promise.pauses, over))


def _up_to(told: Stage, promise: Promise) -> frozenset[Identity]:
    """The stage that was told, and those before it: told too, or skipped."""
    planned = [stage.identity for stage in promise.clock.stages] if promise.clock else []
    before = planned[: planned.index(told.identity)] if told.identity in planned else ()
    return frozenset((*before, told.identity))
