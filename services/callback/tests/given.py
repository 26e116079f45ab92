"""A municipality of one department and one answer group, and what can be told about one case."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from callback.domain import (
    INITIAL,
    Act,
    Attempt,
    Calendar,
    Command,
    Event,
    Judge,
    NoteContact,
    NoteFacts,
    NoteReopening,
    NoteRoute,
    Pause,
    Policy,
    PolicyBook,
    PolicyBooks,
    Promise,
    PromiseMade,
    Renew,
    Reply,
    Resume,
    Route,
    Step,
    Term,
    Withdrawal,
    decide,
    evolve,
)

SWEDEN = ZoneInfo("Europe/Stockholm")
OFFICE = Calendar(SWEDEN, [*[[(timedelta(hours=8), timedelta(hours=17))]] * 5, [], []])
DAYTIME = Calendar(SWEDEN, [[(timedelta(hours=8), timedelta(hours=21))]] * 7)
BOOK = PolicyBook(
    version=3,
    policies=[
        Policy("building", Term(working_hours=4), "department.building"),
        Policy("group", Term(working_hours=2), "group.city"),
        Policy("rest", Term(working_days=2)),
    ],
    calendars={},
    default_calendar=OFFICE,
    ladder=[
        Step(("handler",), share=0.75),
        Step(("handler", "head_of_unit", "citizen")),
        Step(("head_of_department",), working_days=1),
        Step(("contact_centre_head",), working_days=2),
    ],
    text_hours=DAYTIME,
)
BOOKS = PolicyBooks(BOOK)


def at(clock: str, day: int = 2) -> datetime:
    """A time of day in Sweden, on a day of March 2026; the second is a Monday."""
    return datetime.fromisoformat(f"2026-03-{day:02}T{clock}").replace(tzinfo=SWEDEN).astimezone(UTC)


def contact(*, live: bool, clock: str = "09:00") -> NoteContact:
    return NoteContact(at(clock), live, "city.building-permit")


def route(number: int, owner: str, clock: str = "09:01", asked: str = "09:00") -> NoteRoute:
    return NoteRoute(Route(number, owner, "city.building-permit", at(asked), at(clock)))


def reopening(clock: str, owner: str = "group.city") -> NoteReopening:
    """The citizen asked again, and the case was opened again, at that time."""
    route = Route(1, owner, "city.building-permit", at(clock), at(clock))
    return NoteReopening(route, Reply(at(clock), at(clock)))


def act(
    clock: str, how: str = "reached", under: int = 1, day: int = 2, owner: str = "group.city"
) -> NoteFacts:
    return NoteFacts((Act(how, at(clock, day), under, owner),))


def attempt(clock: str, outcome: str = "no_answer", day: int = 2) -> NoteFacts:
    return NoteFacts((Attempt(outcome, at(clock, day), 1, "department.building"),))


def pause(clock: str, day: int = 2, *, until: datetime | None = None, under: int = 1) -> NoteFacts:
    return NoteFacts((Pause("awaiting_citizen", at(clock, day), until, under),))


def resume(clock: str, day: int = 2, cause: str = "request") -> NoteFacts:
    return NoteFacts((Resume(cause, at(clock, day)),))


def reply(clock: str, day: int = 2, noted: str | None = None) -> NoteFacts:
    return NoteFacts((Reply(at(clock, day), at(noted or clock, day)),))


def withdrawal(clock: str, day: int = 2) -> NoteFacts:
    return NoteFacts((Withdrawal("cancelled", at(clock, day), "department.building", "anna"),))


def renew(to: datetime, agreed: str = "10:00", day: int = 2) -> Renew:
    """Agreed on with the citizen, at that time."""
    return Renew(to, None, at(agreed, day), "phone", "more_time_needed", "anna")


NIGHT: tuple[Command, ...] = (
    replace(contact(live=False), agreed_due_at=at("23:00")),
    route(1, "department.building"),
)
"""A time was agreed on at which nobody works."""
WRITTEN: tuple[Command, ...] = (contact(live=False), route(1, "department.building"))  # due at 13:00
LIVE: tuple[Command, ...] = (contact(live=True), route(1, "group.city"))
LIMIT = Judge(at("10:15"))
BREACH = Judge(at("13:15"))


def told(*commands: Command, now: datetime | None = None) -> tuple[Promise, list[Event]]:
    """Everything that follows from commands, one after the other."""
    promise, events = INITIAL, []
    for command in commands:
        for event in decide(command, promise, BOOKS, now or at("09:02")):
            promise = evolve(promise, event)
            events.append(event)
    return promise, events


def after(*commands: Command) -> Promise:
    return told(*commands)[0]


def when(promise: Promise, command: Command, clock: str = "09:02", day: int = 2) -> list[Event]:
    return decide(command, promise, BOOKS, at(clock, day))


def due(promise: Promise) -> datetime:
    """Before which time the citizen is got back to, as it holds now."""
    assert promise.clock is not None
    return promise.clock.due_at


def terms(promise: Promise) -> PromiseMade:
    assert promise.terms is not None
    return promise.terms
