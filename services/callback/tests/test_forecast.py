"""What is quoted and forecast of promises as the view holds them, on a real database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from callback import views
from callback.api.capacity import Forecast, Outlook, forecast, outlook
from callback.api.promises import Registry, moment
from callback.handlers import Promises, decider
from chassis.http import decode_cursor
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import Contract, PromiseBroken, PromiseKept, PromiseMade, PromisePaused, PromiseResumed
from municipality import read_folder
from pymongo.asynchronous.database import AsyncDatabase

from .given import BOOK, BOOKS, at
from .posting import Document
from .test_consumers import message
from .test_views import fold

pytestmark = pytest.mark.mongo

BUILDING, CITY = "department.building", "group.city"
NOW = at("10:00", 25)
FILES = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")


class Office:
    """Callback's view over a database, and what is asked of it at ten o'clock on a Wednesday."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self.rows = database["promises"]
        self._told: list[Document] = []
        promises = Promises(MemoryStore(clock := ManualClock(NOW)), clock, {"0581": BOOKS}, decider())

        async def nothing_held(_: object) -> Sequence[str]:
            return ()

        self.registry = Registry(promises, FILES, lambda: self.rows, nothing_held)

    def tell(self, case: str, owner: str, due_at: datetime, *more: tuple[type[Contract], Any]) -> None:
        """A promise, and what became of it, folded as the view folds it."""
        of = {"case_id": case, "promise_number": 1, "owner": owner, "due_at": due_at}
        made = {"policy": "p", "policy_version": 3, "from_at": at("08:00"), "made_at": at("08:00")}
        told = [
            PromiseMade.model_validate(of | made),
            *(kind.model_validate(of | said) for kind, said in more),
        ]
        source = f"callback/promise-{case}-1"
        body = fold(*(message(one, source, place) for place, one in enumerate(told, start=1)))
        self._told.append({"_id": f"0581.{case}-1", **body})

    def kept(self, owner: str, *times: datetime) -> None:
        for place, time in enumerate(times):
            self.tell(f"{owner}-{time:%d%H%M}-{place}", owner, time, kept(time))

    def usual(self, owner: str) -> None:
        """Ten in the fullest afternoon of each of three weeks: two in an open hour."""
        for day in (2, 9, 16):
            self.kept(owner, *[at("13:30", day)] * 10, at("08:30", day + 1))

    async def written(self) -> None:
        if self._told:
            await self.rows.insert_many(self._told)
            self._told.clear()

    async def expect(self, owner: str, due_at: datetime, received_at: datetime = NOW) -> Outlook:
        await self.written()
        return await outlook(self.registry, "0581", BOOK, owner, due_at, received_at)

    async def page(
        self, limit: int = 200, cursor: str | None = None, owners: Sequence[str] | None = None
    ) -> Forecast:
        await self.written()
        place = decode_cursor(cursor, at=str, id=str)
        after = (moment("cursor", place["at"]), place["id"]) if place else None
        return await forecast(self.registry, "0581", owners, at("23:59", 25), after, limit)


def kept(time: datetime) -> tuple[type[Contract], Any]:
    return PromiseKept, {"kept_at": time, "how": "reached"}


def broken(time: datetime) -> tuple[type[Contract], Any]:
    return PromiseBroken, {"broken_at": time, "judged_at": time}


@pytest.fixture
async def office(database: AsyncDatabase[Document]) -> Office:
    found = Office(database)
    await found.rows.create_indexes(views.INDEXES)
    return found


async def test_of_whom_nothing_is_known_nothing_is_expected(office: Office) -> None:
    office.tell("a", BUILDING, at("11:00", 25))
    seen = await office.expect(BUILDING, at("14:00", 25))
    assert (seen.capacity, seen.ahead.number, seen.expected_at, seen.likely_kept) == (None, 1, None, None)
    told = await office.page()
    assert (told.looked_at, told.likely_to_break, told.not_known) == (1, [], [BUILDING])


async def test_a_quote_expects_the_answer_after_all_that_is_due_before_it(office: Office) -> None:
    office.usual(BUILDING)
    for number in range(6):
        office.tell(f"a{number}", BUILDING, at("12:00", 25))
    office.tell("later", BUILDING, at("16:00", 25))
    office.tell("other", CITY, at("11:00", 25))
    seen = await office.expect(BUILDING, at("14:00", 25))
    assert seen.capacity is not None
    assert (seen.capacity.per_open_hour, seen.capacity.weeks) == (2.0, 3)
    assert (seen.ahead.number, seen.expected_at, seen.likely_kept) == (6, at("13:30", 25), True)
    assert seen.agree_on is None


async def test_what_waits_for_the_citizen_is_not_before_it_until_it_is_resumed(office: Office) -> None:
    office.usual(BUILDING)
    pause = PromisePaused, {"paused_at": NOW, "reason": "awaiting_citizen", "limit_at": at("10:00", 30)}
    resume = PromiseResumed, {"due_before": at("11:00", 25), "resumed_at": NOW, "cause": "contact"}
    office.tell("paused", BUILDING, at("11:00", 25), pause)
    assert (await office.expect(BUILDING, at("14:00", 25))).ahead.number == 0
    office.tell("resumed", BUILDING, at("11:00", 25), pause, resume)
    assert (await office.expect(BUILDING, at("14:00", 25))).ahead.number == 1


async def test_what_is_overdue_goes_first_but_not_what_was_given_up_on(office: Office) -> None:
    office.usual(BUILDING)
    office.tell("broken", BUILDING, at("12:00", 24), broken(at("12:00", 24)))
    office.tell("forgotten", BUILDING, at("12:00", 24) - timedelta(days=90), broken(at("12:00", 24)))
    ahead = (await office.expect(BUILDING, at("14:00", 25))).ahead
    assert (ahead.number, ahead.overdue) == (1, 1)


async def test_a_time_to_agree_on_is_one_that_can_be_kept_with_all_that_is_due_before_it(
    office: Office,
) -> None:
    """Eight go before noon: expected at half past two. Ten more are due in the afternoon: then it is the next morning."""
    office.usual(BUILDING)
    for number in range(8):
        office.tell(f"a{number}", BUILDING, at("12:00", 25))
    seen = await office.expect(BUILDING, at("12:00", 25))
    assert (seen.expected_at, seen.likely_kept, seen.agree_on) == (at("14:30", 25), False, at("17:00", 25))
    for number in range(10):
        office.tell(f"b{number}", BUILDING, at("16:30", 25))
    seen = await office.expect(BUILDING, at("12:00", 25))
    assert (seen.expected_at, seen.agree_on) == (at("14:30", 25), at("12:00", 26))


async def test_what_has_not_come_yet_is_not_answered_before_it_comes(office: Office) -> None:
    office.usual(BUILDING)
    seen = await office.expect(BUILDING, at("14:00", 26), received_at=at("10:00", 26))
    assert seen.expected_at == at("10:30", 26)


async def test_the_same_is_forecast_page_by_page(office: Office) -> None:
    """By two owners, of whom one is known: two in an open hour, so that the fifth is done at half past twelve."""
    office.usual(BUILDING)
    office.tell("broken", BUILDING, at("12:00", 24), broken(at("12:00", 24)))
    for number in range(8):
        office.tell(f"b{number}", BUILDING, at("12:00", 25))
        office.tell(f"c{number}", CITY, at("12:00", 25))
    office.tell("tomorrow", BUILDING, at("12:00", 26))
    whole = await office.page()
    assert (whole.looked_at, whole.not_known, whole.next) == (16, [CITY], None)
    told = [(one.case_id, one.ahead, one.overdue_ahead, one.expected_at) for one in whole.likely_to_break]
    assert told == [
        ("b3", 4, 1, at("12:30", 25)),
        ("b4", 5, 1, at("13:00", 25)),
        ("b5", 6, 1, at("13:30", 25)),
        ("b6", 7, 1, at("14:00", 25)),
        ("b7", 8, 1, at("14:30", 25)),
    ]
    assert whole.likely_to_break[0].because == (
        "4 go before it, 1 of them overdue; department.building answers 2.0 in an open hour, by 3 of its weeks"
    )
    for limit in (1, 3, 16):
        found, cursor, looked = [], None, 0
        while True:
            page = await office.page(limit, cursor)
            found += page.likely_to_break
            looked += page.looked_at
            if (cursor := page.next) is None:
                break
        assert (found, looked) == (whole.likely_to_break, 16)
    alone = await office.page(owners=[CITY])
    assert (alone.looked_at, alone.likely_to_break) == (8, [])


async def test_what_is_asked_is_answered_from_indexes(office: Office) -> None:
    office.usual(BUILDING)
    for number in range(30):
        office.tell(f"a{number}", BUILDING, at("12:00", 25))
        office.tell(f"c{number}", CITY, at("12:00", 25))
    await office.written()
    database = office.rows.database
    await database.command("profile", 2)
    await office.expect(BUILDING, at("14:00", 25))
    await office.page(owners=[BUILDING])
    await database.command("profile", 0)
    profiled = await database["system.profile"].find({"ns": office.rows.full_name}).to_list()
    plans = [(one["planSummary"], one["docsExamined"]) for one in profiled]
    assert len(plans) >= 5
    for plan, documents in plans:
        assert plan.startswith("IXSCAN { municipality: 1,"), plan
        assert documents in (0, 30), plan  # none but the page itself
