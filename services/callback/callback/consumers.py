"""Kafka in: what happened to a case becomes a fact of its promise."""

from datetime import datetime, timedelta

from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from lofte_events import CaseReopened, CaseResolved, CaseRouted, CitizenContacted, ContactReceived

from callback.domain import Act, History, NoteAct, NoteContact, NoteRoute, OweAgain, Route
from callback.handlers import Promises, note

ANSWERING = frozenset({"reached", "answered_in_writing"})
"""Outcomes that keep a promise; every other one was an attempt."""


async def react(promises: Promises, message: Message) -> None:
    """Who reacts to what; everything else is passed."""
    match message.contract:
        case ContactReceived(opens_case=True) as contact:
            await on_contact_received(promises, message, contact)
        case CaseRouted() as routed:
            await on_case_routed(promises, message, routed)
        case CitizenContacted(outcome=outcome) as contacted if outcome in ANSWERING:
            await on_citizen_contacted(promises, message, contacted)
        case CaseResolved(imported=False) as resolved:
            await on_case_resolved(promises, message, resolved)
        case CaseReopened(owes_promise=True) as reopened:
            await on_case_reopened(promises, message, reopened)


async def on_contact_received(promises: Promises, message: Message, contact: ContactReceived) -> None:
    """The contact that opened the case starts the clock; a further one starts none."""
    command = NoteContact(contact.received_at, contact.live, contact.topic, _history(contact))
    cause = _cause(message, "note-contact")
    await note(promises, message.envelope.municipality, contact.case_id, 1, command, cause, new=True)


def _history(contact: ContactReceived) -> History | None:
    """What an imported contact tells of its promise. Withdrawn at an unknown time: by when it was taken over."""
    told = contact.history
    if told is None:
        return None
    withdrawn_at = told.closed_at or contact.accepted_at
    withdrawn = told.outcome == "withdrawn"
    return History(told.promise_due_at, told.answered_at, withdrawn_at if withdrawn else None)


async def on_case_routed(promises: Promises, message: Message, routed: CaseRouted) -> None:
    """Who owns the case promises, and is reminded."""
    route = Route(routed.route_number, routed.owner, routed.topic, routed.asked_at, routed.routed_at)
    cause = _cause(message, "note-route")
    number = routed.promise_number
    await note(promises, message.envelope.municipality, routed.case_id, number, NoteRoute(route), cause)


async def on_citizen_contacted(promises: Promises, message: Message, contacted: CitizenContacted) -> None:
    """The citizen was reached, or has it in writing."""
    await _note_act(promises, message, contacted, contacted.outcome)


async def on_case_resolved(promises: Promises, message: Message, resolved: CaseResolved) -> None:
    """The citizen has the answer."""
    await _note_act(promises, message, resolved, "resolved")


async def on_case_reopened(promises: Promises, message: Message, reopened: CaseReopened) -> None:
    """So long after its resolution, the case owes a new promise."""
    route = Route(
        reopened.route_number, reopened.owner, reopened.topic, reopened.asked_at, reopened.reopened_at
    )
    command = OweAgain(reopened.promise_number, route)
    cause = _cause(message, "owe-again")
    await note(
        promises,
        message.envelope.municipality,
        reopened.case_id,
        reopened.promise_number,
        command,
        cause,
        new=True,
    )


async def _note_act(
    promises: Promises, message: Message, did: CitizenContacted | CaseResolved, how: str
) -> None:
    municipality = message.envelope.municipality
    limit = promises.books[municipality].back_dating_limit
    act = Act(how, counts_at(did.occurred_at, message.envelope.stored_at, limit), did.route_number, did.owner)
    await note(
        promises, municipality, did.case_id, did.promise_number, NoteAct(act), _cause(message, "note-act")
    )


def counts_at(occurred_at: datetime, stored_at: datetime | None, limit: timedelta) -> datetime:
    """An act counts when it is said to have happened, but no earlier than the limit before it was written down."""
    return max(occurred_at, stored_at - limit) if stored_at is not None else occurred_at


def _cause(message: Message, command: str) -> Cause:
    envelope = message.envelope
    return Cause(
        caused_by_message(envelope.source, envelope.id, command), "callback", traceparent=message.traceparent
    )
