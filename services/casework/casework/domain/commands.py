"""What can be asked of a case. Texts come sealed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.domain.events import ContactNoted, RouteNoted


@dataclass(frozen=True, slots=True)
class NoteContact:
    contact: ContactNoted


@dataclass(frozen=True, slots=True)
class NoteRoute:
    route: RouteNoted


@dataclass(frozen=True, slots=True)
class Claim:
    by: str


@dataclass(frozen=True, slots=True)
class AddNote:
    note_id: str
    by: str
    text: bytes


@dataclass(frozen=True, slots=True)
class BeginAttempt:
    """Get back to the citizen now, alone for as long as it `lasts`."""

    by: str
    lasts: timedelta


@dataclass(frozen=True, slots=True)
class RecordContact:
    outcome: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitCitizen:
    """Since `occurred_at`, and no longer than `until` where that is given."""

    reason: str
    by: str
    occurred_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Resume:
    by: str


@dataclass(frozen=True, slots=True)
class Forward:
    """To `to_owner`, or to `topic_owner`: the department that owns `to_topic`."""

    to_topic: str | None
    to_owner: str | None
    by: str
    reason: bytes
    topic_owner: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    reason_code: str
    by: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Resolve:
    by: str
    answer: bytes
    minutes: int


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Close the case: it needs no answer any more."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Reopen:
    by: str
    reason: bytes


Command = (
    NoteContact
    | NoteRoute
    | Claim
    | AddNote
    | BeginAttempt
    | RecordContact
    | AwaitCitizen
    | Resume
    | Forward
    | Return
    | Resolve
    | Withdraw
    | Reopen
)
