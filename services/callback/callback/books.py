"""Policy books in the log: written at start, read back when a promise was made under another one."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Commit
from chassis.errors import NotFound, StartRefused
from chassis.handling import Decider, Decision, handle
from chassis.store import EventStore
from municipality import Calendar as WrittenCalendar
from municipality import LadderStep, OpenHours, Statutory, WrittenBook

from callback.domain import (
    AttemptPlan,
    Calendar,
    CapacityPlan,
    Day,
    Interval,
    Policy,
    PolicyBook,
    Step,
    Term,
    books,
)
from callback.domain.statutory_rules import StatutoryRules, StatutoryStep
from callback.domain.working_days import WorkingDays

_NOUN = "policy-book"


def decider() -> Decider[books.Kept, books.PolicyBookPublished]:
    """The rules of one version's stream. Nothing of it is published."""
    codec: Codec[books.PolicyBookPublished] = Codec([books.PolicyBookPublished])
    return Decider(None, books.evolve, codec, inside=(books.PolicyBookPublished,))


def stream_of(municipality: str, version: int) -> str:
    """The stream in which a version is kept."""
    return f"{municipality}.{_NOUN}-{version}"


def is_of_book(commit: Commit) -> bool:
    """Whether a commit keeps a policy book."""
    return commit.stream.startswith(f"{commit.municipality}.{_NOUN}-")


async def publish_books(store: EventStore, clock: Clock, written: Mapping[str, WrittenBook]) -> None:
    """Keep the book of each municipality, by its code; safe to repeat, and by several at once.

    Raises:
        StartRefused: a version is kept with other content.
    """
    rules = decider()
    for municipality, book in written.items():
        stream = stream_of(municipality, book.promises.version)

        def decide(
            kept: books.Kept, _: int, municipality: str = municipality, book: WrittenBook = book
        ) -> Decision[books.PolicyBookPublished]:
            try:
                return Decision(_publish(book, kept))
            except books.BookChanged as changed:
                raise StartRefused(_refusal(municipality, book, changed)) from None

        await handle(
            store,
            rules,
            clock,
            municipality=municipality,
            stream=stream,
            correlation_id=stream,
            cause=lambda kept: Cause("publish-book" if kept is None else "publish-book-again", "callback"),
            decide=decide,
        )


async def start_refused(store: EventStore, municipality: str, book: WrittenBook) -> str | None:
    """Why callback would not start with a book; None: it would."""
    try:
        _publish(book, await _kept(store, municipality, book.promises.version))
    except books.BookChanged as changed:
        return _refusal(municipality, book, changed)
    return None


def _publish(book: WrittenBook, kept: books.Kept) -> list[books.PolicyBookPublished]:
    # Read and written again, so that both are told as this release tells them.
    as_now = kept and books.PolicyBookPublished(kept.version, WrittenBook.read(kept.book).plain())
    return books.decide(books.PublishBook(book.promises.version, book.plain()), as_now)


def _refusal(municipality: str, book: WrittenBook, changed: books.BookChanged) -> str:
    return (
        f"{municipality}.yaml: {changed.place}: is not what version {book.promises.version} said before, and promises "
        "were made under that; raise promises.version"
    )


async def _kept(store: EventStore, municipality: str, version: int) -> books.Kept:
    return decider().fold(await store.load(municipality, stream_of(municipality, version)))


async def kept_book(store: EventStore, municipality: str, version: int) -> PolicyBook:
    """The book of a version, as it was when promises were made under it.

    Raises:
        NotFound: no replica ever started with it.
    """
    kept = await _kept(store, municipality, version)
    if kept is None:
        raise NotFound(
            f"{municipality}: policy book {version} is not kept; start callback once with the file of that version"
        )
    return policy_book(WrittenBook.read(kept.book))


async def kept_rules(
    store: EventStore, municipality: str, version: int, policy: str, owner: str
) -> Mapping[str, Any] | None:
    """The policy and the open hours of an owner as they were written in a version, in the words of the file; None: no
    replica ever started with it. `policy` is None where none of the book's gave the time."""
    kept = await _kept(store, municipality, version)
    if kept is None:
        return None
    written = WrittenBook.read(kept.book)
    plain = written.plain()
    calendar = written.calendar_of.get(owner, written.fallback)
    return {
        "policy": next((one for one in plain["promises"]["policies"] if one["name"] == policy), None),
        "calendar": {"name": calendar, **plain["calendars"][calendar]},
    }


async def kept_law(store: EventStore, municipality: str, version: int) -> Mapping[str, Any] | None:
    """The rules of the statutory clock as they were written in a version; None: nobody kept it, or there were none."""
    kept = await _kept(store, municipality, version)
    return None if kept is None else WrittenBook.read(kept.book).plain()["statutory"]


def policy_book(written: WrittenBook) -> PolicyBook:
    """The policies and calendars as the domain reads them."""
    promises, zone = written.promises, ZoneInfo(written.zone)
    calendars = {name: _calendar(name, calendar, written) for name, calendar in written.calendars.items()}
    return PolicyBook(
        version=promises.version,
        policies=[
            Policy(
                policy.name,
                Term(**{policy.promise.unit: policy.promise.amount}),
                policy.when.owner,
                policy.when.topic,
                frozenset(policy.when.channel) if policy.when.channel is not None else None,
                policy.when.citizen_kind,
            )
            for policy in promises.policies
        ],
        calendars={owner: calendars[name] for owner, name in written.calendar_of.items()},
        default_calendar=calendars[written.fallback],
        ladder=[_step(step) for step in promises.ladder],
        live_limit=timedelta(minutes=promises.live_limit_minutes),
        back_dating_limit=timedelta(minutes=promises.back_dating_limit_minutes),
        pause_limit_working_days=promises.pause_limit_working_days,
        attempts=AttemptPlan(
            promises.attempts.number,
            timedelta(hours=promises.attempts.hours_apart),
            promises.attempts.half_days,
        ),
        text_hours=Calendar(zone, (_intervals(promises.text_message_hours),) * 7),
        zone=zone,
        capacity=CapacityPlan(promises.capacity.slot, promises.capacity.weeks),
        statutory=_statutory(written.statutory, written, zone) if written.statutory else None,
    )


def _statutory(law: Statutory, written: WrittenBook, zone: ZoneInfo) -> StatutoryRules:
    steps = [
        StatutoryStep(step.to, step.at.possible is not None, step.at.working_days_before)
        for step in law.steps
    ]
    holidays = frozenset(day for days in written.holidays.values() for day in days)
    return StatutoryRules(law.months, law.weeks, steps, WorkingDays(zone, holidays))


def _step(step: LadderStep) -> Step:
    at = step.at
    share = None if at.percent is None else at.percent / 100
    return Step(step.to, share=share, working_days=at.working_days, times=at.times)


def _calendar(name: str, calendar: WrittenCalendar, written: WrittenBook) -> Calendar:
    other = calendar.other_days(written.holidays)
    return Calendar(
        written.zone_of(calendar),
        tuple(_intervals(hours) for hours in calendar.week),
        {day: Day(_intervals(hours), reason) for day, (hours, reason) in sorted(other.items())},
        name,
    )


def _intervals(hours: Sequence[OpenHours]) -> tuple[Interval, ...]:
    return tuple((one.opens, one.closes) for one in hours)
