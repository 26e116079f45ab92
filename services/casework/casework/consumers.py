"""Kafka in: who contacted us, and whose case it is."""

from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from lofte_events import CaseRouted, ContactReceived

from casework.domain import Closed, ContactNoted, NoteContact, NoteRoute, RouteNoted
from casework.handlers import Cases, note_fact


async def react(cases: Cases, message: Message) -> None:
    """Who reacts to what; everything else is passed."""
    match message.contract:
        case ContactReceived() as contact:
            await on_contact_received(cases, message, contact)
        case CaseRouted() as routed:
            await on_case_routed(cases, message, routed)


async def on_contact_received(cases: Cases, message: Message, contact: ContactReceived) -> None:
    """The contact belongs to the case; one that finds it resolved reopens it, unless it is imported."""
    noted = ContactNoted(
        contact_id=contact.contact_id,
        opens_case=contact.opens_case,
        case_reference=contact.case_reference,
        channel=contact.channel,
        citizen_kind=contact.citizen_kind,
        topic=contact.topic,
        received_at=contact.received_at,
        imported=contact.history is not None,
        closed=_closed(contact),
    )
    cause = _cause(message, "note-contact")
    municipality = message.envelope.municipality
    await note_fact(cases, municipality, contact.case_id, NoteContact(noted), cause, new=contact.opens_case)


def _closed(contact: ContactReceived) -> Closed | None:
    """Whether an imported case was closed. Withdrawn at an unknown time: by when it was taken over."""
    told = contact.history
    if told is None:
        return None
    withdrawn = told.outcome == "withdrawn"
    at = told.closed_at or (contact.accepted_at if withdrawn else None)
    return Closed(at, withdrawn) if at is not None else None


async def on_case_routed(cases: Cases, message: Message, routed: CaseRouted) -> None:
    """The case has an owner."""
    noted = RouteNoted(
        routed.route_number, routed.owner, routed.topic, routed.hand_over_number or 0, routed.routed_at
    )
    cause = _cause(message, "note-route")
    await note_fact(cases, message.envelope.municipality, routed.case_id, NoteRoute(noted), cause)


def _cause(message: Message, command: str) -> Cause:
    envelope = message.envelope
    return Cause(
        caused_by_message(envelope.source, envelope.id, command), "casework", traceparent=message.traceparent
    )
