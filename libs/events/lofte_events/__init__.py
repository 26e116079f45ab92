"""The published language of Löfte: the events that other systems may read and write.

Install it alone: it depends on pydantic and on nothing else of Löfte.
"""

from lofte_events.callback import (
    CallbackDue,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
)
from lofte_events.casework import (
    CaseAwaitingCitizen,
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseReturned,
    CaseWithdrawn,
    CitizenAskedAgain,
    CitizenContacted,
    NoteAdded,
)
from lofte_events.catalogue import BY_MUNICIPALITY, CONTRACTS, PUBLISHED, Fact, parse
from lofte_events.contract import AnyContract, Contract
from lofte_events.envelope import (
    Envelope,
    Headers,
    MalformedRecordError,
    counts_at,
    format_time,
    parse_time,
    read_envelope,
    type_of,
)
from lofte_events.folding import Seen, fold
from lofte_events.inbound import (
    SEALED_WITH,
    ContactSubmitted,
    MatterStatusReported,
    MessageRejected,
    SealedCitizen,
    SealedContact,
    SealedMatter,
    Submission,
    to_message,
)
from lofte_events.intake import ContactReceived, History
from lofte_events.reading import Reader, outgrown, parse_structured
from lofte_events.routing import CaseRouted

__all__ = [
    "BY_MUNICIPALITY",
    "CONTRACTS",
    "PUBLISHED",
    "SEALED_WITH",
    "AnyContract",
    "CallbackDue",
    "CaseAwaitingCitizen",
    "CaseClaimed",
    "CaseForwarded",
    "CaseReopened",
    "CaseResolved",
    "CaseResumed",
    "CaseReturned",
    "CaseRouted",
    "CaseWithdrawn",
    "CitizenAskedAgain",
    "CitizenContacted",
    "ContactReceived",
    "ContactSubmitted",
    "Contract",
    "Envelope",
    "Fact",
    "Headers",
    "History",
    "MalformedRecordError",
    "MatterStatusReported",
    "MessageRejected",
    "NoteAdded",
    "PromiseAnsweredLate",
    "PromiseBroken",
    "PromiseKept",
    "PromiseMade",
    "PromisePaused",
    "PromiseRenewed",
    "PromiseReopened",
    "PromiseResumed",
    "PromiseWithdrawn",
    "Reader",
    "SealedCitizen",
    "SealedContact",
    "SealedMatter",
    "Seen",
    "Submission",
    "counts_at",
    "fold",
    "format_time",
    "outgrown",
    "parse",
    "parse_structured",
    "parse_time",
    "read_envelope",
    "to_message",
    "type_of",
]
