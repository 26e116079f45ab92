"""The statutory clock as it stands: how an event changes it, when it wants to be looked at, what was in time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from callback.domain.events import FiringFoundNothing, Stage
from callback.domain.promise import Identity, Timers
from callback.domain.statutory.events import (
    WITHDRAWN,
    DecisionRequested,
    DecisionRequestRefused,
    DelayNoticeGiven,
    StatutoryClockEnded,
    StatutoryClockStarted,
    StatutoryEvent,
    StatutoryStageReached,
)


@dataclass(frozen=True, slots=True)
class StatutoryClock:
    """What is known of it. `notices` are in the order in which they were given; `passed`: the stages that were told or
    skipped; `corrections`: how often the time at which the party initiated the matter was corrected."""

    started: StatutoryClockStarted | None = None
    notices: tuple[DelayNoticeGiven, ...] = ()
    request: DecisionRequested | None = None
    refused: DecisionRequestRefused | None = None
    ended: StatutoryClockEnded | None = None
    passed: frozenset[Identity] = frozenset()
    corrections: int = 0

    @property
    def stages(self) -> Sequence[Stage]:
        """Those of the time that runs now, or ran last."""
        running = self.request or self.started
        return running.stages if running else ()

    @property
    def stages_ahead(self) -> Sequence[Stage]:
        """The stages that somebody is still to be told of, in their order."""
        if self.ended or self.refused:
            return ()
        return [stage for stage in self.stages if stage.identity not in self.passed]


NO_CLOCK = StatutoryClock()


def evolve(clock: StatutoryClock, event: StatutoryEvent) -> StatutoryClock:
    """The clock after an event; the past cannot be rejected."""
    match event:
        case StatutoryClockStarted():
            corrections = clock.corrections + (clock.started is not None)
            return replace(clock, started=event, passed=frozenset(), corrections=corrections)
        case DelayNoticeGiven():
            given = sorted((*clock.notices, event), key=lambda one: (one.noticed_at, one.reason, one.how))
            return replace(clock, notices=tuple(given))
        case DecisionRequested():
            return replace(clock, request=event)
        case DecisionRequestRefused():
            return replace(clock, refused=event)
        case StatutoryStageReached(stage=stage):
            planned = [one.identity for one in clock.stages]
            before = planned[: planned.index(stage.identity)] if stage.identity in planned else ()
            return replace(clock, passed=clock.passed | {*before, stage.identity})
        case StatutoryClockEnded():
            return replace(clock, ended=event)
        case FiringFoundNothing():
            return clock


def timers(clock: StatutoryClock) -> Timers:
    """When the clock wants to be looked at again. Nothing of it is judged: whoever reads it sees what is in time."""
    ahead = clock.stages_ahead
    return Timers(ahead[0].at if ahead else None, None)


def in_time(due_at: datetime, answered_at: datetime | None, how: str | None, now: datetime) -> bool | None:
    """Whether a time was kept. None: nobody can say yet, or the party withdrew the matter before it was over."""
    if answered_at is None:
        return None if now < due_at else False
    if how == WITHDRAWN:
        return None if answered_at < due_at else False
    return answered_at < due_at
