"""Time as an argument. Domain time is what people live by; real time is for leases, time-outs and polls."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

_SETTING = re.compile(r"^(?P<start>.+?)(?:x(?P<rate>\d+(?:\.\d+)?))?$")


class Clock(Protocol):
    """`now` and `to_domain` give domain time with milliseconds, the finest that the database keeps."""

    def now(self) -> datetime: ...

    def to_domain(self, real: datetime) -> datetime:
        """The domain time at a real instant, such as a database's time stamp."""
        ...

    def real_seconds(self, domain: timedelta) -> float:
        """How long a stretch of domain time lasts in real seconds."""
        ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


def whole_milliseconds(moment: datetime) -> datetime:
    """Cut to what the database keeps, so that a time reads back as it was written."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(slots=True)
class SystemClock:
    """The machine's clock as it was when the process began, corrected by `offset` against the database's.

    Since then it goes by the monotonic clock: whoever sets the machine's clock while the process runs moves nothing.
    """

    offset: timedelta = timedelta(0)
    began: tuple[datetime, float] = field(default_factory=lambda: (datetime.now(UTC), time.monotonic()))

    def real_now(self) -> datetime:
        began_at, then = self.began
        return began_at + timedelta(seconds=time.monotonic() - then) + self.offset

    def now(self) -> datetime:
        return whole_milliseconds(self.real_now())

    def to_domain(self, real: datetime) -> datetime:
        return real

    def real_seconds(self, domain: timedelta) -> float:
        return domain.total_seconds()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class AnchoredClock(SystemClock):
    """Domain time that starts at `start` when the real time is `anchor`, and runs `rate` times as fast."""

    start: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    anchor: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    rate: float = 1.0

    def now(self) -> datetime:
        return self.to_domain(self.real_now())

    def to_domain(self, real: datetime) -> datetime:
        return whole_milliseconds(self.start + (real - self.anchor) * self.rate)

    def real_seconds(self, domain: timedelta) -> float:
        return domain.total_seconds() / self.rate


def make_clock(setting: str | None, anchor: datetime | None) -> SystemClock:
    """The clock of a process, from LOFTE_CLOCK such as `2026-03-02T07:30+01:00x600` and LOFTE_CLOCK_ANCHOR.

    Raises:
        ValueError: the setting is not of that form, or has no anchor.
    """
    if setting is None:
        return SystemClock()
    if anchor is None:
        raise ValueError("LOFTE_CLOCK_ANCHOR: missing; give the real instant at which LOFTE_CLOCK starts")
    parts = _SETTING.match(setting)
    try:
        start = datetime.fromisoformat(parts["start"]) if parts else None
    except ValueError:
        start = None
    if parts is None or start is None or start.tzinfo is None:
        raise ValueError(
            "LOFTE_CLOCK: write a time with its zone and a rate, such as 2026-03-02T07:30+01:00x600"
        )
    return AnchoredClock(start=start.astimezone(UTC), anchor=anchor, rate=float(parts["rate"] or 1))
