"""What happened to a case: the private events, as they are stored."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Closed:
    """How an imported case had ended before it came to us. `withdrawn`: without an answer."""

    at: datetime
    withdrawn: bool


@dataclass(frozen=True, slots=True)
class ContactNoted:
    """`imported`: taken over from another system, which told whether the case was `closed`."""

    contact_id: str
    opens_case: bool
    case_reference: str
    channel: str
    citizen_kind: str
    topic: str | None
    received_at: datetime
    imported: bool = False
    closed: Closed | None = None


@dataclass(frozen=True, slots=True)
class RouteNoted:
    route_number: int
    owner: str
    topic: str | None
    hand_over_number: int
    routed_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Under what an act was done: whose case it was, by which route, for which promise, asked when."""

    owner: str
    topic: str | None
    route_number: int
    promise_number: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class CaseClaimed:
    standing: Standing
    handler: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteAdded:
    standing: Standing
    note_id: str
    by: str
    text: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class AttemptBegun:
    """Somebody is about to get back to the citizen; nobody else is `until` then, unless it ends before."""

    standing: Standing
    by: str
    at: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class CitizenContacted:
    standing: Standing
    outcome: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class CaseAwaitingCitizen:
    """Nothing can be done before the citizen answers, or before the time that the citizen chose."""

    standing: Standing
    reason: str
    by: str
    occurred_at: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class CaseResumed:
    """The waiting is over, by whatever ended it: every CaseAwaitingCitizen is followed by one."""

    standing: Standing
    cause: str
    by: str | None
    contact_id: str | None
    resumed_at: datetime


@dataclass(frozen=True, slots=True)
class CitizenAskedAgain:
    """A further contact about an open case that was not awaiting one."""

    standing: Standing
    contact_id: str
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class CaseForwarded:
    standing: Standing
    hand_over_number: int
    to_topic: str | None
    to_owner: str | None
    by: str
    reason: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseReturned:
    standing: Standing
    hand_over_number: int
    reason_code: str
    by: str
    text: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseResolved:
    """`answer` is None, and `imported`, where another system resolved the case."""

    standing: Standing
    by: str
    answer: bytes | None
    minutes: int
    occurred_at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class CaseWithdrawn:
    """The case is closed and needs no answer."""

    standing: Standing
    by: str
    reason: str
    occurred_at: datetime
    imported: bool = False


@dataclass(frozen=True, slots=True)
class CaseReopened:
    """`channel` and `citizen_kind`: of the contact that reopened it, on request of the one that opened it."""

    standing: Standing
    cause: str
    contact_id: str | None
    by: str | None
    reason: bytes | None
    owes_promise: bool
    at: datetime
    channel: str | None = None
    citizen_kind: str | None = None


Event = (
    ContactNoted
    | RouteNoted
    | CaseClaimed
    | NoteAdded
    | AttemptBegun
    | CitizenContacted
    | CaseAwaitingCitizen
    | CaseResumed
    | CitizenAskedAgain
    | CaseForwarded
    | CaseReturned
    | CaseResolved
    | CaseWithdrawn
    | CaseReopened
)
