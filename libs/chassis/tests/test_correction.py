"""The process's clock follows the database's."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from chassis.clock import SystemClock
from chassis.correction import WRONG_BY, ClockCorrection
from chassis.testing.waiting import eventually


class TickingClock(SystemClock):
    """The machine's clock with a monotonic time that a test moves."""

    passed: float = 0.0

    def monotonic(self) -> float:
        return self.passed


async def test_the_clock_follows_the_databases() -> None:
    clock = TickingClock()
    ahead, took = timedelta(seconds=40), 0.0

    async def database_time() -> datetime:
        clock.passed += took
        return datetime.now(UTC) + ahead

    correction = ClockCorrection(clock, database_time)
    assert not correction.sure
    await correction.correct()
    assert correction.sure
    assert abs(clock.offset - ahead) < timedelta(seconds=0.5)
    settled = clock.offset
    ahead += timedelta(microseconds=500)
    await correction.correct()
    assert clock.offset == settled, "less than the answer is unsure by is no difference"
    ahead, took = timedelta(0), 1.5
    await correction.correct()
    assert clock.offset == settled, "an answer that took too long says nothing"
    clock.passed += 14
    assert not correction.sure


async def test_a_corrected_clock_is_wrong_by_half_a_second_at_the_most() -> None:
    """An answer that is wrong itself must not excuse a clock that is wrong by as much again."""
    clock, skew = TickingClock(), timedelta(seconds=0.9)

    async def database_time() -> datetime:
        clock.passed += 0.98  # all of it on the way there: the answer tells of its end
        return datetime.now(UTC) + timedelta(seconds=0.98) - skew

    correction = ClockCorrection(clock, database_time)
    for _ in range(3):
        await correction.correct()
        assert correction.sure
        assert abs(clock.offset + skew) <= WRONG_BY + timedelta(milliseconds=20)


async def test_who_sets_the_machines_clock_while_a_process_runs_moves_nothing() -> None:
    """An hour wrong until the next correction would be an hour of promises told early."""
    an_hour = timedelta(hours=1)
    begun_before_it_was_set = (datetime.now(UTC) - an_hour, time.monotonic())
    clock = SystemClock(began=begun_before_it_was_set)
    assert abs(datetime.now(UTC) - an_hour - clock.now()) < timedelta(seconds=1)

    async def database_time() -> datetime:
        return datetime.now(UTC)

    await ClockCorrection(clock, database_time).correct()
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=1)


async def test_the_clock_is_sure_again_as_soon_as_the_database_is_back() -> None:
    class Hasty(SystemClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(0)

    away = 3

    async def database_time() -> datetime:
        nonlocal away
        away -= 1
        if away >= 0:
            raise ConnectionError
        return datetime.now(UTC)

    correction = ClockCorrection(Hasty(), database_time)
    running = asyncio.create_task(correction.run())
    await eventually(lambda: correction.sure or running.done())
    running.cancel()
    assert correction.sure, "a loop that fails would be run again after 30 s at worst"
