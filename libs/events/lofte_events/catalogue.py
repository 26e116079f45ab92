"""Every contract that Löfte publishes or takes, by topic and by type; and how a record becomes one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pydantic import ValidationError

from lofte_events import callback, casework, inbound, intake, routing
from lofte_events.contract import AnyContract, Contract
from lofte_events.envelope import Envelope, MalformedRecordError, read_envelope, type_of

PUBLISHED: Mapping[str, Sequence[type[Contract]]] = {
    "intake": (intake.ContactReceived,),
    "routing": (routing.CaseRouted,),
    "casework": (
        casework.CaseClaimed,
        casework.NoteAdded,
        casework.CitizenContacted,
        casework.CaseAwaitingCitizen,
        casework.CaseResumed,
        casework.CitizenAskedAgain,
        casework.CaseForwarded,
        casework.CaseReturned,
        casework.CaseResolved,
        casework.CaseWithdrawn,
        casework.CaseReopened,
    ),
    "callback": (
        callback.PromiseMade,
        callback.CallbackDue,
        callback.PromisePaused,
        callback.PromiseResumed,
        callback.PromiseRenewed,
        callback.PromiseReopened,
        callback.PromiseKept,
        callback.PromiseBroken,
        callback.PromiseAnsweredLate,
        callback.PromiseWithdrawn,
        callback.StatutoryStageReached,
        callback.NoticeSent,
        callback.NoticeFailed,
    ),
}

BY_MUNICIPALITY: Mapping[str, Sequence[type[AnyContract]]] = {
    "inbound": (inbound.ContactSubmitted, inbound.MatterStatusReported),
    "rejected": (inbound.MessageRejected,),
}
"""What is on the topics that every municipality has of its own, `{prefix}.{name}.{municipality}`."""

CONTRACTS: Mapping[str, type[AnyContract]] = {
    contract.TYPE: contract
    for contracts in (*PUBLISHED.values(), *BY_MUNICIPALITY.values())
    for contract in contracts
}


class Fact(NamedTuple):
    """What was told, and what is said about it."""

    envelope: Envelope
    contract: AnyContract


def parse(headers: Iterable[tuple[str, bytes | None]], value: bytes | None) -> Fact | None:
    """Read one record of ours; None for a type that this version does not know (count it and pass).

    Raises:
        MalformedRecordError: the type is known, and the envelope or the value is not of its form.
    """
    headers = list(headers)
    contract = CONTRACTS.get(type_of(headers) or "")
    if contract is None:
        return None
    envelope = read_envelope(headers)
    if value is None:
        raise MalformedRecordError("value: a tombstone of a known type; facts are never deleted")
    return Fact(envelope, validated(contract, value))


def validated(contract: type[AnyContract], value: bytes) -> AnyContract:
    """The JSON `value` as a contract. Raises MalformedRecordError, which names the fields."""
    try:
        return contract.model_validate_json(value)
    except ValidationError as error:
        # The values themselves stay out of the message: it is logged.
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}"
            for e in error.errors(include_input=False)
        )
        raise MalformedRecordError(faults) from None
