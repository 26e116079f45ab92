"""The timer loop: what is due fires on time; judged is only what is safe, and never a case with a held message."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from callback.domain import CallbackFellDue, Command, FiringFoundNothing, Promise, PromiseBroken
from callback.handlers import Promises, decider, note, stream_of
from callback.timers import ASIDE, LONGEST_SLEEP, TimerLoop
from chassis.commit import Cause, Commit, Timers
from chassis.crash import NEVER
from chassis.errors import Unavailable
from chassis.scanning import Due, Kind
from chassis.testing.clock import ManualClock
from chassis.testing.scanning import MemoryTimerScan
from chassis.testing.store import MemoryStore
from chassis.testing.waiting import eventually
from structlog.testing import capture_logs

from .given import BOOKS, LIVE, WRITTEN, act, at, route

CODE, CASE = "0581", "c1"
PUT_ASIDE = timedelta(seconds=ASIDE)


class Leader:
    """The only replica there is."""

    def held(self) -> bool:
        return True

    async def run(self) -> None: ...


class RecordingClock(ManualClock):
    """Remembers for how long it was asked to sleep, and wakes at once."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(moment)
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Bench:
    """A loop, and what it is told of the world."""

    def __init__(self) -> None:
        self.clock = RecordingClock(at("09:02"))
        self.store = MemoryStore(self.clock)
        self.promises = Promises(self.store, self.clock, {CODE: BOOKS}, decider())
        self.sure = True
        self.safe: datetime | None = None
        self.held: set[str] = set()
        self.meanwhile: list[Command] = []
        self.lateness: list[float] = []
        self.loop = TimerLoop(
            promises=self.promises,
            scan=MemoryTimerScan(self.store),
            lead=Leader(),
            clock=self.clock,
            sure=lambda: self.sure,
            safe=lambda: self.safe,
            held_cases=self._held,
            late=self.lateness.append,
            crash=NEVER,
            largest=3,
        )

    async def unreadable(self, number: int) -> None:
        """A promise of a municipality whose file is gone: it fails each time it is looked at."""
        await self.store.append(
            Commit(
                municipality="9999",
                stream=f"9999.promise-{number}-1",
                first_version=1,
                events=[],
                cause=Cause(f"cause-{number}", "test"),
                correlation_id=f"gone-{number}",
                committed_at=at("09:00"),
                timers=Timers(at("09:00"), at("09:00")),
            )
        )

    async def run_for(self, rounds: int) -> None:
        with capture_logs():
            running = asyncio.create_task(self.loop.run())
            await eventually(lambda: running.done() or len(self.clock.slept) >= rounds)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def tell(self, *commands: Command) -> None:
        for command in commands:
            cause = Cause(f"/0581/x/{len(self.store.commits)}#note", "callback")
            await note(self.promises, CODE, CASE, 1, command, cause)

    async def promise(self) -> Promise:
        return self.promises.decider.fold(await self.store.load(CODE, stream_of(CODE, CASE, 1)))

    def count(self, event: type) -> int:
        return sum(stored.type == event.__name__ for commit in self.store.commits for stored in commit.events)

    async def _held(self, cases: Collection[str]) -> Collection[str]:
        told, self.meanwhile = self.meanwhile, []
        await self.tell(*told)
        return self.held & set(cases)


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_stage_fires_at_its_time_and_not_before(bench: Bench) -> None:
    await bench.tell(*WRITTEN)
    bench.clock.moment = at("11:59")
    await bench.loop.fire_due()
    assert bench.count(CallbackFellDue) == 0
    bench.clock.moment = at("12:00")
    for _ in range(3):
        await bench.loop.fire_due()
    assert bench.count(CallbackFellDue) == 1
    assert bench.lateness == [0.0]


async def test_nothing_is_judged_while_nobody_can_say_what_has_been_read(bench: Bench) -> None:
    await bench.tell(*WRITTEN)
    bench.clock.moment = at("16:00")
    await bench.loop.judge_due()
    bench.safe = at("13:14")
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 0
    bench.safe = at("13:15")
    await bench.loop.judge_due()
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 1


async def test_a_case_with_a_held_message_is_judged_when_it_is_released(bench: Bench) -> None:
    await bench.tell(*WRITTEN)
    bench.safe, bench.held = at("13:15"), {CASE}
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 0
    bench.held = set()
    bench.clock.advance(PUT_ASIDE)
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 1


async def test_those_that_cannot_be_handled_keep_nobody_waiting(bench: Bench) -> None:
    for number in range(7):  # more than two batches, all earlier than the one that can be fired
        await bench.unreadable(number)
    await bench.tell(*WRITTEN)
    bench.clock.moment = bench.safe = at("13:15")
    await bench.run_for(6)
    assert (bench.count(CallbackFellDue), bench.count(PromiseBroken)) == (1, 1)


async def test_the_rest_of_the_process_is_told_while_more_is_due_than_one_look_takes_in(bench: Bench) -> None:
    for number in range(4):
        await bench.unreadable(number)
    assert (await bench.loop.fire_due(), bench.loop.behind()) == (True, True)
    bench.sure = False  # whoever does not fire keeps nobody waiting either
    await bench.run_for(1)
    assert not bench.loop.behind()
    bench.sure = True
    assert (await bench.loop.fire_due(), bench.loop.behind()) == (False, False)


async def test_held_cases_keep_nobody_waiting(bench: Bench) -> None:
    for number in range(7):
        await bench.unreadable(number)
    bench.held = {f"gone-{number}" for number in range(7)}
    await bench.tell(*WRITTEN)
    bench.safe = at("13:15")
    while await bench.loop.judge_due():
        pass
    assert bench.count(PromiseBroken) == 1


async def test_what_fails_is_not_tried_again_without_a_pause(bench: Bench) -> None:
    await bench.unreadable(1)
    await bench.run_for(20)
    assert set(bench.clock.slept) == {LONGEST_SLEEP}


async def test_whoever_does_not_fire_does_not_ask_when(bench: Bench) -> None:
    await bench.tell(*WRITTEN)
    bench.clock.moment, bench.sure = at("16:00"), False
    await bench.run_for(20)
    assert set(bench.clock.slept) == {LONGEST_SLEEP}
    assert bench.count(CallbackFellDue) == 0


async def test_a_promise_made_while_the_limit_is_being_judged_keeps_its_own_time(bench: Bench) -> None:
    await bench.tell(*LIVE)
    bench.safe = at("10:15")
    bench.meanwhile = [
        route(2, "department.building", "09:20")
    ]  # after the timer was read, before its judgement
    await bench.loop.judge_due()
    assert (await bench.promise()).terms is not None
    assert bench.count(PromiseBroken) == 0
    bench.safe = at("13:15")
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 1


async def test_a_timer_that_was_overtaken_writes_nothing_and_is_cleared(bench: Bench) -> None:
    await bench.tell(*WRITTEN)
    bench.clock.moment = at("12:00")
    scan = Interrupted(bench.store, after_reading=lambda: bench.tell(act("11:30")))
    await replace(bench.loop, scan=scan).fire_due()
    assert (await bench.promise()).kept is not None
    assert (bench.count(CallbackFellDue), bench.count(FiringFoundNothing), bench.lateness) == (0, 0, [])
    assert await scan.least("next_at", []) is None


async def test_what_could_not_be_cleared_does_not_fire_again(bench: Bench) -> None:
    for number in range(7):  # more than two batches
        for command in WRITTEN:
            cause = Cause(f"/0581/x/{number}-{len(bench.store.commits)}#note", "callback")
            await note(bench.promises, CODE, f"c{number}", 1, command, cause)
    bench.clock.moment = at("12:00")
    scan = Interrupted(bench.store, clearing_fails=1)
    loop = replace(bench.loop, scan=scan)
    assert await loop.fire_due()
    with pytest.raises(Unavailable):
        await loop.fire_due()
    written = len(bench.store.commits)
    loop = replace(loop, passed={"next_at": [], "judge_at": []})  # another replica, which knows of nothing
    while await loop.fire_due():
        pass
    assert bench.count(CallbackFellDue) == 7
    assert len(bench.store.commits) == written + 1, "two batches had fired"
    assert await scan.least("next_at", []) == at("13:00")


class Interrupted(MemoryTimerScan):
    """Something happens after the first look at what is due; the first attempts to clear fail."""

    def __init__(
        self,
        store: MemoryStore,
        after_reading: Callable[[], Awaitable[None]] | None = None,
        clearing_fails: int = 0,
    ) -> None:
        super().__init__(store)
        self._after_reading = after_reading
        self._clearing_fails = clearing_fails

    async def due(self, kind: Kind, until: datetime, limit: int, passing: Collection[Any]) -> Sequence[Due]:
        found = await super().due(kind, until, limit, passing)
        happens, self._after_reading = self._after_reading, None
        if happens:
            await happens()
        return found

    async def clear(self, kind: Kind, ids: Sequence[Any]) -> None:
        if self._clearing_fails:
            self._clearing_fails -= 1
            raise Unavailable("the database is away")
        await super().clear(kind, ids)
