"""The rules of intake: a contact is taken down once, opens a case or joins one, and gets a reference.

Beside contacts: where matters stand in the departments' own systems, and what others told that was refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

LIVE_CHANNELS = frozenset({"phone", "chat", "visit"})
"""Channels on which a guide is in the conversation, unless the caller says otherwise."""

EARLIEST = timedelta(days=30)
"""How far back a contact may have happened."""

ALPHABET = "23456789ADFHJLMRUWY"
"""Digits and letters that sound and look unlike each other in Swedish; 19 of them, a prime, for the check character."""

_LENGTH = 7


@dataclass(frozen=True, slots=True)
class SealedDetails:
    """What a person said, sealed. `citizen_key` and `case_key` name the keys."""

    citizen_key: str
    case_key: str
    name: bytes | None
    phone: bytes | None
    email: bytes | None
    subject: bytes
    text: bytes | None


@dataclass(frozen=True, slots=True)
class History:
    """What another system knew of a contact that is imported; no personal data. `outcome`: answered, withdrawn, open."""

    outcome: str
    routed_to: str | None
    promise_due_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reachable:
    """When a citizen can be reached, as they said: days such as `mon`, times such as `15:00`."""

    days: tuple[str, ...]
    after: str
    before: str


@dataclass(frozen=True, slots=True)
class ContactReceived:
    contact_id: str
    case_id: str
    case_reference: str
    opens_case: bool
    channel: str
    citizen_kind: str
    citizen_ref: str | None
    details: SealedDetails
    topic: str | None
    menu_choice: int | None
    asked_for: str | None
    live: bool
    received_at: datetime
    accepted_at: datetime
    history: History | None = None
    agreed_due_at: datetime | None = None
    reachable: tuple[Reachable, ...] = ()


@dataclass(frozen=True, slots=True)
class MatterStatusReported:
    """Where a matter stands. `next_step` is sealed under the matter's key; `citizen_refs` name whose it is."""

    matter_id: str
    source: str
    message_id: str
    matter: str
    owner: str
    citizen_refs: tuple[str, ...]
    status: str
    next_step: bytes | None
    expected_at: datetime | None
    reported_at: datetime


@dataclass(frozen=True, slots=True)
class MatterLinked:
    """A citizen has, or once had, this matter: so that it is found."""

    matter_id: str


@dataclass(frozen=True, slots=True)
class MessageRejected:
    """A message of another system was refused. It is named by its place; source and id where they could be read."""

    reason: str
    field: str | None
    detail: str | None
    message_source: str | None
    message_id: str | None
    topic: str
    partition: int
    offset: int
    rejected_at: datetime


Event = ContactReceived | MatterStatusReported | MatterLinked | MessageRejected


@dataclass(frozen=True, slots=True)
class ReceiveContact:
    """Take a contact down. `case_reference`: that of the case it joins; None: it opens one."""

    contact_id: str
    case_id: str
    case_reference: str | None
    channel: str
    citizen_kind: str
    citizen_ref: str | None
    details: SealedDetails
    topic: str | None
    menu_choice: int | None
    asked_for: str | None
    live: bool | None
    occurred_at: datetime | None
    history: History | None = None
    agreed_due_at: datetime | None = None
    reachable: tuple[Reachable, ...] = ()


Contact = ContactReceived | None
INITIAL: Contact = None


class TooLongAgo(Exception):
    """The contact is said to have happened earlier than can be taken down now."""


def decide(
    command: ReceiveContact, contact: Contact, now: datetime, attempt: int = 0
) -> Sequence[ContactReceived]:
    """A contact is taken down once. Each attempt draws another reference, should one be taken.

    Raises:
        TooLongAgo: it happened more than 30 days back, and is not imported.
    """
    if contact is not None:
        return []
    if command.history is None and too_long_ago(command.occurred_at, now):
        raise TooLongAgo
    return [
        ContactReceived(
            contact_id=command.contact_id,
            case_id=command.case_id,
            case_reference=command.case_reference or case_reference(command.case_id, attempt),
            opens_case=command.case_reference is None,
            channel=command.channel,
            citizen_kind=command.citizen_kind,
            citizen_ref=command.citizen_ref,
            details=command.details,
            topic=command.topic,
            menu_choice=command.menu_choice,
            asked_for=command.asked_for,
            live=is_live(command.channel, command.live) and command.history is None,
            received_at=min(command.occurred_at or now, now),
            accepted_at=now,
            history=command.history,
            agreed_due_at=command.agreed_due_at,
            reachable=command.reachable,
        )
    ]


def is_live(channel: str, told: bool | None) -> bool:
    """Whether a guide is in the conversation; the channel says so where nobody does."""
    return channel in LIVE_CHANNELS if told is None else told


def too_long_ago(occurred_at: datetime | None, now: datetime) -> bool:
    """Whether a contact that happened then cannot be taken down any more."""
    return occurred_at is not None and occurred_at < now - EARLIEST


def evolve(contact: Contact, event: Event) -> Contact:
    """The contact after an event."""
    return event if isinstance(event, ContactReceived) else contact


Matter = MatterStatusReported | None


def evolve_matter(matter: Matter, event: Event) -> Matter:
    """The newest report holds, by the sender's time; of two of the same moment the greater id, whichever came first."""
    if not isinstance(event, MatterStatusReported):
        return matter
    return event if matter is None or age(event) > age(matter) else matter


def evolve_citizen(matters: frozenset[str], event: Event) -> frozenset[str]:
    """The ids of all matters that a citizen was ever named in."""
    return matters | {event.matter_id} if isinstance(event, MatterLinked) else matters


def evolve_rejection(rejected: bool, event: Event) -> bool:
    """A message is refused once."""
    return rejected or isinstance(event, MessageRejected)


def age(report: MatterStatusReported) -> tuple[datetime, str]:
    """What is greater in a newer report."""
    return report.reported_at, report.message_id


def case_reference(case_id: str, attempt: int) -> str:
    """A short code such as `DLU5-7D99`, drawn from the case and the attempt; the last character checks the others."""
    drawn = int.from_bytes(hashlib.sha256(f"{case_id}:{attempt}".encode()).digest()[:8])
    values = []
    for _ in range(_LENGTH):
        drawn, value = divmod(drawn, len(ALPHABET))
        values.append(value)
    code = "".join(ALPHABET[value] for value in (*values, _check(values)))
    return f"{code[:4]}-{code[4:]}"


def is_case_reference(text: str) -> bool:
    """Whether a code holds: any one wrong character and any swap of neighbours makes it fail."""
    code = text.replace("-", "").upper()
    if len(code) != _LENGTH + 1 or any(character not in ALPHABET for character in code):
        return False
    values = [ALPHABET.index(character) for character in code]
    return values[-1] == _check(values[:-1])


def _check(values: Sequence[int]) -> int:
    # Weights 2..8, and 1 (negated) for the check itself, differ from their neighbours modulo a prime: so a single
    # wrong value changes the sum, and so does a swap of two different neighbours.
    return -sum(
        weight * value for weight, value in zip(range(_LENGTH + 1, 1, -1), values, strict=True)
    ) % len(ALPHABET)
