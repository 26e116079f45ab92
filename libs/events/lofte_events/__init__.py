"""The published language of Löfte: the events that other systems may read and write.

Install it alone: it depends on pydantic and on nothing else of Löfte.
"""

from lofte_events.callback import (
    CallbackDue,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
)
from lofte_events.casework import (
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseReturned,
    CaseWithdrawn,
    CitizenContacted,
    NoteAdded,
)
from lofte_events.catalogue import CONTRACTS, PUBLISHED, parse
from lofte_events.contract import Contract
from lofte_events.envelope import (
    Envelope,
    Headers,
    MalformedRecordError,
    format_time,
    parse_time,
    read_envelope,
    type_of,
)
from lofte_events.intake import ContactReceived, History
from lofte_events.routing import CaseRouted

__all__ = [
    "CONTRACTS",
    "PUBLISHED",
    "CallbackDue",
    "CaseClaimed",
    "CaseForwarded",
    "CaseReopened",
    "CaseResolved",
    "CaseReturned",
    "CaseRouted",
    "CaseWithdrawn",
    "CitizenContacted",
    "ContactReceived",
    "Contract",
    "Envelope",
    "Headers",
    "History",
    "MalformedRecordError",
    "NoteAdded",
    "PromiseAnsweredLate",
    "PromiseBroken",
    "PromiseKept",
    "PromiseMade",
    "PromiseWithdrawn",
    "format_time",
    "parse",
    "parse_time",
    "read_envelope",
    "type_of",
]
