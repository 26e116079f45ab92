"""The promises as a list: by state, by due time, by owner."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chassis.consuming import Message
from lofte_events import (
    CallbackDue,
    CaseRouted,
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

NAME = "promises"
SERVICES = ("routing", "callback")
STATES = ("open", "paused", "kept", "broken", "answered-late", "withdrawn")
INDEXES = [
    IndexModel([("state", ASCENDING), ("due_at", ASCENDING)], name="at_risk"),
    IndexModel(
        [("municipality", ASCENDING), ("state", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)],
        name="state",
    ),
    IndexModel([("municipality", ASCENDING), ("due_at", ASCENDING), ("_id", ASCENDING)], name="due"),
    IndexModel([("municipality", ASCENDING), ("made_at", ASCENDING), ("_id", ASCENDING)], name="made"),
    IndexModel(
        [(name, ASCENDING) for name in ("municipality", "owner", "state", "due_at", "_id")], name="queue"
    ),
    IndexModel(
        [(name, ASCENDING) for name in ("municipality", "done_by", "done_at", "state")],
        name="done",
        partialFilterExpression={"done_at": {"$exists": True}},
    ),
]

_EMPTY: Mapping[str, Any] = {
    "route_number": 0,
    "owner": None,
    "state": None,
    "due_at": None,
    "stages": [],
    "pauses": 0,
    "renewals": 0,
}


def key(message: Message) -> str | None:
    """One document for each promise of a case. The case's first route is told by no more than the promise itself: who
    makes it is the owner by then, unless a later route says otherwise."""
    if isinstance(message.contract, CaseRouted) and message.contract.route_number == 1:
        return None
    number = getattr(message.contract, "promise_number", None)
    return (
        f"{message.envelope.municipality}.{message.contract.case_id}-{number}" if number is not None else None
    )


def project(body: Document | None, message: Message) -> Document | None:
    """One contract folded into the promise's document. The route and the promise come from two sources."""
    contract = message.contract
    new = {**_EMPTY, **(body or {"municipality": message.envelope.municipality, "case_id": contract.case_id})}
    match contract:
        case CaseRouted(route_number=number, owner=owner):
            return {**new, "route_number": number, "owner": owner}
        case PromiseMade() as made:
            return new | {
                "state": "open",
                "number": made.promise_number,
                "promised_by": made.owner,
                "owner": new["owner"] or made.owner,
                "policy": made.policy,
                "policy_version": made.policy_version,
                "from_at": made.from_at,
                "made_at": made.made_at,
                "due_at": made.due_at,
                "first_due_at": made.due_at,
            }
        case CallbackDue() as due:
            stage = {
                "stage": due.stage,
                "step": due.step,
                "to": due.to,
                "receivers": due.receivers,
                "at": due.stage_at,
                "fired_at": due.fired_at,
            }
            return new | {"stages": [*new["stages"], stage]}
        case PromisePaused(limit_at=limit_at):
            return new | {"state": "paused", "pauses": new["pauses"] + 1, "paused_until": limit_at}
        case PromiseResumed() as moved:
            return new | {"state": "open", **_moved(new, moved)}
        case PromiseRenewed() as moved:
            return new | {"state": "open", "renewals": new["renewals"] + 1, **_moved(new, moved)}
        case PromiseReopened() as moved:
            return new | {"state": "broken" if "broken_at" in new else "open", **_moved(new, moved)}
        case PromiseKept(owner=owner, kept_at=at, how=how):
            return new | {"state": "kept", "kept_at": at, "how": how, "done_by": owner, "done_at": at}
        case PromiseBroken(broken_at=at):
            return new | {"state": "broken", "broken_at": at}
        case PromiseAnsweredLate(owner=owner, answered_at=at, how=how):
            done = {"done_by": owner, "done_at": at}
            return new | {"state": "answered-late", "answered_at": at, "how": how, **done}
        case PromiseWithdrawn(withdrawn_at=at, reason=reason):
            return new | {"state": "withdrawn", "withdrawn_at": at, "reason": reason}
        case _:
            return body


def _moved(body: Document, moved: PromiseResumed | PromiseRenewed | PromiseReopened) -> Document:
    # A row that was folded before promises could be moved has no first time yet.
    return {"due_at": moved.due_at, "first_due_at": body.get("first_due_at", moved.due_before)}


async def promises(
    collection: AsyncCollection[Document],
    municipality: str,
    *,
    state: str | None,
    due_before: datetime | None,
    owners: Sequence[str] | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Document]:
    """Promises that match, the earliest due first; `after`: the last row of the page before."""
    query: Document = {"municipality": municipality, "state": state if state is not None else {"$ne": None}}
    due: Document = {"$ne": None}
    if due_before is not None:
        due["$lt"] = due_before
    query["due_at"] = due
    if owners is not None:
        query["owner"] = {"$in": list(owners)}
    return await _page(collection, query, "due_at", after, limit)


async def made_until(
    collection: AsyncCollection[Document],
    municipality: str,
    until: datetime,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Document]:
    """Promises made until a moment, in the order in which they were made; `after`: the last row of the page before."""
    query: Document = {"municipality": municipality, "made_at": {"$lte": until}}
    return await _page(collection, query, "made_at", after, limit)


async def _page(
    collection: AsyncCollection[Document],
    query: Document,
    by: str,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Document]:
    """Documents in the order of a time, and of their ids where that is the same."""
    if after is not None:
        at, last = after
        query = {**query, "$or": [{by: {"$gt": at}}, {by: at, "_id": {"$gt": last}}]}
    found = collection.find(query, {"seen": 0}).sort([(by, ASCENDING), ("_id", ASCENDING)]).limit(limit)
    return await found.to_list()


async def due_first(
    collection: AsyncCollection[Document],
    municipality: str,
    owners: Sequence[str],
    *,
    after: datetime,
    due_at: datetime,
    key: str | None = None,
) -> Mapping[str, int]:
    """How many open promises of each owner are due after `after` and up to `due_at`; with a `key`, those before that row
    alone."""
    open_ones = {"municipality": municipality, "owner": {"$in": list(owners)}, "state": "open"}
    upto = "$lte" if key is None else "$lt"
    counted = await _by_owner(collection, {**open_ones, "due_at": {"$gt": after, upto: due_at}}, 1)
    if key is None or due_at <= after:
        return counted
    # No condition on the id: it would be looked up by that, and not by owner and time.
    before_key = {"$cond": [{"$lt": ["$_id", key]}, 1, 0]}
    together = await _by_owner(collection, {**open_ones, "due_at": due_at}, before_key)
    return {owner: counted.get(owner, 0) + together.get(owner, 0) for owner in owners}


async def overdue(
    collection: AsyncCollection[Document], municipality: str, owners: Sequence[str], *, since: datetime
) -> Mapping[str, int]:
    """How many promises of each owner that were due after `since` are broken, and nobody has answered."""
    of = {"municipality": municipality, "owner": {"$in": list(owners)}, "state": "broken"}
    return await _by_owner(collection, {**of, "due_at": {"$gt": since}}, 1)


async def _by_owner(collection: AsyncCollection[Document], match: Document, one: Any) -> Mapping[str, int]:
    group = {"_id": "$owner", "number": {"$sum": one}}
    told = await collection.aggregate([{"$match": match}, {"$group": group}])
    return {row["_id"]: row["number"] async for row in told}


async def answered(
    collection: AsyncCollection[Document],
    municipality: str,
    owners: Sequence[str],
    since: datetime,
    until: datetime,
) -> Sequence[Document]:
    """How many promises each owner answered in each hour, and how many of them late: `owner`, `hour_at`, `number`,
    `late`. Counted where they lie, from an index alone."""
    match = {
        "municipality": municipality,
        "done_by": {"$in": list(owners)},
        "done_at": {"$gte": since, "$lt": until},
    }
    group = {
        "_id": {"owner": "$done_by", "hour_at": {"$dateTrunc": {"date": "$done_at", "unit": "hour"}}},
        "number": {"$sum": 1},
        "late": {"$sum": {"$cond": [{"$eq": ["$state", "answered-late"]}, 1, 0]}},
    }
    told = await collection.aggregate([{"$match": match}, {"$group": group}])
    return [{**row["_id"], "number": row["number"], "late": row["late"]} async for row in told]


async def open_before(collection: AsyncCollection[Document], before: datetime) -> int:
    """How many open promises fall due before a moment."""
    return await collection.count_documents({"state": "open", "due_at": {"$lt": before}})
