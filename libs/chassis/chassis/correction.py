"""The process's clock, corrected against the database's, so that replicas agree on what is due."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

_EVERY = 5.0
_SURE_FOR = 15.0
_LONGEST_ROUND_TRIP = 1.0
WRONG_BY = timedelta(seconds=_LONGEST_ROUND_TRIP / 2)
"""A corrected clock is at most so wrong, so nothing fires earlier than by that: half of the longest round trip."""

_log = structlog.get_logger()


class Correctable(Protocol):
    """A clock that can be put right. `real_now` has the offset in it already."""

    offset: timedelta

    def real_now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


@dataclass(slots=True)
class ClockCorrection:
    """Asks for the database's time (`hello.localTime`) and sets the clock's offset.

    Args:
        database_time: the database's time, aware; raises when it does not answer.
    """

    clock: Correctable
    database_time: Callable[[], Awaitable[datetime]]
    _good_at: float | None = None

    @property
    def sure(self) -> bool:
        """Whether the last good answer is less than 15 s old: who is unsure fires nothing."""
        return self._good_at is not None and self.clock.monotonic() - self._good_at < _SURE_FOR

    async def correct(self) -> None:
        """One question. An answer that took a second or longer says too little."""
        asked_at, local = self.clock.monotonic(), self.clock.real_now() - self.clock.offset
        theirs = await self.database_time()
        took = self.clock.monotonic() - asked_at
        if took >= _LONGEST_ROUND_TRIP:
            return
        offset = theirs - (local + timedelta(seconds=took / 2))
        # The answer has whole milliseconds and is half a round trip unsure: less than that is no difference, unless both
        # together could make more than the clock may be wrong by.
        unsure = timedelta(seconds=took / 2, milliseconds=2)
        differs = abs(offset - self.clock.offset)
        if differs > unsure or differs + unsure > WRONG_BY:
            self.clock.offset = offset
        self._good_at = self.clock.monotonic()

    async def run(self) -> None:
        """Correct every 5 s; also while the database is away, so that timers fire soon after it is back."""
        while True:
            try:
                await self.correct()
            except Exception as error:
                _log.warning("the clock could not be compared with the database's", exc_info=error)
            await self.clock.sleep(_EVERY)
