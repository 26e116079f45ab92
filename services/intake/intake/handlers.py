"""Load, decide, append: the only writer to intake's log. What a person said is sealed before it is decided on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.clock import Clock
from chassis.commit import Cause, Codec
from chassis.errors import InvalidInput
from chassis.handling import Decider, Decision, handle
from chassis.ids import derived_id
from chassis.sealing import Key, KeyRing
from chassis.store import EventStore

from intake import domain
from intake.domain import (
    ContactReceived,
    History,
    MatterLinked,
    MatterStatusReported,
    MessageRejected,
    Reachable,
    ReceiveContact,
    SealedDetails,
)

_VERSION_DIGIT = 14


def decider() -> Decider[domain.Contact, domain.Event]:
    """Intake's rules, with the codec of its private events."""
    codec: Codec[domain.Event] = Codec([ContactReceived, MatterStatusReported, MatterLinked, MessageRejected])
    inside = (MatterStatusReported, MatterLinked)
    return Decider(domain.INITIAL, domain.evolve, codec, inside=inside)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the handlers work with."""

    store: EventStore
    clock: Clock
    keys: KeyRing
    decider: Decider[domain.Contact, domain.Event]


@dataclass(frozen=True, slots=True)
class Told:
    """What the caller told, checked and in normal form: phone as E.164, e-mail in lower case."""

    channel: str
    citizen_kind: str
    name: str | None
    phone: str | None
    email: str | None
    subject: str
    text: str | None
    topic: str | None
    menu_choice: int | None
    asked_for: str | None
    occurred_at: datetime | None
    live: bool | None
    case_id: str | None
    history: History | None = None
    agreed_due_at: datetime | None = None
    reachable: tuple[Reachable, ...] = ()


def case_of(contact_id: str) -> str:
    """The case that a contact opens: the same id as a UUID of version 8, so that one tells the other without a look-up."""
    return f"{contact_id[:_VERSION_DIGIT]}8{contact_id[_VERSION_DIGIT + 1 :]}"


def case_opened_by(municipality: str, caused_by: str) -> str:
    """The case that a request opens, known before it is sent: so that an importer can tell of more contacts about it."""
    return case_of(_contact_of(municipality, caused_by))


def _contact_of(municipality: str, caused_by: str) -> str:
    return derived_id(municipality, caused_by, "contact")


def opener_of(case_id: str) -> str:
    """The contact that opened a case."""
    return f"{case_id[:_VERSION_DIGIT]}5{case_id[_VERSION_DIGIT + 1 :]}"


async def receive_contact(desk: Desk, municipality: str, told: Told, cause: Cause) -> Mapping[str, Any]:
    """Take a contact down; durable when this returns. Answers `contact_id`, `case_id`, `case_reference`.

    Raises:
        InvalidInput: the case that it is about is not known, or it happened too long ago.
        KeyReused: the idempotency key was used for another request.
    """
    contact_id = _contact_of(municipality, cause.caused_by)
    opener = await find_contact(desk, municipality, opener_of(told.case_id)) if told.case_id else None
    if told.case_id and (opener is None or opener.case_id != told.case_id):
        raise InvalidInput("case_id", "no such case in this municipality; leave it out to open a new case")
    case_id = opener.case_id if opener else case_of(contact_id)
    too_old = InvalidInput(
        "occurred_at", f"more than {domain.EARLIEST.days} days back; leave it out or correct it"
    )
    if (
        told.history is None
        and domain.too_long_ago(told.occurred_at, desk.clock.now())
        and not await find_contact(desk, municipality, contact_id)
    ):
        raise too_old  # before a key is made for what is refused; a repeat gets its answer whenever it comes
    citizen_ref, details = await _seal(desk, municipality, case_id, told, opens_case=opener is None)
    command = ReceiveContact(
        contact_id=contact_id,
        case_id=case_id,
        case_reference=opener.case_reference if opener else None,
        channel=told.channel,
        citizen_kind=told.citizen_kind,
        citizen_ref=citizen_ref,
        details=details,
        topic=told.topic,
        menu_choice=told.menu_choice,
        asked_for=told.asked_for,
        live=told.live,
        occurred_at=told.occurred_at,
        history=told.history,
        agreed_due_at=told.agreed_due_at,
        reachable=told.reachable,
    )

    def decide(contact: domain.Contact, attempt: int) -> Decision[domain.Event]:
        try:
            events = domain.decide(command, contact, desk.clock.now(), attempt)
        except domain.TooLongAgo:
            raise too_old from None
        received = events[0]
        result = {
            "contact_id": received.contact_id,
            "case_id": received.case_id,
            "case_reference": received.case_reference,
        }
        return Decision(events, result, unique=received.case_reference if received.opens_case else None)

    handled = await handle(
        desk.store,
        desk.decider,
        desk.clock,
        municipality=municipality,
        stream=_stream(municipality, contact_id),
        correlation_id=case_id,
        cause=cause,
        decide=decide,
        new=True,
    )
    return handled.result or {}


async def find_contact(desk: Desk, municipality: str, contact_id: str) -> ContactReceived | None:
    """A contact as it was taken down, details sealed; None where there is none."""
    return desk.decider.fold(await desk.store.load(municipality, _stream(municipality, contact_id)))


async def cause_of(desk: Desk, municipality: str, contact_id: str) -> Cause | None:
    """Why a contact was taken down; None where there is none."""
    commits = await desk.store.load(municipality, _stream(municipality, contact_id))
    return commits[0].cause if commits else None


async def _seal(
    desk: Desk, municipality: str, case_id: str, told: Told, *, opens_case: bool
) -> tuple[str | None, SealedDetails]:
    """Contact details under the citizen's key, text under the case's; whoever left no address shares the case's."""
    case_key = await desk.keys.key(f"{municipality}:case:{case_id}", new=opens_case)
    address = f"phone:{told.phone}" if told.phone else f"email:{told.email}" if told.email else None
    citizen_key = await desk.keys.key(desk.keys.blind_index(municipality, address)) if address else case_key

    def under(key: Key, field: str, told: str | None) -> bytes | None:
        return key.seal(field, told) if told is not None else None

    return citizen_key.ref if address else None, SealedDetails(
        citizen_key=citizen_key.subject,
        case_key=case_key.subject,
        name=under(citizen_key, "name", told.name),
        phone=under(citizen_key, "phone", told.phone),
        email=under(citizen_key, "email", told.email),
        subject=case_key.seal("subject", told.subject),
        text=under(case_key, "text", told.text),
    )


def _stream(municipality: str, contact_id: str) -> str:
    return f"{municipality}.contact-{contact_id}"


async def reject_message(
    desk: Desk, municipality: str, rejected: MessageRejected, place: str, traceparent: str | None
) -> None:
    """Note that a message was refused, once for each `place` on a topic; the relay tells it."""
    await handle(
        desk.store,
        Decider(False, domain.evolve_rejection, desk.decider.codec),
        desk.clock,
        municipality=municipality,
        stream=f"{municipality}.rejected-{derived_id(municipality, place, 'rejected')}",
        correlation_id="",
        cause=Cause(f"/inbound/{place}#reject-message", "inbound", traceparent=traceparent),
        decide=lambda known, attempt: Decision([] if known else [rejected]),
        new=True,
    )
