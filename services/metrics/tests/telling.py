"""What can be told about a case, and the facts that the view makes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.reacting import Message
from lofte_events import (
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseReturned,
    CaseRouted,
    CitizenContacted,
    ContactReceived,
    Contract,
    Envelope,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)
from metrics.views import project

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def minute(number: float) -> datetime:
    return NOW + timedelta(minutes=number)


def contact(at: float = 0, *, opens_case: bool = True, live: bool = True, channel: str = "phone") -> Contract:
    return ContactReceived(
        case_id="c1",
        contact_id="k1",
        case_reference="R",
        opens_case=opens_case,
        channel=channel,
        citizen_kind="person",
        topic="city.parking",
        live=live,
        received_at=minute(at),
        accepted_at=minute(at),
        dataref="/contacts/k1",
    )


def route(number: int, owner: str, department: str | None = "department.streets") -> Contract:
    return CaseRouted(
        case_id="c1",
        route_number=number,
        owner=owner,
        topic="city.parking",
        department=department,
        cause="contact",
        rule="r",
        rule_version=1,
        reason="Because.",
        asked_at=NOW,
        routed_at=NOW,
    )


ACT: dict[str, Any] = {"case_id": "c1", "by": "anna", "route_number": 1, "promise_number": 1, "asked_at": NOW}
PROMISE: dict[str, Any] = {"case_id": "c1", "owner": "group.city", "due_at": minute(240)}


def resolved(at: float = 10, minutes: int = 5) -> Contract:
    told = {**ACT, "owner": "group.city", "minutes": minutes, "occurred_at": minute(at), "dataref": "/x"}
    return CaseResolved.model_validate(told)


def attempted(outcome: str, at: float) -> CitizenContacted:
    return CitizenContacted.model_validate(
        {**ACT, "owner": "group.city", "outcome": outcome, "occurred_at": minute(at)}
    )


def forwarded() -> Contract:
    return CaseForwarded.model_validate(
        {**ACT, "owner": "group.city", "hand_over_number": 1, "forwarded_at": minute(5)}
    )


def returned(by: str, number: int = 2) -> Contract:
    told = {**ACT, "owner": by, "hand_over_number": number, "reason_code": "wrong_owner"}
    return CaseReturned.model_validate({**told, "returned_at": minute(30)})


def reopened(at: float) -> Contract:
    told = {
        **ACT,
        "owner": "group.city",
        "owes_promise": False,
        "cause": "request",
        "reopened_at": minute(at),
    }
    return CaseReopened.model_validate(told)


def made(at: float = 1, number: int = 1, *, asked: float = 0) -> Contract:
    told = {**PROMISE, "promise_number": number, "policy": "p", "policy_version": 1, "from_at": minute(asked)}
    return PromiseMade.model_validate({**told, "made_at": minute(at)})


def kept(number: int = 1) -> Contract:
    return PromiseKept.model_validate(
        {**PROMISE, "promise_number": number, "kept_at": minute(60), "how": "reached"}
    )


def broken(number: int = 1) -> Contract:
    told = {**PROMISE, "promise_number": number, "broken_at": minute(240), "judged_at": minute(256)}
    return PromiseBroken.model_validate(told)


LIVE = (contact(), route(1, "group.city"))
WRITTEN = (contact(live=False, channel="email"), route(1, "group.city"), made())


def message(contract: Contract, stored_at: datetime | None = None) -> Message:
    envelope = Envelope("e", contract.TYPE, "/0581/x/y", "c1", NOW, 1, "0581", stored_at=stored_at)
    return Message(envelope, contract, None)


def fold(*contracts: Contract) -> dict[str, Any]:
    """The facts of a case after contracts, one after the other."""
    body: dict[str, Any] | None = None
    for contract in contracts:
        body = project(body, message(contract))
    return body or {}
