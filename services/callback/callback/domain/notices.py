"""What became of a notice: it went out, or it did not. Told once each; no address is in it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one receiver about one stage of a promise. `receiver`: a role; `channel`: email, sms, webhook; none:
    no way was found."""

    id: str
    promise_number: int
    owner: str
    due_at: datetime
    stage: str
    step: int
    receiver: str
    channel: str


@dataclass(frozen=True, slots=True)
class NoticeSent:
    """`attempts`: how often it was tried, this time counted."""

    notice: Notice
    sent_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class NoticeFailed:
    """Nobody tries any more, unless somebody replays it."""

    notice: Notice
    failed_at: datetime
    attempts: int
    reason: str


Outcome = NoticeSent | NoticeFailed


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the notices of a case, by their ids."""

    sent: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()


def decide(outcome: Outcome, told: Told) -> list[Outcome]:
    """A notice goes out once; one that failed may still go out, when it is replayed."""
    known = told.sent if isinstance(outcome, NoticeSent) else told.sent | told.failed
    return [] if outcome.notice.id in known else [outcome]


def evolve(told: Told, outcome: Outcome) -> Told:
    """What is known after an event."""
    if isinstance(outcome, NoticeSent):
        return Told(told.sent | {outcome.notice.id}, told.failed)
    return Told(told.sent, told.failed | {outcome.notice.id})
