"""Kafka in: what happened to a case becomes a fact of its promise."""

from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from lofte_events import (
    CaseReopened,
    CaseResolved,
    CaseRouted,
    CitizenContacted,
    ContactReceived,
    counts_at,
)

from callback.domain import (
    Act,
    Command,
    History,
    NoteAct,
    NoteContact,
    NoteReopening,
    NoteRoute,
    OweAgain,
    Route,
)
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
        case CaseReopened() as reopened:
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
    """Long after its resolution the case owes a new promise; before, one only where none is on record."""
    route = Route(
        reopened.route_number, reopened.owner, reopened.topic, reopened.asked_at, reopened.reopened_at
    )
    command: Command = NoteReopening(route)
    cause = _cause(message, "note-reopening")
    if reopened.owes_promise:
        command, cause = OweAgain(reopened.promise_number, route), _cause(message, "owe-again")
    await note(
        promises,
        message.envelope.municipality,
        reopened.case_id,
        reopened.promise_number,
        command,
        cause,
        new=reopened.owes_promise,
    )


async def _note_act(
    promises: Promises, message: Message, did: CitizenContacted | CaseResolved, how: str
) -> None:
    municipality = message.envelope.municipality
    limit = promises.books[municipality].current.back_dating_limit
    act = Act(how, counts_at(did.occurred_at, message.envelope.stored_at, limit), did.route_number, did.owner)
    await note(
        promises, municipality, did.case_id, did.promise_number, NoteAct(act), _cause(message, "note-act")
    )


def _cause(message: Message, command: str) -> Cause:
    envelope = message.envelope
    return Cause(
        caused_by_message(envelope.source, envelope.id, command), "callback", traceparent=message.traceparent
    )
