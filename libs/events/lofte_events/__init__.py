"""The published language of Löfte: the events that other systems may read and write.

Install it alone: it depends on pydantic and on nothing else of Löfte.
"""

from lofte_events.callback import CallbackDue, PromiseAnsweredLate, PromiseBroken, PromiseKept, PromiseMade
from lofte_events.casework import (
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseReturned,
    CitizenContacted,
    NoteAdded,
)
from lofte_events.catalogue import CONTRACTS, PUBLISHED, parse
from lofte_events.contract import Contract
from lofte_events.envelope import (
    MEANINGS,
    Envelope,
    Headers,
    MalformedRecordError,
    format_time,
    parse_time,
    read_envelope,
    type_of,
)
from lofte_events.intake import ContactReceived
from lofte_events.routing import CaseRouted

__all__ = [
    "CONTRACTS",
    "MEANINGS",
    "PUBLISHED",
    "CallbackDue",
    "CaseClaimed",
    "CaseForwarded",
    "CaseReopened",
    "CaseResolved",
    "CaseReturned",
    "CaseRouted",
    "CitizenContacted",
    "ContactReceived",
    "Contract",
    "Envelope",
    "Headers",
    "MalformedRecordError",
    "NoteAdded",
    "PromiseAnsweredLate",
    "PromiseBroken",
    "PromiseKept",
    "PromiseMade",
    "format_time",
    "parse",
    "parse_time",
    "read_envelope",
    "type_of",
]
