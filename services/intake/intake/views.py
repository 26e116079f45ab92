"""Intake's own small view: where a contact's case went and what was promised, for whoever waits for it."""

from collections.abc import Callable
from typing import Any

from chassis.clock import Clock
from chassis.consuming import Message
from lofte_events import CaseRouted, PromiseMade
from pymongo.asynchronous.collection import AsyncCollection

Document = dict[str, Any]

NAME = "outcomes"
SERVICES = ("routing", "callback")

_POLL_SECONDS = 0.05


def project(body: Document | None, message: Message) -> Document | None:
    """The owner of the latest route, and the due time of the latest promise."""
    new = body or {
        "municipality": message.envelope.municipality,
        "route_number": 0,
        "routed_to": None,
        "promise_number": 0,
        "promise_due_at": None,
    }
    match message.contract:
        case CaseRouted(route_number=number, owner=owner) if number > new["route_number"]:
            return {**new, "route_number": number, "routed_to": owner}
        case PromiseMade(promise_number=number, due_at=due_at) if number > new["promise_number"]:
            return {**new, "promise_number": number, "promise_due_at": due_at}
        case _:
            return body


def key_of(municipality: str, case_id: str) -> str:
    """The key of a case's document, as the chassis names it."""
    return f"{municipality}.{case_id}"


async def outcome(collection: AsyncCollection[Document], key: str) -> Document | None:
    """What is known of a case now."""
    return await collection.find_one({"_id": key}, {"seen": 0})


async def outcome_when(
    collection: AsyncCollection[Document],
    key: str,
    enough: Callable[[Document], bool],
    seconds: float,
    clock: Clock,
) -> Document | None:
    """What is known of a case as soon as it is `enough`, or after `seconds`. Any replica's view will do."""
    deadline = clock.monotonic() + seconds
    while True:
        known = await outcome(collection, key)
        if (known is not None and enough(known)) or clock.monotonic() >= deadline:
            return known
        await clock.sleep(_POLL_SECONDS)
