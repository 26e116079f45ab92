"""The statutory clock in the log: fired by the same loop as the promise, in a stream of its own, once and never early."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from callback import publisher, statutory
from callback.domain import Command, FiringFoundNothing, NoteRoute, PolicyBooks, Route
from callback.domain.statutory import (
    DECIDED,
    EndClock,
    RequestDecision,
    StartClock,
    StatutoryCommand,
    StatutoryEvent,
    StatutoryStageReached,
)
from callback.handlers import Promises, decider, note, promises_of
from callback.timers import TimerLoop
from chassis.commit import Cause, Commit
from chassis.crash import NEVER
from chassis.errors import KeyReused, NotAllowed, NotFound, NotYetVisible, RuleViolation, VersionMismatch
from chassis.scanning import MongoTimerScan, TimerScan
from chassis.store import EventStore, MongoStore
from chassis.testing.clock import ManualClock
from chassis.testing.scanning import MemoryTimerScan
from chassis.testing.store import MemoryStore
from lofte_events import StatutoryStageReached as Contract
from pymongo.asynchronous.database import AsyncDatabase

from .given import contact
from .posting import Document
from .test_statutory import BOOK, KEPT, OWNER, on
from .test_timers import Leader

CODE, CASE = "0581", "c1"
STREAM = statutory.stream_of(CODE, CASE)
START = StartClock(on("2026-01-15"), "bo")
REQUEST = RequestDecision(on("2026-08-03"), "bo")
on_both = pytest.mark.parametrize(
    "log", ["memory", pytest.param("mongo", marks=pytest.mark.mongo)], indirect=True
)


@dataclass
class Office:
    """A store with one case of the building department, and the loop that fires."""

    store: EventStore
    clock: ManualClock
    promises: Promises
    loop: TimerLoop
    scan: TimerScan

    async def does(
        self, command: StatutoryCommand, at: datetime, key: str | None = None, body: str = "body"
    ) -> Any:
        self.clock.moment = at
        cause = Cause(f"request:bo:{key or type(command).__name__}", "bo", body)
        return await statutory.change(self.promises, CODE, CASE, command, cause, may=lambda _: None)

    async def passes(self, at: datetime) -> None:
        """Time passes; the loop looks as often as it finds something."""
        self.clock.moment = at
        while await self.loop.fire_due():
            pass

    async def events(self) -> Sequence[StatutoryEvent]:
        codec = statutory.decider().codec
        return [codec.restore(e) for commit in await self.commits() for e in commit.events]

    async def commits(self) -> Sequence[Commit]:
        return await self.store.load(CODE, STREAM)

    async def told(self) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (event.stage.name, event.skipped)
            for event in await self.events()
            if isinstance(event, StatutoryStageReached)
        ]


@pytest.fixture
def log(request: pytest.FixtureRequest) -> tuple[ManualClock, EventStore, TimerScan]:
    clock = ManualClock(on("2026-01-15"))
    if getattr(request, "param", "memory") == "memory":
        memory = MemoryStore(clock)
        return clock, memory, MemoryTimerScan(memory)
    database: AsyncDatabase[Document] = request.getfixturevalue("database")
    kept = MongoStore(database, clock)
    return clock, kept, MongoTimerScan(kept.commits)


@pytest.fixture
async def office(log: tuple[ManualClock, EventStore, TimerScan]) -> Office:
    clock, store, scan = log
    if isinstance(store, MongoStore):
        await store.prepare()
    promises = Promises(store, clock, {CODE: KEPT}, decider())
    loop = TimerLoop(
        promises=promises,
        scan=scan,
        lead=Leader(),
        clock=clock,
        sure=lambda: True,
        safe=lambda: None,
        held_cases=_none,
        late=lambda _: None,
        crash=NEVER,
    )
    route = Route(1, OWNER, "city.building-permit", on("2026-01-15"), on("2026-01-15"))
    told: tuple[Command, ...] = (contact(live=True), NoteRoute(route))
    for number, command in enumerate(told):
        cause = Cause(f"/0581/x/m{number}#note", "callback")
        await note(promises, CODE, CASE, 1, command, cause)
    return Office(store, clock, promises, loop, scan)


async def _none(_: Collection[str]) -> Collection[str]:
    return set()


@on_both
async def test_what_was_told_as_of_a_wrong_time_is_told_again_as_of_the_right_one(office: Office) -> None:
    await office.does(StartClock(on("2025-01-15"), "bo"), on("2026-01-15"), "wrong")
    await office.passes(on("2026-01-15", "12:00"))
    assert await office.told() == [("request_possible", ())]
    await office.does(START, on("2026-01-15", "13:00"), "right")
    await office.passes(on("2026-07-15", "12:00"))
    assert len(await office.told()) == 1
    await office.passes(on("2026-07-16", "12:00"))
    await office.passes(on("2026-07-17", "12:00"))
    assert await office.told() == [("request_possible", ()), ("request_possible", ())]


@on_both
async def test_the_loop_tells_each_stage_once_at_its_time_and_leaves_no_timer(office: Office) -> None:
    await office.does(START, on("2026-01-15"))
    await office.passes(on("2026-07-16", "07:59"))
    assert await office.told() == []
    for _ in range(2):
        await office.passes(on("2026-07-16", "08:00"))
    assert await office.told() == [("request_possible", ())]
    await office.does(REQUEST, on("2026-08-03"))
    await office.passes(on("2026-08-24", "08:00"))
    await office.passes(on("2026-09-20"))
    assert [name for name, _ in await office.told()] == [
        "request_possible",
        "decision_due",
        "decision_overdue",
    ]
    assert not any(isinstance(event, FiringFoundNothing) for event in await office.events())
    assert (await office.commits())[-1].timers is not None
    left = [row.stream for row in await office.scan.due("next_at", on("2030-01-01"), 10, [])]
    assert STREAM not in left


@on_both
async def test_after_an_outage_the_highest_stage_is_told_once_by_however_many(office: Office) -> None:
    await office.does(START, on("2026-01-15"))
    await office.passes(on("2026-07-20"))
    await office.does(REQUEST, on("2026-08-03"))
    office.clock.moment = on("2026-09-10")
    others = [replace(office.loop, told=set(), aside={}, passed={"next_at": [], "judge_at": []})] * 3
    await asyncio.gather(*(loop.fire_due() for loop in (office.loop, *others)))
    await office.passes(on("2026-09-11"))
    assert await office.told() == [("request_possible", ()), ("decision_overdue", ("decision_due",))]


async def test_what_was_decided_meanwhile_is_told_to_nobody(office: Office) -> None:
    await office.does(START, on("2026-01-15"))
    await office.does(EndClock(DECIDED, on("2026-05-04"), "bo"), on("2026-05-04"))
    await office.passes(on("2026-12-01"))
    assert await office.told() == []
    with pytest.raises(VersionMismatch):
        await statutory.fire(office.promises, CODE, STREAM, CASE, version=1)
    await statutory.fire(office.promises, CODE, STREAM, CASE)
    commits = await office.commits()
    assert isinstance((await office.events())[-1], FiringFoundNothing), "looked at by hand, in vain"
    assert commits[-1].timers == commits[-2].timers


async def test_who_has_the_case_then_is_who_is_told(office: Office) -> None:
    await office.does(START, on("2026-01-15"))
    moved = NoteRoute(Route(2, "department.streets", "city.parking", on("2026-01-15"), on("2026-03-02")))
    await note(office.promises, CODE, CASE, 1, moved, Cause("/0581/x/m9#note", "callback"))
    await office.passes(on("2026-07-16", "08:00"))
    [reached] = [event for event in await office.events() if isinstance(event, StatutoryStageReached)]
    assert reached.owner == "department.streets"
    [told] = [
        contract
        for commit in await office.commits()
        for contract in publisher.to_contracts(office.promises.decider, commit)
        if contract is not None
    ]
    assert told == Contract(
        case_id=CASE,
        owner="department.streets",
        stage="request_possible",
        step=0,
        due_at=on("2026-07-16", "00:00"),
        stage_at=on("2026-07-16", "08:00"),
        fired_at=on("2026-07-16", "08:00"),
        receivers=("head_of_department",),
    )


async def test_a_request_is_noted_once_however_often_it_is_sent(office: Office) -> None:
    await office.does(START, on("2026-01-15"))
    first = await office.does(REQUEST, on("2026-08-03"))
    again = await office.does(REQUEST, on("2026-08-10"))
    assert (again.state, again.repeated) == (first.state, True)
    with pytest.raises(KeyReused):
        await office.does(REQUEST, on("2026-08-10"), body="another body")
    with pytest.raises(RuleViolation) as refused:
        await office.does(REQUEST, on("2026-08-10"), key="k2")
    assert refused.value.extra["code"] == "requested-before"


async def test_two_who_start_it_at_once_start_it_once(office: Office) -> None:
    outcomes = await asyncio.gather(
        *(office.does(START, on("2026-01-15"), key=f"k{n}") for n in range(4)), return_exceptions=True
    )
    assert sum(isinstance(outcome, RuleViolation) for outcome in outcomes) == 3
    assert len(await office.events()) == 1


async def test_whoever_may_not_changes_nothing_and_an_unknown_case_is_not_yet_visible(office: Office) -> None:
    def forbid(owner: str | None) -> None:
        assert owner == OWNER
        raise NotAllowed("another department's")

    def anybody(_: str | None) -> None: ...

    cases: list[tuple[str, str, Callable[[str | None], None], type[Exception]]] = [
        (CODE, CASE, forbid, NotAllowed),
        (CODE, "c2", anybody, NotYetVisible),
        ("2380", CASE, anybody, NotYetVisible),
    ]
    for code, case_id, may, error in cases:
        with pytest.raises(error):
            await statutory.change(
                office.promises, code, case_id, START, Cause("request:bo:k", "bo"), may=may
            )
    assert await office.commits() == []


async def test_it_goes_by_the_book_of_its_start_which_is_fetched_when_it_is_not_at_hand(
    office: Office,
) -> None:
    await office.does(START, on("2026-01-15"))
    office.promises.books[CODE] = PolicyBooks(replace(BOOK, version=2, statutory=None))
    with pytest.raises(NotFound, match="policy book 1"):
        await office.does(REQUEST, on("2026-08-03"))
    office.promises.books[CODE] = office.promises.books[CODE].with_book(BOOK)
    asked = await office.does(REQUEST, on("2026-08-03"))
    assert asked.state.request.last_day == "2026-08-31"


async def test_nothing_that_is_done_to_it_is_written_to_the_promise(office: Office) -> None:
    before = await promises_of(office.promises, CODE, CASE)
    await office.does(START, on("2026-08-02"))
    await office.does(REQUEST, on("2026-08-03"))
    await office.does(EndClock(DECIDED, on("2026-08-04"), "bo"), on("2026-08-04"))
    assert await promises_of(office.promises, CODE, CASE) == before
    assert len(await office.events()) == 3
