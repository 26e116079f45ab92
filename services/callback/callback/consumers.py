"""Kafka in: what happened to a case becomes a fact of its promise."""

from datetime import datetime

from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from lofte_events import (
    CaseAwaitingCitizen,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseRouted,
    CaseWithdrawn,
    CitizenAskedAgain,
    CitizenContacted,
    ContactReceived,
    counts_at,
)

from callback.domain import (
    Act,
    Attempt,
    Command,
    Fact,
    History,
    NoteContact,
    NoteFacts,
    NoteReachable,
    NoteReopening,
    NoteRoute,
    OweAgain,
    Pause,
    Reachable,
    Reply,
    Resume,
    Route,
    Window,
    Withdrawal,
)
from callback.handlers import Promises, note

_UnderPromise = (
    CitizenContacted | CaseResolved | CaseAwaitingCitizen | CaseResumed | CitizenAskedAgain | CaseWithdrawn
)

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ANSWERING = frozenset({"reached", "answered_in_writing"})
"""Outcomes that keep a promise; every other one was an attempt."""


async def react(promises: Promises, message: Message) -> None:
    """Who reacts to what; everything else is passed."""
    match message.contract:
        case ContactReceived() as contact:
            if contact.opens_case:
                await on_contact_received(promises, message, contact)
            if contact.reachable:
                await on_reachable_told(promises, message, contact)
        case CaseRouted() as routed:
            await on_case_routed(promises, message, routed)
        case CitizenContacted() as contacted:
            await on_citizen_contacted(promises, message, contacted)
        case CaseResolved(imported=False) as resolved:
            await on_case_resolved(promises, message, resolved)
        case CaseAwaitingCitizen() as awaiting:
            await on_case_awaiting_citizen(promises, message, awaiting)
        case CaseResumed() as resumed:
            await on_case_resumed(promises, message, resumed)
        case CitizenAskedAgain() as asked:
            await on_citizen_asked_again(promises, message, asked)
        case CaseWithdrawn(imported=False) as withdrawn:
            await on_case_withdrawn(promises, message, withdrawn)
        case CaseReopened() as reopened:
            await on_case_reopened(promises, message, reopened)


async def on_contact_received(promises: Promises, message: Message, contact: ContactReceived) -> None:
    """The contact that opened the case starts the clock; a further one starts none."""
    # What was agreed has been said to the citizen already: nothing more of the conversation is waited for.
    command = NoteContact(
        contact.received_at,
        contact.live and contact.agreed_due_at is None,
        contact.topic,
        _history(contact),
        contact.channel,
        contact.citizen_kind,
        contact.agreed_due_at,
    )
    cause = _cause(message, "note-contact")
    await note(promises, message.envelope.municipality, contact.case_id, 1, command, cause, new=True)


async def on_reachable_told(promises: Promises, message: Message, contact: ContactReceived) -> None:
    """Any contact may say when the citizen can be reached. Days that we do not know are passed over."""
    windows = [
        Window(
            tuple(_DAYS.index(day) for day in said.days if day in _DAYS),
            _minutes(said.after),
            _minutes(said.before),
        )
        for said in contact.reachable
    ]
    known = tuple(window for window in windows if window.days and window.after < window.before)
    if known:
        reachable = Reachable(contact.received_at, contact.contact_id, known)
        cause = _cause(message, "note-reachable")
        municipality = message.envelope.municipality
        await note(promises, municipality, contact.case_id, 1, NoteReachable(reachable), cause)


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)


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
    """The citizen was reached, or has it in writing; else it was an attempt."""
    kind = Act if contacted.outcome in ANSWERING else Attempt
    at = _counts_at(promises, message, contacted.occurred_at)
    fact = kind(contacted.outcome, at, contacted.route_number, contacted.owner)
    # The name that acts were noted under before there was anything else: messages of then may come again.
    await _note_facts(promises, message, contacted, "note-act", fact)


async def on_case_resolved(promises: Promises, message: Message, resolved: CaseResolved) -> None:
    """The citizen has the answer."""
    at = _counts_at(promises, message, resolved.occurred_at)
    fact = Act("resolved", at, resolved.route_number, resolved.owner)
    await _note_facts(promises, message, resolved, "note-act", fact)


async def on_case_awaiting_citizen(
    promises: Promises, message: Message, awaiting: CaseAwaitingCitizen
) -> None:
    """Nothing can be done before the citizen answers: the clock stands."""
    at = _counts_at(promises, message, awaiting.occurred_at)
    fact = Pause(awaiting.reason, at, awaiting.until, awaiting.route_number)
    await _note_facts(promises, message, awaiting, "note-pause", fact)


async def on_case_resumed(promises: Promises, message: Message, resumed: CaseResumed) -> None:
    """The waiting is over; where a contact ended it, the citizen has asked again."""
    at = _counts_at(promises, message, resumed.resumed_at)
    facts: list[Fact] = [Resume(resumed.cause, at)]
    if resumed.cause == "contact":
        facts.append(Reply(at, message.envelope.time))
    await _note_facts(promises, message, resumed, "note-resumption", *facts)


async def on_citizen_asked_again(promises: Promises, message: Message, asked: CitizenAskedAgain) -> None:
    """A further contact: what was withdrawn is owed again."""
    fact = Reply(_counts_at(promises, message, asked.asked_at), message.envelope.time)
    await _note_facts(promises, message, asked, "note-reply", fact)


async def on_case_withdrawn(promises: Promises, message: Message, withdrawn: CaseWithdrawn) -> None:
    """The case needs no answer any more."""
    at = _counts_at(promises, message, withdrawn.occurred_at)
    fact = Withdrawal(withdrawn.reason, at, withdrawn.owner, withdrawn.by)
    await _note_facts(promises, message, withdrawn, "note-withdrawal", fact)


async def on_case_reopened(promises: Promises, message: Message, reopened: CaseReopened) -> None:
    """Long after its resolution the case owes a new promise; before, one only where none is on record."""
    route = Route(
        reopened.route_number, reopened.owner, reopened.topic, reopened.asked_at, reopened.reopened_at
    )
    reply = Reply(_counts_at(promises, message, reopened.asked_at), reopened.reopened_at)
    command: Command = NoteReopening(route, reply)
    cause = _cause(message, "note-reopening")
    if reopened.owes_promise:
        command = OweAgain(reopened.promise_number, route, reopened.channel, reopened.citizen_kind)
        cause = _cause(message, "owe-again")
    await note(
        promises,
        message.envelope.municipality,
        reopened.case_id,
        reopened.promise_number,
        command,
        cause,
        new=reopened.owes_promise,
    )


def _counts_at(promises: Promises, message: Message, occurred_at: datetime) -> datetime:
    """When it counts: as it is told, and no further back than the limit before it was stored."""
    limit = promises.books[message.envelope.municipality].current.back_dating_limit
    return counts_at(occurred_at, message.envelope.stored_at, limit)


async def _note_facts(
    promises: Promises, message: Message, told: _UnderPromise, command: str, *facts: Fact
) -> None:
    await note(
        promises,
        message.envelope.municipality,
        told.case_id,
        told.promise_number,
        NoteFacts(facts),
        _cause(message, command),
    )


def _cause(message: Message, command: str) -> Cause:
    envelope = message.envelope
    return Cause(
        caused_by_message(envelope.source, envelope.id, command), "callback", traceparent=message.traceparent
    )
