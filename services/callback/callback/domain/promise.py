"""The promise as it stands: what the rules read of it, how an event changes it, when it wants to be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from callback.domain.events import (
    Act,
    ActNoted,
    CallbackFellDue,
    ContactNoted,
    ConversationEnded,
    ConversationLimitPassed,
    Event,
    FiringFoundNothing,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
    ReopeningNoted,
    Route,
    RouteNoted,
    Stage,
)


@dataclass(frozen=True, slots=True)
class Timers:
    """When the promise wants to be looked at again; None: not."""

    next_at: datetime | None
    judge_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    """All that the rules read of one promise. `terms` is None until it is made; `passed` are the stages that were told
    or skipped, each by its name and step."""

    contact: ContactNoted | None = None
    routes: tuple[Route, ...] = ()
    acts: tuple[Act, ...] = ()
    reopening: Route | None = None
    conversation_ended: bool = False
    limit_passed: bool = False
    terms: PromiseMade | None = None
    passed: frozenset[tuple[str, int]] = frozenset()
    kept: PromiseKept | None = None
    broken: PromiseBroken | None = None
    answered_late: PromiseAnsweredLate | None = None
    withdrawn: PromiseWithdrawn | None = None

    @property
    def ended(self) -> bool:
        """Nobody owes the citizen anything any more."""
        return any(end is not None for end in (self.kept, self.answered_late, self.withdrawn))

    @property
    def answered(self) -> bool:
        """Somebody got back to the citizen, in time or late."""
        return self.terms is not None and any(counts(act, self.terms) for act in self.acts)

    @property
    def next_stage(self) -> Stage | None:
        return next(iter(self.stages_ahead), None)

    @property
    def stages_ahead(self) -> Sequence[Stage]:
        """The stages that somebody is still to be told of, in their order."""
        if self.terms is None or self.ended or self.answered:
            return ()
        return [stage for stage in self.terms.stages if stage.identity not in self.passed]


INITIAL = Promise()


def evolve(promise: Promise, event: Event) -> Promise:
    """The promise after an event; the past cannot be rejected."""
    match event:
        case ContactNoted():
            return replace(promise, contact=event)
        case RouteNoted(route):
            return replace(promise, routes=(*promise.routes, route))
        case ReopeningNoted(route):
            return replace(promise, reopening=route)
        case ActNoted(act):
            return replace(promise, acts=(*promise.acts, act))
        case ConversationEnded():
            return replace(promise, conversation_ended=True)
        case ConversationLimitPassed():
            return replace(promise, limit_passed=True)
        case PromiseMade():
            return replace(promise, terms=event)
        case CallbackFellDue(stage=stage):
            return replace(promise, passed=promise.passed | _up_to(stage, promise))
        case FiringFoundNothing():
            return promise
        case PromiseKept():
            return replace(promise, kept=event)
        case PromiseBroken():
            return replace(promise, broken=event)
        case PromiseAnsweredLate():
            return replace(promise, answered_late=event)
        case PromiseWithdrawn():
            return replace(promise, withdrawn=event)


def timers(promise: Promise) -> Timers:
    """The timers that every commit of a promise carries, from the state after it."""
    if promise.ended:
        return Timers(None, None)
    if promise.terms is None:
        waits = promise.contact is not None and promise.contact.live
        waits = waits and not promise.conversation_ended and not promise.limit_passed
        return Timers(None, promise.contact.judge_limit_at if promise.contact and waits else None)
    stage = promise.next_stage
    return Timers(stage.at if stage else None, None if promise.broken else promise.terms.judge_at)


def _up_to(told: Stage, promise: Promise) -> frozenset[tuple[str, int]]:
    """The stage that was told, and those before it: told too, or skipped."""
    planned = [stage.identity for stage in promise.terms.stages] if promise.terms else []
    before = planned[: planned.index(told.identity)] if told.identity in planned else ()
    return frozenset((*before, told.identity))


def counts(act: Act, terms: PromiseMade) -> bool:
    """The conversation in which the promise was given does not keep it."""
    return act.route_number >= terms.route_number and (terms.after is None or act.at > terms.after)


def fold(promise: Promise, events: Sequence[Event]) -> Promise:
    """The promise after events, oldest first."""
    for event in events:
        promise = evolve(promise, event)
    return promise
