"""Clock in: what is due fires on time; what is broken is judged only when nothing that counts can still come."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from chassis.clock import Clock
from chassis.crash import CrashPoints
from chassis.errors import Unavailable, VersionMismatch
from chassis.lease import Leadership
from chassis.scanning import Due, Kind, TimerScan

from callback import statutory
from callback.handlers import Promises, fire, judge

_log = structlog.get_logger()

LARGEST_BATCH = 2500
"""What the store takes in five groups: while one is written the next is decided."""
LONGEST_SLEEP = 0.2
"""Real seconds; a promise made on another replica is seen this late at most."""
ASIDE = 5.0
"""Real seconds for which a promise that cannot be handled now is passed over: it keeps no other waiting."""


@dataclass(frozen=True, slots=True)
class TimerLoop:
    """Fires and judges, for all promises and statutory clocks of the service.

    Args:
        lead: whether this replica is the one that fires. It only saves work: the store lets a stage fire once.
        sure: whether the clock has been checked against the database's lately; while it is not, nothing fires.
        safe: everything that could count before this time has been read; None: nobody can say now.
        held_cases: those of some cases that have a held message: they are not judged.
        late: told by how many real seconds each firing was late.
        largest: so many are looked at in one go.
        told: commits whose failure has been logged.
        aside: until when, on the monotonic clock, a commit is passed over.
        passed: commits that govern no more and whose timers are still to be cleared.
        more: of which timers there was more than one look took in.
    """

    promises: Promises
    scan: TimerScan
    lead: Leadership
    clock: Clock
    sure: Callable[[], bool]
    safe: Callable[[], datetime | None]
    held_cases: Callable[[Collection[str]], Awaitable[Collection[str]]]
    late: Callable[[float], None]
    crash: CrashPoints
    largest: int = LARGEST_BATCH
    told: set[Any] = field(default_factory=set)
    aside: dict[tuple[Kind, Any], float] = field(default_factory=dict)
    passed: dict[Kind, list[Any]] = field(default_factory=lambda: {"next_at": [], "judge_at": []})
    more: set[Kind] = field(default_factory=set)

    async def run(self) -> None:
        """Fire and judge until cancelled."""
        while True:
            pause = LONGEST_SLEEP
            with contextlib.suppress(Unavailable):
                if self.sure() and self.lead.held():
                    worked = await self.fire_due() | await self.judge_due()
                    pause = 0.0 if worked else await self._until_next()
                else:
                    self.more.clear()
            await self.clock.sleep(pause)

    def behind(self) -> bool:
        """Whether more is to be fired than one look takes in: what nobody waits for may rest meanwhile."""
        return "next_at" in self.more

    async def fire_due(self) -> bool:
        """Fire what is due now; whether there may be more."""
        now = self.clock.now()
        return await self._handle("next_at", now, self._fire)

    async def judge_due(self) -> bool:
        """Judge what can be judged now; whether there may be more."""
        safe = self.safe()
        return safe is not None and await self._handle("judge_at", safe, self._judge)

    async def _handle(self, kind: Kind, until: datetime, handle: Callable[[Due], Awaitable[None]]) -> bool:
        due = await self.scan.due(kind, until, self.largest, [*self._passing(kind), *self.passed[kind]])
        (self.more.add if len(due) == self.largest else self.more.discard)(kind)
        held = (
            await self.held_cases({row.correlation_id for row in due}) if due and kind == "judge_at" else ()
        )
        free = [row for row in due if row.correlation_id not in held]
        # What the batch before had is cleared while this one is handled: nobody waits for that.
        cleared, *outcomes = await asyncio.gather(
            self._clear(kind), *(self._unless_passed(handle, row) for row in free), return_exceptions=True
        )
        waiting = self._failed(free, outcomes) | {row.id for row in due if row.correlation_id in held}
        again_at = self.clock.monotonic() + ASIDE
        self.aside.update({(kind, row_id): again_at for row_id in waiting})
        # Each of the others has a newer commit now, whose timers govern.
        self.passed[kind] += [row.id for row in due if row.id not in waiting]
        if cleared is not None:
            raise cleared
        if kind not in self.more:
            await self._clear(kind)
        return kind in self.more

    async def _unless_passed(self, handle: Callable[[Due], Awaitable[None]], row: Due) -> None:
        with contextlib.suppress(VersionMismatch):
            await handle(row)

    async def _clear(self, kind: Kind) -> None:
        if self.passed[kind]:
            await self.scan.clear(kind, self.passed[kind])
            self.passed[kind] = []

    def _passing(self, kind: Kind) -> Sequence[Any]:
        """Those put aside; they are looked at again when their time is over."""
        now = self.clock.monotonic()
        for row in [row for row, again_at in self.aside.items() if again_at <= now]:
            del self.aside[row]
        return [row_id for of_kind, row_id in self.aside if of_kind == kind]

    def _failed(self, rows: Sequence[Due], outcomes: Sequence[BaseException | None]) -> set[Any]:
        """One promise that cannot be handled stops no other; it is tried again, and told of once."""
        failed = {row.id: error for row, error in zip(rows, outcomes, strict=True) if error is not None}
        for row_id, error in failed.items():
            if isinstance(error, Unavailable) or not isinstance(error, Exception):
                raise error
            if row_id not in self.told:
                self.told.add(row_id)
                _log.error("a promise cannot be handled", commit=str(row_id), exc_info=error)
        return set(failed)

    async def _fire(self, row: Due) -> None:
        fires = statutory.fire if statutory.is_of_clock(row.municipality, row.stream) else fire
        await fires(self.promises, row.municipality, row.stream, row.correlation_id, version=row.version)
        self.late(self.clock.real_seconds(self.clock.now() - row.at))
        self.crash.passed("timer-fired")

    async def _judge(self, row: Due) -> None:
        await judge(
            self.promises, row.municipality, row.stream, row.correlation_id, row.at, version=row.version
        )

    async def _until_next(self) -> float:
        least = await self.scan.least("next_at", self._passing("next_at"))
        if least is None:
            return LONGEST_SLEEP
        ahead = self.clock.real_seconds(max(least - self.clock.now(), timedelta(0)))
        return min(max(ahead, 0.001), LONGEST_SLEEP)
