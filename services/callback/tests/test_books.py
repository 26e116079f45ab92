"""Policy books are kept: what was promised under a version goes on under it, and nobody rewrites a version."""

import asyncio
from datetime import date, timedelta
from pathlib import Path

import bson
import pytest
from callback import publisher
from callback.books import is_of_book, kept_book, policy_book, publish_books, stream_of
from callback.domain import Asked, BookNotAtHand, PolicyBooks, Step, Term
from callback.handlers import Promises, decider, with_books
from chassis.errors import NotFound, StartRefused
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from municipality import WrittenBook, read_text

from .given import at

CODE = "0581"
SHIPPED = (Path(__file__).parents[3] / "deploy" / "municipalities" / f"{CODE}.yaml").read_text()


def book(*changes: tuple[str, str]) -> WrittenBook:
    """The shipped file's book, with words of the file replaced."""
    text = SHIPPED
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return WrittenBook.of(read_text(text))


FIRST = book()
SECOND = book(
    ("promises:\n  version: 1", "promises:\n  version: 2"), ("{working_days: 2}", "{working_days: 5}")
)
REST = Asked(None)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(at("09:00"))


@pytest.fixture
def store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


async def test_a_book_reads_back_as_it_was_written(store: MemoryStore, clock: ManualClock) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    assert await kept_book(store, CODE, 1) == policy_book(FIRST)


async def test_two_replicas_that_start_at_once_keep_one(store: MemoryStore, clock: ManualClock) -> None:
    await asyncio.gather(*(publish_books(store, clock, {CODE: FIRST}) for _ in range(5)))
    await publish_books(store, clock, {CODE: FIRST})
    assert [commit.stream for commit in store.commits] == [stream_of(CODE, 1)]


async def test_every_version_is_kept(store: MemoryStore, clock: ManualClock) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    await publish_books(store, clock, {CODE: SECOND})
    terms = [
        (await kept_book(store, CODE, version)).policy("person.kommundirektoren", REST).term
        for version in (1, 2)
    ]
    assert terms == [Term(working_days=2), Term(working_days=5)]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (("{working_days: 2}", "{working_days: 5}"), "promises.policies[14].promise.working_days"),
        (("  months: 6", "  months: 3"), "statutory.months"),
        (
            ("back_dating_limit_minutes: 15", "back_dating_limit_minutes: 20"),
            "promises.back_dating_limit_minutes",
        ),
        (('sat: ["10:00-14:00"]', 'sat: ["10:00-15:00"]'), "calendars.leisure.open.sat[0]"),
        (
            ("fritidskontoret\n    calendar: leisure", "fritidskontoret\n    calendar: office"),
            "calendar_of.department.culture",
        ),
    ],
)
async def test_the_same_version_with_other_content_refuses_the_start(
    store: MemoryStore, clock: ManualClock, change: tuple[str, str], place: str
) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    with pytest.raises(StartRefused) as refused:
        await publish_books(store, clock, {CODE: book(change)})
    told = str(refused.value)
    assert told.startswith(f"{CODE}.yaml: {place}: ")
    assert told.endswith("raise promises.version")
    assert len(store.commits) == 1


async def test_names_and_routing_may_change_within_a_version(store: MemoryStore, clock: ManualClock) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    await publish_books(store, clock, {CODE: book(("name: Kontaktcenter", "name: Växeln"))})


async def test_a_book_of_an_earlier_release_is_read_with_todays_defaults(
    store: MemoryStore, clock: ManualClock
) -> None:
    """A field that is new in this release does not make the same file another one."""
    await publish_books(store, clock, {CODE: FIRST})
    [commit] = store.commits
    del commit.events[0].data["book"]["promises"]["live_limit_minutes"]
    await publish_books(store, clock, {CODE: FIRST})
    assert (await kept_book(store, CODE, 1)).live_limit == timedelta(minutes=60)


async def test_a_ladder_as_it_was_written_once_is_still_the_same(
    store: MemoryStore, clock: ManualClock
) -> None:
    ladder = SHIPPED[SHIPPED.index("    - {at: {percent") : SHIPPED.index("  policies:\n")]
    old = book((ladder, "    - {step: 1, after_working_days: 2, to: head_of_unit}\n"))
    await publish_books(store, clock, {CODE: old})
    store.commits[0].events[0].data["book"]["promises"] |= {
        "reminder_at_percent": 75,
        "ladder": [{"step": 1, "after_working_days": 2, "to": "head_of_unit"}],
    }
    await publish_books(store, clock, {CODE: old})
    assert (await kept_book(store, CODE, 1)).ladder == [
        Step(("handler",), share=0.75),
        Step(("handler",)),
        Step(("head_of_unit",), working_days=2),
    ]


async def test_a_book_is_read_when_the_library_calls_a_holiday_something_else(
    store: MemoryStore, clock: ManualClock
) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    [commit] = store.commits
    kept = commit.events[0].data["book"]
    kept["calendars"]["office"]["holidays_except"] = ["Gamla dagen"]
    kept["holidays"]["Gamla dagen"] = ["2026-03-03"]
    office = (await kept_book(store, CODE, 1)).default_calendar
    assert office.open_on(date(2026, 3, 3))
    assert not office.open_on(date(2026, 12, 24))


async def test_a_book_is_for_nobody_else(store: MemoryStore, clock: ManualClock) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    [commit] = store.commits
    assert commit.inside
    assert is_of_book(commit)
    assert commit.timers is None
    # When the whole log is sent again it is read too.
    assert publisher.to_contracts(decider(), commit) == [None]


async def test_a_version_that_another_replica_kept_is_fetched_once(
    store: MemoryStore, clock: ManualClock
) -> None:
    await publish_books(store, clock, {CODE: FIRST})
    promises = Promises(store, clock, {CODE: PolicyBooks(policy_book(SECOND))}, decider())
    asked: list[int] = []

    async def ask() -> Term:
        asked.append(1)
        return promises.books[CODE].of(1).policy("person.kommundirektoren", REST).term

    assert await with_books(promises, CODE, ask) == Term(working_days=2)
    assert len(asked) == 2
    store.commits.clear()
    assert await with_books(promises, CODE, ask) == Term(working_days=2)


async def test_a_version_that_nobody_kept_says_what_would_help(
    store: MemoryStore, clock: ManualClock
) -> None:
    promises = Promises(store, clock, {CODE: PolicyBooks(policy_book(SECOND))}, decider())

    async def ask() -> None:
        promises.books[CODE].of(7)

    with pytest.raises(NotFound, match="start callback once with the file of that version"):
        await with_books(promises, CODE, ask)


def test_new_promises_are_made_under_the_current_book_and_old_ones_live_under_theirs() -> None:
    books = PolicyBooks(policy_book(SECOND))
    assert books.of(2) is books.current
    with pytest.raises(BookNotAtHand) as missing:
        books.of(1)
    assert missing.value.version == 1
    both = books.with_book(policy_book(FIRST))
    assert both.current is books.current
    assert both.of(1).version == 1


def test_holidays_are_kept_as_dates_and_move_nothing_when_a_law_or_a_library_does() -> None:
    plain = FIRST.plain()
    assert "2026-12-24" in plain["holidays"]["Julafton"]
    without = {**plain["holidays"]}
    del without["Julafton"]
    early = policy_book(WrittenBook.read({**plain, "holidays": without}))
    eve = date(2026, 12, 24)
    assert early.default_calendar.open_on(eve)
    assert not policy_book(FIRST).default_calendar.open_on(eve)


def test_a_book_of_a_large_municipality_fits_into_a_commit() -> None:
    plain = FIRST.plain()
    many = {f"c{n}": plain["calendars"]["office"] for n in range(100)}
    owners = {f"department.number-{n}": f"c{n % 100}" for n in range(500)}
    policies = [plain["promises"]["policies"][0]] * 300
    large = {
        **plain,
        "calendars": many,
        "calendar_of": owners,
        "promises": {**plain["promises"], "policies": policies},
    }
    assert len(bson.encode(large)) < 200_000
