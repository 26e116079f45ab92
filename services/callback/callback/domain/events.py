"""What happened to a promise: private events, and the values in them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stage:
    """A moment at which somebody is told: reminder, due, or a step of the overdue ladder."""

    name: str
    step: int
    at: datetime
    to: str

    @property
    def identity(self) -> tuple[str, int]:
        """What makes it the same stage, wherever its time moves to."""
        return self.name, self.step


@dataclass(frozen=True, slots=True)
class Route:
    """Who owned the case under which route."""

    number: int
    owner: str
    topic: str | None
    asked_at: datetime
    routed_at: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """The citizen was reached or answered, by `owner`. `at` is the time at which it counts."""

    how: str
    at: datetime
    route_number: int
    owner: str


@dataclass(frozen=True, slots=True)
class History:
    """What the system that a case was imported from had promised, and how that ended there. `due_at` None: it had
    promised nothing. Neither answered nor withdrawn: it was open at the import."""

    due_at: datetime | None
    answered_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContactNoted:
    """The contact that opened the case. A live one may end without a promise until `limit_at`."""

    received_at: datetime
    live: bool
    topic: str | None
    limit_at: datetime
    judge_limit_at: datetime
    history: History | None = None


@dataclass(frozen=True, slots=True)
class RouteNoted:
    route: Route


@dataclass(frozen=True, slots=True)
class ReopeningNoted:
    """The case was opened again by `route.owner`, at `route.routed_at`, with the promises that it had."""

    route: Route


@dataclass(frozen=True, slots=True)
class ActNoted:
    act: Act


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
    """A stage was reached and nobody had got back to the citizen."""

    stage: Stage
    owner: str
    due_at: datetime
    fired_at: datetime
    skipped: tuple[str, ...]
    imported: bool = False


@dataclass(frozen=True, slots=True)
class FiringFoundNothing:
    """A timer was looked at in vain; written down so that the newest commit carries the right timers."""

    looked_at: datetime


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
    ContactNoted
    | RouteNoted
    | ReopeningNoted
    | ActNoted
    | ConversationEnded
    | ConversationLimitPassed
    | PromiseMade
    | CallbackFellDue
    | FiringFoundNothing
    | PromiseKept
    | PromiseBroken
    | PromiseAnsweredLate
    | PromiseWithdrawn
)
