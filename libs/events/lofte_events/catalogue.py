"""Every contract that Löfte publishes, by service and by type; and how a record becomes one."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import ValidationError

from lofte_events import callback, casework, intake, routing
from lofte_events.contract import Contract
from lofte_events.envelope import Envelope, MalformedRecordError, read_envelope, type_of

PUBLISHED: Mapping[str, Sequence[type[Contract]]] = {
    "intake": (intake.ContactReceived,),
    "routing": (routing.CaseRouted,),
    "casework": (
        casework.CaseClaimed,
        casework.NoteAdded,
        casework.CitizenContacted,
        casework.CaseForwarded,
        casework.CaseReturned,
        casework.CaseResolved,
        casework.CaseWithdrawn,
        casework.CaseReopened,
    ),
    "callback": (
        callback.PromiseMade,
        callback.CallbackDue,
        callback.PromiseKept,
        callback.PromiseBroken,
        callback.PromiseAnsweredLate,
        callback.PromiseWithdrawn,
    ),
}

CONTRACTS: Mapping[str, type[Contract]] = {
    contract.TYPE: contract for contracts in PUBLISHED.values() for contract in contracts
}


def parse(
    headers: Iterable[tuple[str, bytes | None]], value: bytes | None
) -> tuple[Envelope, Contract] | None:
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
    try:
        return envelope, contract.model_validate_json(value)
    except ValidationError as error:
        # The values themselves stay out of the message: it is logged.
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['type']}"
            for e in error.errors(include_input=False)
        )
        raise MalformedRecordError(faults) from None
