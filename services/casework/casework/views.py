"""The owners' view: each department and the centre sees its own cases, least time left first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chassis.consuming import Message
from lofte_events import (
    CaseAwaitingCitizen,
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseReturned,
    CaseRouted,
    CaseWithdrawn,
    CitizenContacted,
    ContactReceived,
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
from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection

Document = dict[str, Any]

NAME = "cases"
SERVICES = ("intake", "routing", "casework", "callback")
INDEXES = [
    IndexModel(
        [
            ("municipality", ASCENDING),
            ("owner", ASCENDING),
            ("listed", ASCENDING),
            ("least_at", ASCENDING),
            ("case_id", ASCENDING),
        ],
        name="owner",
    )
]

NO_TIME_LIMIT = datetime(9999, 1, 1, tzinfo=UTC)
"""Sorts a case without an open promise behind all others."""

_EMPTY: Mapping[str, Any] = {
    "case_reference": None,
    "channel": None,
    "citizen_kind": None,
    "received_at": None,
    "contacts": 0,
    "topic": None,
    "route_number": 0,
    "owner": None,
    "routed_hand_over": 0,
    "hand_over": 0,
    "claim": None,
    "awaiting": None,
    "resolved_at": None,
    "withdrawn": False,
    "promise": None,
    "last_contact": None,
}


def project(body: Document | None, message: Message) -> Document | None:
    """One contract folded into the case's document. Topics come in any order relative to each other."""
    new = {
        **_EMPTY,
        **(body or {"municipality": message.envelope.municipality, "case_id": message.contract.case_id}),
    }
    match message.contract:
        case ContactReceived() as contact:
            new["contacts"] += 1
            if contact.opens_case:
                new |= {
                    "case_reference": contact.case_reference,
                    "channel": contact.channel,
                    "citizen_kind": contact.citizen_kind,
                    "received_at": contact.received_at,
                }
        case CaseRouted() as routed:
            new |= {
                "owner": routed.owner,
                "topic": routed.topic,
                "route_number": routed.route_number,
                "routed_hand_over": routed.hand_over_number or 0,
            }
        case CaseClaimed(by=by, route_number=route_number):
            new["claim"] = {"by": by, "route_number": route_number}
        case CitizenContacted(outcome=outcome, occurred_at=occurred_at):
            new["last_contact"] = {"outcome": outcome, "at": occurred_at}
        case CaseAwaitingCitizen(reason=reason, occurred_at=since, until=until):
            new["awaiting"] = {"reason": reason, "since": since, "until": until}
        case CaseResumed():
            new["awaiting"] = None
        case CaseForwarded(hand_over_number=number) | CaseReturned(hand_over_number=number):
            new["hand_over"] = number
        case CaseResolved(occurred_at=occurred_at):
            new |= {"resolved_at": occurred_at, "withdrawn": False}
        case CaseWithdrawn(occurred_at=occurred_at):
            new |= {"resolved_at": occurred_at, "withdrawn": True}
        case CaseReopened():
            new |= {"resolved_at": None, "withdrawn": False}
        case PromiseMade(promise_number=number, due_at=due_at):
            _promise(new, number, "open", due_at)
        case PromisePaused(promise_number=number, due_at=due_at):
            _promise(new, number, "paused", due_at)
        case PromiseResumed(promise_number=number, due_at=due_at):
            _promise(new, number, "open", due_at)
        case PromiseRenewed(promise_number=number, due_at=due_at):
            _promise(new, number, "open", due_at)
        case PromiseReopened(promise_number=number, due_at=due_at):
            was_broken = (new["promise"] or {}).get("broken", False)
            _promise(new, number, "broken" if was_broken else "open", due_at)
        case PromiseKept(promise_number=number, due_at=due_at):
            _promise(new, number, "kept", due_at)
        case PromiseBroken(promise_number=number, due_at=due_at):
            _promise(new, number, "broken", due_at)
        case PromiseAnsweredLate(promise_number=number, due_at=due_at):
            _promise(new, number, "answered-late", due_at)
        case PromiseWithdrawn(promise_number=number, due_at=due_at):
            _promise(new, number, "withdrawn", due_at)
        case _:
            return body
    return _derive(new)


def _promise(body: Document, number: int, state: str, due_at: datetime) -> None:
    # The streams of two promises of a case are two sources: only within one does order hold.
    known = body["promise"]
    if known is None or number >= known["number"]:
        broken = state == "broken" or (
            known is not None and known["number"] == number and known.get("broken", False)
        )
        body["promise"] = {"number": number, "state": state, "due_at": due_at, "broken": broken}


def _derive(body: Document) -> Document:
    claim, promise = body["claim"], body["promise"]
    claimed = claim is not None and claim["route_number"] == body["route_number"]
    handed_over = body["hand_over"] > body["routed_hand_over"]
    open_promise = promise is not None and promise["state"] in ("open", "broken")
    body["handler"] = claim["by"] if claimed and not handed_over else None
    body["status"] = _status(body, handed_over=handed_over)
    body["listed"] = (
        body["received_at"] is not None and body["owner"] is not None and body["resolved_at"] is None
    )
    body["least_at"] = promise["due_at"] if open_promise else NO_TIME_LIMIT
    return body


def _status(body: Document, *, handed_over: bool) -> str:
    if body["resolved_at"]:
        return "withdrawn" if body["withdrawn"] else "resolved"
    if handed_over:
        return "handed-over"
    return "awaiting" if body["awaiting"] else "open"


async def cases_of(
    collection: AsyncCollection[Document],
    municipality: str,
    owner: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Document]:
    """An owner's open cases, least time left first; `after`: the last row of the page before."""
    query: Document = {"municipality": municipality, "owner": owner, "listed": True}
    if after is not None:
        least_at, case_id = after
        query["$or"] = [{"least_at": {"$gt": least_at}}, {"least_at": least_at, "case_id": {"$gt": case_id}}]
    found = collection.find(query).sort([("least_at", ASCENDING), ("case_id", ASCENDING)]).limit(limit)
    return await found.to_list()


async def case_in_view(
    collection: AsyncCollection[Document], municipality: str, case_id: str
) -> Document | None:
    """What the view knows of a case: above all its promise, which casework's own log does not hold."""
    return await collection.find_one({"_id": f"{municipality}.{case_id}"})
