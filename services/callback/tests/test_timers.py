"""The timer loop: what is due fires on time; judged is only what is safe, and never a case with a held message."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import pytest
from callback.domain import CallbackFellDue, Command, Promise, PromiseBroken
from callback.handlers import Promises, decider, note, stream_of
from callback.timers import TimerLoop
from chassis.commit import Cause, Commit
from chassis.crash import NEVER
from chassis.scanning import Due, Kind
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore

from .given import BOOK, LIVE, WRITTEN, at, route

CODE, CASE = "0581", "c1"


class MemoryScan:
    """The timers of a log in memory."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._cleared: set[tuple[Kind, Any]] = set()

    async def due(self, kind: Kind, until: datetime, limit: int) -> Sequence[Due]:
        waiting = [(when, c) for c in self._store.commits if (when := self._at(kind, c)) and when <= until]
        found = sorted(waiting, key=lambda row: row[0])[:limit]
        return [Due(c.id, c.municipality, c.stream, c.first_version, c.correlation_id, w) for w, c in found]

    async def least(self, kind: Kind) -> datetime | None:
        return min((when for c in self._store.commits if (when := self._at(kind, c))), default=None)

    async def newest(self, due: Sequence[Due]) -> Collection[Any]:
        return {commit.id for commit in {c.stream: c for c in self._store.commits}.values()}

    async def clear(self, kind: Kind, ids: Sequence[Any]) -> None:
        self._cleared |= {(kind, one) for one in ids}

    def _at(self, kind: Kind, commit: Commit) -> datetime | None:
        assert commit.timers is not None
        return None if (kind, commit.id) in self._cleared else getattr(commit.timers, kind)


class Leader:
    """The only replica there is."""

    def held(self) -> bool:
        return True

    async def run(self) -> None: ...


class Bench:
    """A loop, and what it is told of the world."""

    def __init__(self) -> None:
        self.clock = ManualClock(at("09:02"))
        self.store = MemoryStore(self.clock)
        self.promises = Promises(self.store, self.clock, {CODE: BOOK}, decider())
        self.safe: datetime | None = None
        self.held: set[str] = set()
        self.meanwhile: list[Command] = []
        self.lateness: list[float] = []
        self.loop = TimerLoop(
            promises=self.promises,
            scan=MemoryScan(self.store),
            lead=Leader(),
            clock=self.clock,
            sure=lambda: True,
            safe=lambda: self.safe,
            held_cases=self._held,
            late=self.lateness.append,
            crash=NEVER,
        )

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
    await bench.loop.judge_due()
    assert bench.count(PromiseBroken) == 1


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
