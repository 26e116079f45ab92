"""Simulated time: real seconds are the loop's; domain time runs some times as fast, and leaps over what nobody acts in."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

from chassis.clock import whole_milliseconds

from .loop import SimulatedLoop

REAL_START = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)


class Time:
    """The truth about time, which no replica knows quite. `rate`: domain seconds in a real one."""

    def __init__(self, loop: SimulatedLoop, start: datetime, rate: float) -> None:
        self.loop = loop
        self.rate = rate
        self._leaps_at = [REAL_START - timedelta(days=1)]
        # Domain time is `rate` x (real - REAL_START) + an origin, and a leap makes the origin later.
        self._origins = [start]

    def real(self) -> datetime:
        return REAL_START + timedelta(seconds=self.loop.time())

    def domain(self) -> datetime:
        return self.to_domain(self.real())

    def to_domain(self, real: datetime) -> datetime:
        origin = self._origins[bisect_right(self._leaps_at, real) - 1]
        return whole_milliseconds(origin + (real - REAL_START) * self.rate)

    def leap(self, by: timedelta) -> None:
        """All domain clocks go on at once."""
        self._leaps_at.append(self.real())
        self._origins.append(self._origins[-1] + by)


class DatabaseClock:
    """The clock of the database: real time, as MongoDB tells it, and what that is in domain time."""

    def __init__(self, time: Time) -> None:
        self._time = time

    def now(self) -> datetime:
        return self._time.real()

    def to_domain(self, real: datetime) -> datetime:
        return self._time.to_domain(real)

    def real_seconds(self, domain: timedelta) -> float:
        return domain.total_seconds() / self._time.rate

    def monotonic(self) -> float:
        return self._time.loop.time()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError("a database does not wait for anything")


class ReplicaClock:
    """A replica's clock: wrong by `skew` real time, and put right by `offset` when it is compared with the database's."""

    def __init__(self, time: Time, skew: timedelta) -> None:
        self._time = time
        self._skew = skew
        self.offset = timedelta(0)

    def real_now(self) -> datetime:
        return self._time.real() + self._skew + self.offset

    def now(self) -> datetime:
        return self._time.to_domain(self.real_now())

    def to_domain(self, real: datetime) -> datetime:
        return self._time.to_domain(real)

    def real_seconds(self, domain: timedelta) -> float:
        return domain.total_seconds() / self._time.rate

    def monotonic(self) -> float:
        return self._time.loop.time()

    async def sleep(self, seconds: float) -> None:
        loop = self._time.loop
        future = loop.create_future()
        handle = loop.call_later(max(seconds, 0.0), _ring, future)
        try:
            await future
        finally:
            handle.cancel()


def _ring(future: object) -> None:
    if not future.done():  # type: ignore[attr-defined]
        future.set_result(None)  # type: ignore[attr-defined]
