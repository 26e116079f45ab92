"""What goes in and out over HTTP, and how a case becomes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from chassis.handling import Handled
from chassis.http import Line, Moment, RequestModel, Words, example
from pydantic import BaseModel, Field, StringConstraints

from casework.domain import Case

CaseId = Annotated[str, StringConstraints(max_length=64)]


class Nothing(RequestModel):
    """An empty body: `{}`."""

    model_config = example()


class NewNote(RequestModel):
    """A note for those who work on the case."""

    model_config = example(text="Ritningar saknas; ber om dem.")

    text: Words


class NewAttempt(RequestModel):
    """Somebody is about to get back to the citizen, and takes so many minutes at the most."""

    model_config = example(minutes=15)

    minutes: Annotated[int, Field(strict=True, ge=1, le=60)] = 15


class NewCitizenContact(RequestModel):
    """Somebody tried to get back to the citizen. `occurred_at`: now, unless given."""

    model_config = example(outcome="reached")

    outcome: Literal[
        "reached", "no_answer", "busy", "voicemail", "wrong_number", "refused", "answered_in_writing"
    ]
    occurred_at: Moment | None = None


class NewWaiting(RequestModel):
    """Nothing can be done before the citizen answers, or before the time that the citizen chose (`until`).

    `occurred_at`: since when; now, unless given.
    """

    model_config = example(reason="awaiting_citizen")

    reason: Literal["awaiting_citizen", "time_chosen_by_citizen"]
    until: Moment | None = None
    occurred_at: Moment | None = None


class NewWithdrawal(RequestModel):
    """Why the case needs no answer any more."""

    model_config = example(reason="cancelled")

    reason: Literal["cancelled", "duplicate", "not_municipal"]


class NewForward(RequestModel):
    """Pass the case on: to the department of a topic, or to an owner."""

    model_config = example(to_topic="city.parking", reason="Gäller parkeringen, inte bygglovet.")

    to_topic: Line | None = None
    to_owner: Line | None = None
    reason: Words


class NewReturn(RequestModel):
    """Send the case back."""

    model_config = example(reason_code="wrong_owner", text="Gäller gatan, inte bygglovet.")

    reason_code: Literal["wrong_owner", "information_missing", "could_have_been_answered", "not_municipal"]
    text: Words


class NewResolution(RequestModel):
    """The answer that the citizen has got, and the minutes of work."""

    model_config = example(answer="Altanen kräver inget bygglov.", minutes=15)

    answer: Words
    minutes: Annotated[int, Field(strict=True, ge=0, le=100_000)]


class NewReopening(RequestModel):
    """Why a resolved case is not done."""

    model_config = example(reason="Frågan om staketet blev inte besvarad.")

    reason: Words


class Awaiting(BaseModel):
    """For what a case waits, since when, and until when at most, where that was said."""

    reason: str
    since: datetime
    until: datetime | None


class AttemptNow(BaseModel):
    """Who is getting back to the citizen just now; it is over by itself at `until`."""

    by: str
    since: datetime
    until: datetime


class CaseNow(BaseModel):
    """A case as it is now. `status`: open, awaiting (the citizen), handed-over (between owners), resolved, withdrawn
    (closed, and no answer needed). `attempt` null: nobody is getting back to the citizen just now."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        case_reference="3F4Y-F3H4",
        version=3,
        status="open",
        owner="department.building",
        handler="handler-bo",
        topic="city.building-permit",
        channel="email",
        citizen_kind="person",
        received_at="2026-03-02T08:00:00Z",
        contacts=["6f9619ff-8b86-5011-b42d-00c04fc964ff"],
        awaiting=None,
        attempt={"by": "handler-bo", "since": "2026-03-02T09:00:00Z", "until": "2026-03-02T09:15:00Z"},
        promise_number=1,
        promise_due_at="2026-03-02T12:00:00Z",
        promise_state="open",
    )

    case_id: str
    case_reference: str
    version: int
    status: str
    owner: str
    handler: str | None
    topic: str | None
    channel: str
    citizen_kind: str
    received_at: datetime
    contacts: list[str]
    awaiting: Awaiting | None = None
    attempt: AttemptNow | None = None
    promise_number: int
    promise_due_at: datetime | None = None
    promise_state: str | None = None


class CaseRow(BaseModel):
    """A case in its owner's list."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        case_reference="3F4Y-F3H4",
        status="open",
        owner="department.building",
        handler=None,
        topic="city.building-permit",
        channel="email",
        citizen_kind="person",
        received_at="2026-03-02T08:00:00Z",
        contacts=1,
        awaiting=None,
        promise_due_at="2026-03-02T12:00:00Z",
        promise_state="open",
    )

    case_id: str
    case_reference: str
    status: str
    owner: str
    handler: str | None
    topic: str | None
    channel: str
    citizen_kind: str
    received_at: datetime
    contacts: int
    awaiting: Awaiting | None
    promise_due_at: datetime | None
    promise_state: str | None


class Done(BaseModel):
    """It is done; the case is at this version now."""

    model_config = example(
        case_id="6f9619ff-8b86-8011-b42d-00c04fc964ff",
        version=4,
        status="open",
        owner="department.building",
        handler="handler-bo",
    )

    case_id: str
    version: int
    status: str
    owner: str
    handler: str | None


def case_now(
    case_id: str, case: Case, version: int, promise: Mapping[str, Any] | None, now: datetime
) -> CaseNow:
    opener, route = case.opener, case.route
    awaiting, attempt = case.awaiting, case.attempt_at(now)
    assert opener is not None  # noqa: S101 - only known cases are loaded
    assert route is not None  # noqa: S101
    return CaseNow(
        case_id=case_id,
        case_reference=opener.case_reference,
        version=version,
        status=case.status,
        owner=route.owner,
        handler=case.handler,
        topic=route.topic,
        channel=opener.channel,
        citizen_kind=opener.citizen_kind,
        received_at=opener.received_at,
        contacts=list(case.contacts),
        awaiting=Awaiting(reason=awaiting.reason, since=awaiting.occurred_at, until=awaiting.until)
        if awaiting
        else None,
        attempt=AttemptNow(by=attempt.by, since=attempt.at, until=attempt.until) if attempt else None,
        promise_number=case.promise_number,
        promise_due_at=promise["due_at"] if promise else None,
        promise_state=promise["state"] if promise else None,
    )


def row(document: Mapping[str, Any]) -> CaseRow:
    promise, awaiting = document["promise"] or {}, document.get("awaiting")
    return CaseRow(
        case_id=document["case_id"],
        case_reference=document["case_reference"],
        status=document["status"],
        owner=document["owner"],
        handler=document["handler"],
        topic=document["topic"],
        channel=document["channel"],
        citizen_kind=document["citizen_kind"],
        received_at=document["received_at"],
        contacts=document["contacts"],
        awaiting=Awaiting(**awaiting) if awaiting else None,
        promise_due_at=promise.get("due_at"),
        promise_state=promise.get("state"),
    )


def done(case_id: str, handled: Handled[Case]) -> Done:
    case = handled.state
    owner = case.route.owner if case.route else ""
    return Done(
        case_id=case_id,
        version=handled.version,
        status=case.status,
        owner=owner,
        handler=case.handler,
    )
