"""HTTP in: a contact is taken down; its details are read by those allowed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from chassis.access import AccessLog
from chassis.auth import Principal
from chassis.errors import InvalidInput, NotAllowed, NotFound
from chassis.http import (
    APPENDING,
    Line,
    Moment,
    RequestModel,
    Text,
    Words,
    allow,
    example,
    municipality_of,
    not_future,
    prefer_wait,
    preference_applied,
    request_cause,
)
from chassis.http.requests import AnyRequest
from chassis.sealing import open_or_erased
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pydantic import BaseModel, Field, StringConstraints
from pymongo.asynchronous.collection import AsyncCollection

from intake import views
from intake.addresses import Email, Phone
from intake.domain import ContactReceived, Reachable, is_live
from intake.handlers import Desk, Told, find_contact, receive_contact
from intake.history import NewHistory, checked

Channel = Literal["phone", "email", "chat", "social", "visit", "web", "letter", "system"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ContactId = Annotated[str, StringConstraints(max_length=64)]
FARTHEST_AGREED = timedelta(days=366)


class Citizen(RequestModel):
    """Whoever contacts us. Phone and e-mail are brought into normal form."""

    kind: Literal["person", "business", "anonymous"]
    name: Line | None = None
    phone: Phone | None = None
    email: Email | None = None


class NewReachable(RequestModel):
    """When the citizen can be reached: on these days, between two times of the municipality's wall clock."""

    days: Annotated[tuple[Day, ...], Field(min_length=1, max_length=7)]
    after: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "00:00"
    before: Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")] = "24:00"


class NewContact(RequestModel):
    """One contact. `topic` or `menu_choice` where either is known; `case_id` where it is about a case that exists;
    `history` where it is imported from another system; `agreed_due_at` where the citizen was told, and agreed, before
    when the answer comes: the promise is due then, whatever policy says. `reachable` where they said when they can be
    reached: what was said last holds for the case."""

    model_config = example(
        municipality="0581",
        channel="email",
        citizen={"kind": "person", "name": "Maja Lind", "email": "maja.lind@example.org"},
        subject="Bygglov för altan",
        text="Behöver jag bygglov för en altan på 20 kvadratmeter?",
        topic="city.building-permit",
        reachable=[{"days": ["mon", "tue", "wed", "thu", "fri"], "after": "15:00"}],
    )

    municipality: Annotated[str, StringConstraints(pattern=r"^\d{4}$")]
    channel: Channel
    citizen: Citizen
    subject: Words
    text: Text | None = None
    topic: Line | None = None
    menu_choice: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    asked_for: Line | None = None
    occurred_at: Moment | None = None
    live: Annotated[bool, Field(strict=True)] | None = None
    case_id: ContactId | None = None
    history: NewHistory | None = None
    agreed_due_at: Moment | None = None
    reachable: Annotated[tuple[NewReachable, ...], Field(min_length=1, max_length=14)] | None = None


class Accepted(BaseModel):
    """The contact is ours now. `routed_to` and `promise_due_at` where the caller waited for them and they came."""

    model_config = example(
        contact_id="6f9619ff-8b86-5011-b42d-00c04fc964ff",
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        case_reference="3F4Y-F3H4",
        routed_to="department.building",
        promise_due_at="2026-03-02T12:00:00Z",
    )

    contact_id: str
    case_id: str
    case_reference: str
    routed_to: str | None = None
    promise_due_at: datetime | None = None


class ContactDetails(BaseModel):
    """A contact with what the person said. What has been erased reads null."""

    model_config = example(
        contact_id="6f9619ff-8b86-5011-b42d-00c04fc964ff",
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        case_reference="3F4Y-F3H4",
        opens_case=True,
        channel="email",
        citizen_kind="person",
        citizen_ref="5a9c0ad2-7c0c-4f0e-9d38-0a4b4f5f8b11",
        name="Maja Lind",
        phone=None,
        email="maja.lind@example.org",
        subject="Bygglov för altan",
        text="Behöver jag bygglov för en altan på 20 kvadratmeter?",
        topic="city.building-permit",
        menu_choice=None,
        asked_for=None,
        live=False,
        received_at="2026-03-02T08:00:00Z",
        accepted_at="2026-03-02T08:00:00Z",
        routed_to="department.building",
        promise_due_at="2026-03-02T12:00:00Z",
    )

    contact_id: str
    case_id: str
    case_reference: str
    opens_case: bool
    channel: str
    citizen_kind: str
    citizen_ref: str | None
    name: str | None
    phone: str | None
    email: str | None
    subject: str | None
    text: str | None
    topic: str | None
    menu_choice: int | None
    asked_for: str | None
    live: bool
    received_at: datetime
    accepted_at: datetime
    routed_to: str | None
    promise_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Front:
    """What the routes work with. `outcomes`: the live collection of the view; `accesses`: who read what."""

    desk: Desk
    municipalities: Mapping[str, Municipality]
    outcomes: Callable[[], AsyncCollection[dict[str, Any]]]
    accesses: AccessLog


def routes(front: Front) -> Sequence[ControllerRouterHandler]:
    """Intake's API."""

    @post(
        "/contacts",
        status_code=201,
        **allow(
            *("guide", "handler", "head", "robot", "system"),
            headers=("Prefer",),
            tells=("Location",),
            refuses=APPENDING,
        ),
    )
    async def post_contact(
        request: AnyRequest, principal: NamedDependency[Principal], data: JSONBody[NewContact]
    ) -> Response[Accepted]:
        """Take a contact down. With `Prefer: wait=N` the answer tells where it went and what was promised."""
        municipality = municipality_of(principal, data.municipality)
        told = as_told(front, municipality, data, role=principal.role)
        cause = await request_cause(request, principal)
        accepted = Accepted.model_validate(await receive_contact(front.desk, municipality, told, cause))
        seconds = prefer_wait(request)
        if seconds:
            live = is_live(data.channel, data.live) and data.history is None
            wanted = "routed_to" if live else "promise_due_at"
            key = views.key_of(municipality, accepted.case_id)
            known = await views.outcome_when(
                front.outcomes(), key, lambda outcome: outcome[wanted] is not None, seconds, front.desk.clock
            )
            if known is not None:
                accepted = accepted.model_copy(
                    update={"routed_to": known["routed_to"], "promise_due_at": known["promise_due_at"]}
                )
        headers = {"Location": f"/contacts/{accepted.contact_id}", **preference_applied(seconds)}
        return Response(accepted, status_code=201, headers=headers)

    @get(
        "/contacts/{contact_id:str}",
        **allow("guide", "handler", "head", "robot", "auditor", refuses=(NotFound,)),
    )
    async def get_contact(contact_id: ContactId, principal: NamedDependency[Principal]) -> ContactDetails:
        """A contact with its details. Every reading is kept."""
        contact = await find_contact(front.desk, principal.municipality, contact_id)
        if contact is None:
            raise NotFound("no such contact in this municipality")
        known = (
            await views.outcome(front.outcomes(), views.key_of(principal.municipality, contact.case_id)) or {}
        )
        _may_read(principal, known.get("routed_to"), front.municipalities[principal.municipality])
        await front.accesses.note(principal, f"contact {contact_id}")
        return await _details(front.desk, contact, known)

    return [post_contact, get_contact]


def as_told(front: Front, code: str, data: NewContact, *, role: str) -> Told:
    """What a contact tells, checked against the municipality's own file. `role`: who tells it.

    Raises:
        InvalidInput: a field does not fit the municipality, or another field.
        NotAllowed: history that no other system tells.
    """
    municipality = front.municipalities.get(code)
    if municipality is None:
        raise InvalidInput("municipality", f"{code} is not served here")
    topic = municipality.topic(data.topic) if data.topic is not None else None
    if data.topic is not None and topic is None:
        raise InvalidInput("topic", "no such topic in this municipality; see its file, or leave it out")
    if topic is not None and data.menu_choice not in (None, topic.menu_choice):
        raise InvalidInput(
            "menu_choice", f"the topic belongs to choice {topic.menu_choice}; leave one of the two out"
        )
    if data.asked_for is not None and municipality.owner(data.asked_for) is None:
        raise InvalidInput(
            "asked_for", "no such owner in this municipality; write group., department. or person.{slug}"
        )
    if data.occurred_at is not None:
        not_future("occurred_at", data.occurred_at, front.desk.clock)
    if data.agreed_due_at is not None:
        _check_agreed(data, data.agreed_due_at, front.desk.clock.now())
    for place, window in enumerate(data.reachable or ()):
        if window.after >= window.before:
            raise InvalidInput(f"reachable.{place}.before", "not later than after; give both of the same day")
    history = None
    if data.history is not None:
        history = checked(data.history, data.occurred_at, role, municipality, front.desk.clock)
    return Told(
        channel=data.channel,
        citizen_kind=data.citizen.kind,
        name=data.citizen.name,
        phone=data.citizen.phone,
        email=data.citizen.email,
        subject=data.subject,
        text=data.text,
        topic=data.topic,
        menu_choice=data.menu_choice,
        asked_for=data.asked_for,
        occurred_at=data.occurred_at,
        live=data.live,
        case_id=data.case_id,
        history=history,
        agreed_due_at=data.agreed_due_at,
        reachable=tuple(
            Reachable(window.days, window.after, window.before) for window in data.reachable or ()
        ),
    )


def _check_agreed(data: NewContact, agreed_due_at: datetime, now: datetime) -> None:
    if data.case_id is not None or data.history is not None:
        raise InvalidInput("agreed_due_at", "is for a contact that opens a case here; leave it out")
    if not now < agreed_due_at <= now + FARTHEST_AGREED:
        raise InvalidInput(
            "agreed_due_at", f"not within {FARTHEST_AGREED.days} days from now; give the time that was agreed"
        )


def sees(principal: Principal, owner: str | None, municipality: Municipality) -> bool:
    """The contact centre and auditors see all; a department sees what it, or a person of its, owns."""
    if principal.department is None and principal.role in ("guide", "head", "auditor"):
        return True
    department = municipality.department_of(owner) if owner is not None else None
    return principal.department is not None and department == f"department.{principal.department}"


def _may_read(principal: Principal, owner: str | None, municipality: Municipality) -> None:
    if not sees(principal, owner, municipality):
        raise NotAllowed("this contact's case belongs to another department")


async def _details(desk: Desk, contact: ContactReceived, known: Mapping[str, Any]) -> ContactDetails:
    sealed = contact.details
    citizen_key, case_key = await desk.keys.find(sealed.citizen_key), await desk.keys.find(sealed.case_key)
    return ContactDetails(
        contact_id=contact.contact_id,
        case_id=contact.case_id,
        case_reference=contact.case_reference,
        opens_case=contact.opens_case,
        channel=contact.channel,
        citizen_kind=contact.citizen_kind,
        citizen_ref=contact.citizen_ref,
        name=open_or_erased(citizen_key, "name", sealed.name),
        phone=open_or_erased(citizen_key, "phone", sealed.phone),
        email=open_or_erased(citizen_key, "email", sealed.email),
        subject=open_or_erased(case_key, "subject", sealed.subject),
        text=open_or_erased(case_key, "text", sealed.text),
        topic=contact.topic,
        menu_choice=contact.menu_choice,
        asked_for=contact.asked_for,
        live=contact.live,
        received_at=contact.received_at,
        accepted_at=contact.accepted_at,
        routed_to=known.get("routed_to"),
        promise_due_at=known.get("promise_due_at"),
    )
