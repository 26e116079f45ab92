"""What can be told and asked of a statutory clock, and what follows from it."""

from dataclasses import dataclass
from datetime import datetime

from callback.domain.commands import Fire
from callback.domain.events import FiringFoundNothing, Stage

DECIDED, REFUSED, WITHDRAWN = "decided", "request_refused", "withdrawn"
"""How the authority answers, and the party's own end of the matter."""


@dataclass(frozen=True, slots=True)
class StartClock:
    """A party initiated the matter of the case, at a time that is past."""

    initiated_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class NoteDelay:
    """The party was told that it takes much longer, and why. `expected_at`: when a decision is expected; no promise."""

    reason: str
    how: str
    noticed_at: datetime
    expected_at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class RequestDecision:
    """The party asks in writing that the matter is decided; the authority received that at `received_at`."""

    received_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class EndClock:
    """The matter was decided, the request was refused, or the party withdrew the matter, at `at`."""

    how: str
    at: datetime
    by: str


StatutoryCommand = StartClock | NoteDelay | RequestDecision | EndClock | Fire


@dataclass(frozen=True, slots=True)
class StatutoryClockStarted:
    """The matter is to be decided on `last_day`, before `due_at`, by the rules of that `version`. All is fixed here,
    whatever the file says later."""

    version: int
    initiated_at: datetime
    last_day: str
    due_at: datetime
    stages: tuple[Stage, ...]
    started_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class DelayNoticeGiven:
    reason: str
    how: str
    noticed_at: datetime
    expected_at: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class DecisionRequested:
    """The request is to be answered on `last_day`, before `due_at`."""

    received_at: datetime
    last_day: str
    due_at: datetime
    stages: tuple[Stage, ...]
    requested_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class DecisionRequestRefused:
    """The four weeks are over with that, the matter goes on, and no other request can be made."""

    refused_at: datetime
    noted_at: datetime
    by: str


@dataclass(frozen=True, slots=True)
class StatutoryStageReached:
    """A stage was reached and nobody had decided. `owner`: who has the case then; None: nobody yet."""

    stage: Stage
    owner: str | None
    due_at: datetime
    fired_at: datetime
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StatutoryClockEnded:
    how: str
    ended_at: datetime
    noted_at: datetime
    by: str


StatutoryEvent = (
    StatutoryClockStarted
    | DelayNoticeGiven
    | DecisionRequested
    | DecisionRequestRefused
    | StatutoryStageReached
    | StatutoryClockEnded
    | FiringFoundNothing
)
