"""Kafka in: what other systems tell on the inbound topics becomes a contact, a matter's status, or a rejection."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import structlog
from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from chassis.errors import CommitTooLarge, InvalidInput, KeyReused
from chassis.http import Line, Moment, RequestModel, not_future
from chassis.http.problems import faults_in
from chassis.ids import derived_id
from lofte_events import ContactSubmitted, MatterStatusReported, SealedContact, SealedMatter
from pydantic import BaseModel, ValidationError

from intake.addresses import Email, Phone
from intake.api import Front, NewContact, as_told
from intake.domain import MessageRejected
from intake.handlers import cause_of, receive_contact, reject_message
from intake.inbound import PERSONAL, Arrival, Rejected, Submitted, open_fields, submitted, told_by
from intake.inbound import Told as CloudEvent
from intake.matters import MatterTold, report_matter
from intake.unsealing import SealingKeys

M = TypeVar("M", bound=BaseModel)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Inbox:
    """What the reactions work with: the same front as the API's, and the keys that others seal to."""

    front: Front
    keys: SealingKeys


class MatterReport(MatterStatusReported):
    """The contract, with times as our own requests have them."""

    reported_at: Moment
    expected_at: Moment | None = None


class MatterSealed(RequestModel):
    """What is sealed of a matter, in normal form."""

    municipality: str
    phone: Phone | None = None
    email: Email | None = None
    next_step: Line | None = None


async def react(inbox: Inbox, message: Message) -> None:
    """What is on an inbound topic is taken, or rejected with its reason: nobody waits behind it."""
    arrival, municipality = message.contract, message.envelope.municipality
    assert isinstance(arrival, Arrival)  # noqa: S101  # the subscription's own parse makes no other
    told: CloudEvent | None = None
    try:
        told = told_by(arrival)
        await _take(inbox, municipality, submitted(told, municipality), message.traceparent)
    except Rejected as why:
        _log.info("message rejected", reason=why.reason, partition=arrival.partition, offset=arrival.offset)
        rejected = MessageRejected(
            reason=why.reason,
            field=why.field,
            detail=why.detail,
            message_source=told.source if told else None,
            message_id=told.message_id if told else None,
            topic=arrival.topic,
            partition=arrival.partition,
            offset=arrival.offset,
            rejected_at=inbox.front.desk.clock.now(),
        )
        await reject_message(inbox.front.desk, municipality, rejected, arrival.place, message.traceparent)


async def _take(inbox: Inbox, municipality: str, message: Submitted, traceparent: str | None) -> None:
    """Who reacts to what. A refusal of ours is a rejection here."""
    try:
        match message.type:
            case ContactSubmitted.TYPE:
                await on_contact_submitted(inbox, municipality, message, traceparent)
            case MatterStatusReported.TYPE:
                await on_matter_status_reported(inbox, municipality, message, traceparent)
            case _:
                raise Rejected("unknown-type", "type", "no such type is taken; see docs/events.md")
    except InvalidInput as error:
        fault = error.extra["errors"][0]
        raise Rejected("invalid-field", _place(fault["field"]), fault["detail"]) from None
    except KeyReused:
        raise Rejected("id-reused", "id", "told before with another body; the first one stands") from None
    except CommitTooLarge:
        raise Rejected("too-large", "sealed") from None


async def on_contact_submitted(
    inbox: Inbox, municipality: str, message: Submitted, traceparent: str | None
) -> None:
    """A contact is taken down as POST /contacts would, once for each source and id."""
    desk = inbox.front.desk
    openly = open_fields(message, ContactSubmitted)
    names = {name: value for name, value in openly.items() if name != "sealed"}
    cause, body = caused_by_message(*_named(message), "receive-contact"), None
    try:
        sealed = _opened(inbox, municipality, openly.get("sealed"), SealedContact)
        contact = _read(NewContact, {**names, **sealed})
        body = _digest(inbox, municipality, contact)
        told = as_told(inbox.front, municipality, contact, role="system")
        await receive_contact(desk, municipality, told, Cause(cause, "inbound", body, traceparent))
    except (InvalidInput, Rejected) as error:
        # Keys are retired and rules change: a message that was taken before them and comes again is taken still.
        settled = isinstance(error, InvalidInput) or error.reason == "unknown-key"
        earlier = await cause_of(desk, municipality, derived_id(municipality, cause, "contact"))
        if not settled or earlier is None:
            raise
        if body not in (None, earlier.body_hash):
            raise KeyReused("another body") from None


async def on_matter_status_reported(
    inbox: Inbox, municipality: str, message: Submitted, traceparent: str | None
) -> None:
    """A department's system tells where a matter stands."""
    desk = inbox.front.desk
    report = _read(MatterReport, open_fields(message, MatterStatusReported))
    sealed = MatterSealed(municipality=municipality)
    if report.sealed is not None:
        sealed = _read(MatterSealed, _opened(inbox, municipality, report.sealed, SealedMatter))
    if report.citizen_ref is None and sealed.phone is None and sealed.email is None:
        raise Rejected("invalid-field", "citizen_ref", "missing; or seal the citizen's phone or email")
    if not report.owner.startswith("department.") or not inbox.front.municipalities[municipality].owner(
        report.owner
    ):
        raise Rejected("invalid-field", "owner", "no such department in this municipality")
    not_future("reported_at", report.reported_at, desk.clock)
    told = MatterTold(
        source=message.source,
        matter=report.matter,
        owner=report.owner,
        status=report.status,
        reported_at=report.reported_at,
        expected_at=report.expected_at,
        citizen_ref=report.citizen_ref,
        phone=sealed.phone,
        email=sealed.email,
        next_step=sealed.next_step,
    )
    body = _digest(inbox, municipality, report.model_copy(update={"sealed": None}), sealed)
    cause = Cause(caused_by_message(*_named(message), "report-matter"), "inbound", body, traceparent)
    await report_matter(desk, municipality, told, message.message_id, cause)


def _named(message: Submitted) -> tuple[str, str]:
    """Source and id as parts of a cause: apart from our own sources, and two that differ never run together."""
    return f"/inbound/{quote(message.source, safe='')}", quote(message.message_id, safe="")


def _opened(inbox: Inbox, municipality: str, sealed: object, model: type[BaseModel]) -> Mapping[str, Any]:
    """What was sealed, if it was for this municipality: else who reads one topic could have it opened by another."""
    opened = inbox.keys.open(sealed)
    if set(opened) - set(model.model_fields):
        raise Rejected("unknown-field", "sealed", "has a field that is not taken")
    if opened.get("municipality") != municipality:
        raise Rejected("wrong-municipality", "sealed.municipality", "missing, or not the topic's")
    return opened


def _read(model: type[M], told: Mapping[str, Any]) -> M:
    try:
        return model.model_validate(told)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        place, [said] = fault["loc"], faults_in([fault])
        if fault["type"] == "extra_forbidden":
            # Its name is the sender's word, and not repeated.
            raise Rejected(
                "unknown-field", _place(".".join(map(str, place[:-1]))) or "data", said["detail"]
            ) from None
        raise Rejected("invalid-field", _place(said["field"]), said["detail"]) from None


def _place(field: str) -> str:
    return f"sealed.{field}" if field.partition(".")[0] in PERSONAL else field


def _digest(inbox: Inbox, municipality: str, *told: BaseModel) -> str:
    """What a message says, however it was sealed this time: keyed, so that nobody can try what it may have been."""
    # A field that came later is left out where it says nothing: what was told before it may come again.
    body = "\n".join(
        model.model_dump_json(exclude={"reachable"} if getattr(model, "reachable", None) is None else None)
        for model in told
    )
    return inbox.front.desk.keys.blind_index(municipality, f"message:{body}")
