"""What became of a promise: the private events that follow from the facts, and the stages in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from callback.domain.facts import Noted

NOBODY = "nobody"
CITIZEN = "citizen"
"""Whom the promise was made to, among the receivers of a stage."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment at which some are told, by their roles: reminder, due, a step of the overdue ladder; delay, where the
    citizen alone is. `to` is the first of them, as an earlier release stored and reads it; `also` are the others. `ahead_of`: the
    time at which a citizen is to be told, where the stage comes before it since no text message goes out then."""

    name: str
    step: int
    at: datetime
    to: str
    also: tuple[str, ...] = ()
    ahead_of: datetime | None = None

    @property
    def identity(self) -> tuple[str, int]:
        """What makes it the same stage, wherever its time moves to."""
        return self.name, self.step

    @property
    def receivers(self) -> tuple[str, ...]:
        """All who are told."""
        return () if self.to == NOBODY else (self.to, *self.also)

    def telling(self, receivers: Sequence[str]) -> "Stage":
        """The same for these."""
        first, *others = receivers or (NOBODY,)
        return replace(self, to=first, also=tuple(others))


@dataclass(frozen=True, slots=True)
class Delay:
    """What a citizen is told of a delay: why, and by when an answer is expected now. That is no promise."""

    reason: str
    expected_at: datetime


@dataclass(frozen=True, slots=True)
class ConversationEnded:
    """The case of a live contact was resolved before the limit: nothing needs to be promised."""

    at: datetime


@dataclass(frozen=True, slots=True)
class ConversationLimitPassed:
    """The limit of a live contact passed, and the case was not resolved before it."""

    limit_at: datetime


@dataclass(frozen=True, slots=True)
class PromiseMade:
    """We get back to you before `due_at`. All its moments are fixed here, whatever policy or calendar says later.

    Acts count from route `route_number` on, and only after `after` where that is given.
    """

    number: int
    owner: str
    policy: str
    policy_version: int
    from_at: datetime
    due_at: datetime
    judge_at: datetime
    stages: tuple[Stage, ...]
    route_number: int
    after: datetime | None
    made_at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class CallbackFellDue:
    """A stage was reached and nobody had got back to the citizen. `delay`: what the citizen hears, if told."""

    stage: Stage
    owner: str
    due_at: datetime
    fired_at: datetime
    skipped: tuple[str, ...]
    imported: bool = False
    delay: Delay | None = None


@dataclass(frozen=True, slots=True)
class FiringFoundNothing:
    """A timer was looked at in vain; written down so that the newest commit carries the right timers."""

    looked_at: datetime


@dataclass(frozen=True, slots=True)
class PromisePaused:
    """The clock stands from `paused_at` on, until somebody resumes, `limit_at` at the longest. `place`: of the pause
    among the facts."""

    owner: str
    due_at: datetime
    paused_at: datetime
    reason: str
    limit_at: datetime
    judge_at: datetime
    place: int
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseResumed:
    """The clock runs again, with the time that was left; all moments are fixed anew."""

    owner: str
    due_before: datetime
    due_at: datetime
    judge_at: datetime
    stages: tuple[Stage, ...]
    resumed_at: datetime
    cause: str
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseRenewed:
    """Another time was agreed with the citizen at `agreed_at`, while the one before held. It ends a pause."""

    owner: str
    due_before: datetime
    due_at: datetime
    judge_at: datetime
    stages: tuple[Stage, ...]
    renewed_at: datetime
    agreed_at: datetime
    how: str
    reason: str
    by: str
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseReopened:
    """What was withdrawn is owed again from `reopened_at` on, with the time that was left."""

    owner: str
    due_before: datetime
    due_at: datetime
    judge_at: datetime
    stages: tuple[Stage, ...]
    reopened_at: datetime
    imported: bool = False


Moved = PromiseResumed | PromiseRenewed | PromiseReopened
"""All that moves a due time; nothing else does."""


@dataclass(frozen=True, slots=True)
class PromiseKept:
    owner: str
    due_at: datetime
    kept_at: datetime
    how: str
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseBroken:
    owner: str
    broken_at: datetime
    judged_at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseAnsweredLate:
    owner: str
    due_at: datetime
    answered_at: datetime
    how: str
    imported: bool = False


@dataclass(frozen=True, slots=True)
class PromiseWithdrawn:
    owner: str
    due_at: datetime
    withdrawn_at: datetime
    reason: str
    by: str | None = None
    imported: bool = False


Event = (
    Noted
    | ConversationEnded
    | ConversationLimitPassed
    | PromiseMade
    | CallbackFellDue
    | FiringFoundNothing
    | PromisePaused
    | PromiseResumed
    | PromiseRenewed
    | PromiseReopened
    | PromiseKept
    | PromiseBroken
    | PromiseAnsweredLate
    | PromiseWithdrawn
)
