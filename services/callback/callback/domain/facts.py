"""What others told of a case, as it is noted. What follows from it is in `events`."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Route:
    """Who owned the case under which route."""

    number: int
    owner: str
    topic: str | None
    asked_at: datetime
    routed_at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """What the system that a case was imported from had promised, and how that ended there. `due_at` None: it had
    promised nothing. Neither answered nor withdrawn: it was open at the import."""

    due_at: datetime | None
    answered_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True)
class Act:
    """The citizen was reached or answered, by `owner`. `at` is the time at which it counts."""

    how: str
    at: datetime
    route_number: int
    owner: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody tried to get back to the citizen and did not reach anybody."""

    outcome: str
    at: datetime
    route_number: int
    owner: str


@dataclass(frozen=True, slots=True)
class Pause:
    """The case waits for the citizen from `at` on, `until` then at the longest where that was said."""

    reason: str
    at: datetime
    until: datetime | None
    route_number: int


@dataclass(frozen=True, slots=True)
class Resume:
    """The waiting is over; `cause` says what ended it."""

    cause: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reply:
    """The citizen asked again at `asked_at`; it was `noted_at` the case, after all that was noted there before."""

    asked_at: datetime
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Nobody needs to get back to the citizen any more. `by`: who said so."""

    reason: str
    at: datetime
    owner: str
    by: str | None


Fact = Act | Attempt | Pause | Resume | Reply | Withdrawal
"""What happened to a case under a promise, in the order in which it happened: all of it is told by casework, in one
stream, or asked of callback itself."""


@dataclass(frozen=True, slots=True)
class Window:
    """On these days of the week (0: Monday), between two times of the municipality's wall clock, in minutes since
    midnight."""

    days: tuple[int, ...]
    after: int
    before: int


@dataclass(frozen=True, slots=True)
class Reachable:
    """When the citizen can be reached, as they said in the contact `contact_id` at `said_at`; what was said last holds."""

    said_at: datetime
    contact_id: str
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class ContactNoted:
    """The contact that opened the case. A live one may end without a promise until `limit_at`; `agreed_due_at`: what
    the citizen was told in it."""

    received_at: datetime
    live: bool
    topic: str | None
    limit_at: datetime
    judge_limit_at: datetime
    history: History | None = None
    channel: str | None = None
    citizen_kind: str | None = None
    agreed_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ReachableNoted:
    """Noted with the first promise of a case, for all of them."""

    reachable: Reachable


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
class AttemptNoted:
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class PauseNoted:
    pause: Pause


@dataclass(frozen=True, slots=True)
class ResumeNoted:
    resume: Resume


@dataclass(frozen=True, slots=True)
class ReplyNoted:
    reply: Reply


@dataclass(frozen=True, slots=True)
class WithdrawalNoted:
    withdrawal: Withdrawal


Noted = (
    ContactNoted
    | ReachableNoted
    | RouteNoted
    | ReopeningNoted
    | ActNoted
    | AttemptNoted
    | PauseNoted
    | ResumeNoted
    | ReplyNoted
    | WithdrawalNoted
)


def noted(fact: Fact) -> Noted:
    """The event that a fact is kept as."""
    match fact:
        case Act():
            return ActNoted(fact)
        case Attempt():
            return AttemptNoted(fact)
        case Pause():
            return PauseNoted(fact)
        case Resume():
            return ResumeNoted(fact)
        case Reply():
            return ReplyNoted(fact)
        case Withdrawal():
            return WithdrawalNoted(fact)
