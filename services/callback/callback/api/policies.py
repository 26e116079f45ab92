"""What would be promised: now, and under a draft of the municipality's file; and when an owner is open."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from chassis.auth import Principal
from chassis.errors import InvalidInput, NotFound
from chassis.http import Limit, Line, Moment, RequestModel, Text, allow, decode_cursor, encode_cursor, example
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from municipality import Channel, CitizenKind, Municipality, MunicipalityFileError, WrittenBook, read_text
from pydantic import BaseModel

from callback import domain, views
from callback.api.capacity import Outlook, outlook
from callback.api.ical import to_ical
from callback.api.promises import READING, Registry, moment
from callback.books import policy_book, start_refused
from callback.domain import Asked, PolicyBook
from callback.handlers import stream_of

_TOLD_DAYS = 400


class Question(RequestModel):
    """A contact that is imagined: who would promise (`owner`; without one the department of `topic`), how and as whom
    the citizen asks, and when. A policy that names a channel or a kind of citizen matches only where it is given."""

    model_config = example(
        owner=None, topic="city.building-permit", channel="email", citizen_kind="person", received_at=None
    )

    owner: Line | None = None
    topic: Line | None = None
    channel: Channel | None = None
    citizen_kind: CitizenKind | None = None
    received_at: Moment | None = None


class Promising(BaseModel):
    """What would be promised. `policy_version` is the version of policies and calendars alike; `counts_from`: when the
    promised time begins to run, in working time with the owner's next opening."""

    owner: str
    policy: str
    policy_version: int
    calendar: str
    received_at: datetime
    counts_from: datetime
    due_at: datetime


class CapacityShown(BaseModel):
    """How many promises an owner answers in an open hour, and in a `slot` (hour, half_day, day) of the usual length;
    `weeks`: those of its past weeks that this was learnt from."""

    slot: str
    per_slot: float
    per_open_hour: float
    weeks: int


class Quote(Promising):
    """What would be promised, and what to expect of it. Whatever is expected, `due_at` is what policy says.

    `ahead`: promises that the owner has to answer before it. `capacity` null: too little is known of the owner, and
    nothing is expected. `expected_at` null beside a capacity: in more than a year. `agree_on`: where it is not
    `likely_kept`, a time that is, to agree on with the citizen (`agreed_due_at`); null: none was found.
    """

    model_config = example(
        owner="department.building",
        policy="building-permit",
        policy_version=1,
        calendar="office",
        received_at="2026-03-02T08:00:00Z",
        counts_from="2026-03-02T08:00:00Z",
        due_at="2026-03-02T12:00:00Z",
        ahead=9,
        overdue_ahead=2,
        capacity={"slot": "half_day", "per_slot": 9.0, "per_open_hour": 2.0, "weeks": 8},
        expected_at="2026-03-02T13:00:00Z",
        likely_kept=False,
        agree_on="2026-03-02T16:00:00Z",
    )

    ahead: int
    overdue_ahead: int
    capacity: CapacityShown | None
    expected_at: datetime | None
    likely_kept: bool | None
    agree_on: datetime | None


class Draft(RequestModel):
    """A draft of the municipality's file, as YAML text."""

    model_config = example(file='code: "0581"\nname: Norrköping\nzone: Europe/Stockholm\n')

    file: Text


_TOUCHED = {
    "case_id": "6f9619ff-8b86-8011-b42d-00c04fc964ff",
    "number": 1,
    "owner": "department.building",
    "policy": "building-permit",
    "due_at": "2026-03-02T12:00:00Z",
    "draft_policy": "everything-else",
    "draft_due_at": "2026-03-04T16:00:00Z",
}


class Touched(BaseModel):
    """An open promise that would have another due time, had it been made under the draft."""

    case_id: str
    number: int
    owner: str
    policy: str
    due_at: datetime
    draft_policy: str
    draft_due_at: datetime


class Comparison(BaseModel):
    """Open promises against a draft, a page at a time: `looked_at` of them on this page, `touched` with another time.

    `start_refused`: why callback would not start with the draft as it is; null: it would.
    """

    model_config = example(policy_version=2, start_refused=None, looked_at=12, touched=[_TOUCHED], next=None)

    policy_version: int
    start_refused: str | None
    looked_at: int
    touched: list[Touched]
    next: str | None


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Quotes, comparisons and calendars."""
    promises = registry.promises

    def municipality_of(principal: Principal) -> tuple[Municipality, PolicyBook]:
        municipality = registry.municipalities.get(principal.municipality)
        if municipality is None:
            raise InvalidInput("municipality", "is not served here; see the folder of municipalities")
        return municipality, promises.books[principal.municipality].current

    @post("/promises/quote", status_code=200, **allow(*READING, "admin", keyed=False))
    async def quote_promise(principal: NamedDependency[Principal], data: JSONBody[Question]) -> Quote:
        """What would we promise, and would we keep it? Nothing is promised by asking."""
        municipality, book = municipality_of(principal)
        told = quote(data, municipality, book, promises.clock.now())
        seen = await outlook(registry, municipality.code, book, told.owner, told.due_at, told.received_at)
        return _with_outlook(told, seen, book)

    @post("/policies/compare", status_code=200, **allow("head", "auditor", "admin", keyed=False))
    async def compare_policies(
        principal: NamedDependency[Principal],
        data: JSONBody[Draft],
        cursor: FromQuery[str | None] = None,
        limit: Limit = 200,
    ) -> Comparison:
        """Which open promises would have another time, had they been made under a draft? None is moved, now or later."""
        municipality, _ = municipality_of(principal)
        written = _draft(data.file, municipality.code)
        book = policy_book(written)
        place = decode_cursor(cursor, at=str, id=str)
        found = await views.promises(
            registry.rows(),
            municipality.code,
            state="open",
            due_before=None,
            owners=None,
            after=(moment("cursor", place["at"]), place["id"]) if place else None,
            limit=limit,
        )
        streams = [stream_of(municipality.code, row["case_id"], row["number"]) for row in found]
        logs = await asyncio.gather(*(promises.store.load(municipality.code, stream) for stream in streams))
        compared = [
            _touched(row, promises.decider.fold(log), book) for row, log in zip(found, logs, strict=True)
        ]
        last = found[-1] if len(found) == limit else None
        return Comparison(
            policy_version=book.version,
            start_refused=await start_refused(promises.store, municipality.code, written),
            looked_at=len(found),
            touched=[touched for touched in compared if touched is not None],
            next=encode_cursor({"at": last["due_at"].isoformat(), "id": last["_id"]}) if last else None,
        )

    @get("/calendars/{file:str}", media_type="text/calendar", **allow(*READING, "admin", refuses=(NotFound,)))
    async def get_calendar(file: FromPath[str], principal: NamedDependency[Principal]) -> Response[bytes]:
        """An owner's opening hours as iCalendar, `{owner}.ics`: this week and more than a year ahead, with what is
        closed, short or extra, and why."""
        municipality, book = municipality_of(principal)
        owner = municipality.owner(file.removesuffix(".ics")) if file.endswith(".ics") else None
        if owner is None:
            raise NotFound("no such calendar; write an owner and .ics, such as department.building.ics")
        calendar, now = book.calendar(owner.id), promises.clock.now()
        today = calendar.local_day(now)
        told = to_ical(
            calendar,
            owner=owner.id,
            name=owner.name,
            municipality=municipality.code,
            first=today - timedelta(days=today.weekday()),
            days=_TOLD_DAYS,
            now=now,
        )
        return Response(told, media_type="text/calendar")

    return [quote_promise, compare_policies, get_calendar]


def quote(question: Question, municipality: Municipality, book: PolicyBook, now: datetime) -> Promising:
    """What would be promised under a book.

    Raises:
        InvalidInput: no such owner or topic, or neither, or a time beyond all calendars.
    """
    owner = _owner_asked(question, municipality)
    received_at = question.received_at or now
    policy = book.policy(owner, Asked(question.topic, question.channel, question.citizen_kind))
    try:
        counts_from = book.counts_from(policy, owner, received_at)
        due_at = book.due_at(policy, owner, received_at)
    except (ValueError, OverflowError):
        raise InvalidInput("received_at", "beyond what the calendar knows; give a nearer time") from None
    return Promising(
        owner=owner,
        policy=policy.name,
        policy_version=book.version,
        calendar=book.calendar(owner).name,
        received_at=received_at,
        counts_from=counts_from,
        due_at=due_at,
    )


def _with_outlook(told: Promising, seen: Outlook, book: PolicyBook) -> Quote:
    known = seen.capacity
    shown = known and CapacityShown(
        slot=book.capacity.slot,
        per_slot=round(known.per_slot, 2),
        per_open_hour=round(known.per_open_hour, 2),
        weeks=known.weeks,
    )
    return Quote(
        **told.model_dump(),
        ahead=seen.ahead.number,
        overdue_ahead=seen.ahead.overdue,
        capacity=shown,
        expected_at=seen.expected_at,
        likely_kept=seen.likely_kept,
        agree_on=seen.agree_on,
    )


def _owner_asked(question: Question, municipality: Municipality) -> str:
    """Who would promise: the owner that is named, else the department of the topic."""
    topic = municipality.topic(question.topic) if question.topic is not None else None
    if question.topic is not None and topic is None:
        raise InvalidInput("topic", "no such topic in this municipality; see its file, or leave it out")
    if question.owner is None and topic is None:
        raise InvalidInput("owner", "missing; give an owner, a topic or both")
    if question.owner is None:
        return topic.department  # type: ignore[union-attr]
    if municipality.owner(question.owner) is None:
        raise InvalidInput(
            "owner", "no such owner in this municipality; write group., department. or person.{slug}"
        )
    return question.owner


def _draft(text: str, code: str) -> WrittenBook:
    try:
        draft = read_text(text, f"{code}.yaml")
    except MunicipalityFileError as error:
        # Told as a start would tell them, each with its line: nothing in such a file is about a citizen.
        refused = InvalidInput("file", f"has {len(error.faults)} faults; correct each and send it again")
        refused.extra = {"errors": [{"field": "file", "detail": str(fault)} for fault in error.faults]}
        raise refused from None
    if draft.code != code:
        raise InvalidInput("file", "is of another municipality; send the file of the token's own")
    return WrittenBook.of(draft)


def _touched(row: dict[str, Any], promise: domain.Promise, draft: PolicyBook) -> Touched | None:
    """None: the same time, or a promise that no policy of ours gave its time, or one that has ended meanwhile."""
    would = None if promise.ended else domain.would_be(promise, draft)
    if would is None or promise.terms is None or would[1] == promise.terms.due_at:
        return None
    return Touched(
        case_id=row["case_id"],
        number=row["number"],
        owner=promise.terms.owner,
        policy=promise.terms.policy,
        due_at=promise.terms.due_at,
        draft_policy=would[0],
        draft_due_at=would[1],
    )
