"""One fact document per case, folded from all topics. It notes facts; the figures are counted from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.consuming import Message
from lofte_events import (
    CaseForwarded,
    CaseReopened,
    CaseResolved,
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

NAME = "facts"
SERVICES = ("intake", "routing", "casework", "callback")
INDEXES = [IndexModel([("municipality", ASCENDING), ("received_at", ASCENDING)], name="received")]

_EMPTY: Mapping[str, Any] = {
    "received_at": None,
    "channel": None,
    "citizen_kind": None,
    "live": None,
    "imported": None,
    "contacts": [],
    "route_number": 0,
    "topic": None,
    "department": None,
    "routes": [],
    "forwards": 0,
    "returns": [],
    "attempts": [],
    "resolutions": [],
    "withdrawn": [],
    "reopened": [],
    "promises": {},
}


def project(body: Document | None, message: Message) -> Document | None:
    """One contract noted as a fact of its case. Topics come in any order relative to each other."""
    new = {**_EMPTY, **(body or {"municipality": message.envelope.municipality})}
    match message.contract:
        case ContactReceived() as contact:
            new["contacts"] = sorted([*new["contacts"], contact.received_at])
            if contact.opens_case:
                new |= {
                    "received_at": contact.received_at,
                    "channel": contact.channel,
                    "citizen_kind": contact.citizen_kind,
                    "live": contact.live,
                    "imported": {"answered_at": contact.history.answered_at} if contact.history else None,
                }
        case CaseRouted() as routed:
            new |= {
                "route_number": routed.route_number,
                "topic": routed.topic,
                "department": routed.department,
            }
            route = {"number": routed.route_number, "owner": routed.owner, "department": routed.department}
            new["routes"] = [*new["routes"], route]
        case CaseForwarded():
            new["forwards"] += 1
        case CaseReturned(owner=owner, reason_code=reason_code):
            new["returns"] = [*new["returns"], {"by": owner, "reason_code": reason_code}]
        case CitizenContacted(outcome=outcome, occurred_at=at):
            attempt = {"outcome": outcome, "at": at, "stored_at": message.envelope.stored_at}
            new["attempts"] = [*new["attempts"], attempt]
        case CaseResolved() as resolved:
            resolution = {
                "at": resolved.occurred_at,
                "minutes": resolved.minutes,
                "owner": resolved.owner,
                "route_number": resolved.route_number,
                "hand_overs": new["forwards"] + len(new["returns"]),
                "imported": resolved.imported,
            }
            new["resolutions"] = [*new["resolutions"], resolution]
        case CaseWithdrawn(occurred_at=at):
            new["withdrawn"] = [*new["withdrawn"], at]
        case CaseReopened(reopened_at=at):
            new["reopened"] = [*new["reopened"], at]
        case PromiseMade(promise_number=number, from_at=from_at, due_at=due_at, made_at=made_at):
            made = {"from_at": from_at, "due_at": due_at, "first_due_at": due_at, "made_at": made_at}
            _promise(new, number, made)
        case PromisePaused(promise_number=number, paused_at=at):
            promise = _known(new, number)
            _promise(new, number, {"pauses": [*promise.get("pauses", []), {"at": at, "until": None}]})
        case PromiseResumed(promise_number=number, due_at=due_at, resumed_at=at):
            _promise(new, number, {"due_at": due_at, **_pause_over(new, number, at)})
        case PromiseRenewed(promise_number=number, due_at=due_at, renewed_at=at):
            renewed = {"due_at": due_at, "renewals": _known(new, number).get("renewals", 0) + 1}
            _promise(new, number, {**renewed, **_pause_over(new, number, at)})
        case PromiseReopened(promise_number=number, due_at=due_at, reopened_at=at):
            _promise(new, number, {"due_at": due_at, "withdrawn_at": None, "reopened_at": at})
        case PromiseKept(promise_number=number, kept_at=at):
            _promise(new, number, {"kept_at": at, **_pause_over(new, number, at)})
        case PromiseBroken(promise_number=number, broken_at=at):
            _promise(new, number, {"broken_at": at})
        case PromiseAnsweredLate(promise_number=number, answered_at=at):
            _promise(new, number, {"answered_late_at": at})
        case PromiseWithdrawn(promise_number=number, withdrawn_at=at, reason=reason):
            _promise(new, number, {"withdrawn_at": at, "reason": reason, **_pause_over(new, number, at)})
        case _:
            return body
    return new


def _known(body: Document, number: int) -> Mapping[str, Any]:
    promise: Mapping[str, Any] = body["promises"].get(str(number), {})
    return promise


def _pause_over(body: Document, number: int, at: datetime) -> Document:
    """The pauses of a promise when the one that stands, if any does, is over."""
    pauses = _known(body, number).get("pauses", [])
    if not pauses or pauses[-1]["until"] is not None:
        return {}
    return {"pauses": [*pauses[:-1], {**pauses[-1], "until": at}]}


def _promise(body: Document, number: int, facts: Document) -> None:
    promises = body["promises"]
    body["promises"] = {**promises, str(number): {**promises.get(str(number), {}), **facts}}


async def cases_received(
    collection: AsyncCollection[Document], municipality: str, start: datetime, end: datetime
) -> Sequence[Document]:
    """The facts of all cases whose opening contact was received in [start, end)."""
    query = {"municipality": municipality, "received_at": {"$gte": start, "$lt": end}}
    return await collection.find(query, {"seen": 0}).to_list()
