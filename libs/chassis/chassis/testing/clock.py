"""A clock that stands still until it is told."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chassis.clock import whole_milliseconds


@dataclass
class ManualClock:
    """Domain, real and monotonic time in one: `advance` moves all of them and wakes whoever sleeps until then."""

    moment: datetime = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
    _sleepers: list[tuple[float, asyncio.Future[None]]] = field(default_factory=list)
    _elapsed: float = 0.0

    def now(self) -> datetime:
        return whole_milliseconds(self.moment)

    def to_domain(self, real: datetime) -> datetime:
        return real

    def real_seconds(self, domain: timedelta) -> float:
        return domain.total_seconds()

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._elapsed + seconds, future))
        await future

    def advance(self, by: timedelta) -> None:
        """Let `by` pass."""
        self.moment += by
        self._elapsed += by.total_seconds()
        due = [sleeper for sleeper in self._sleepers if sleeper[0] <= self._elapsed]
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._elapsed]
        for _, future in due:
            if not future.done():
                future.set_result(None)
