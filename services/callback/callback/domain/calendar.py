"""Open hours: local wall time of an owner, turned into real stretches of time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SEARCHED = 3 * 366
_NONE, _SECOND, _DAY = timedelta(0), timedelta(seconds=1), timedelta(days=1)
_REMEMBERED = 4000

Interval = tuple[timedelta, timedelta]
"""Opening and closing, as wall time since midnight."""
Stretch = tuple[datetime, datetime]
"""Opening and closing, as moments in UTC."""


@dataclass(frozen=True, slots=True)
class Day:
    """The hours of a day that is not like its weekday, and why; no hours: closed."""

    hours: tuple[Interval, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an owner is open. `week` holds seven days, Monday first, each with its open intervals; `days` those that
    differ.

    Open means: the clock on the owner's wall has reached opening and not yet closing. A wall time that summer time
    skips is the moment at which it is skipped; one that comes twice is the first of the two.
    """

    zone: ZoneInfo
    week: Sequence[Sequence[Interval]]
    days: Mapping[date, Day] = field(default_factory=dict)
    name: str = ""
    _known: dict[date, tuple[Stretch, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _offsets: dict[date, timedelta | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def hours_of(self, day: date) -> Sequence[Interval]:
        """The open intervals of a local day, as wall time."""
        other = self.days.get(day)
        return self.week[day.weekday()] if other is None else other.hours

    def open_on(self, day: date) -> tuple[Stretch, ...]:
        """The open stretches of a local day; none on a closed day."""
        known = self._known.get(day)
        if known is None:
            pairs = [
                (self._moment(day, opens), self._moment(day, closes)) for opens, closes in self.hours_of(day)
            ]
            known = tuple((opens, closes) for opens, closes in pairs if opens < closes)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[day] = known
        return known

    def stretches(self, start: datetime) -> Iterator[Stretch]:
        """Open stretches from `start` on, the first one cut to it; they end where none comes for three years.

        Raises:
            ValueError: not open within three years.
        """
        day = self.local_day(start)
        found, closed = False, 0
        while closed < _SEARCHED:
            closed += 1
            for opens, closes in self.open_on(day):
                if closes > start:
                    found, closed = True, 0
                    yield (opens if opens > start else start), closes
            day += _DAY
        if not found:
            raise ValueError("the calendar has no open hours")

    def next_open(self, moment: datetime) -> datetime:
        """The moment itself where the owner is open then, else the next opening."""
        return next(self.stretches(moment))[0]

    def add_open_time(
        self, start: datetime, duration: timedelta, *, latest: datetime | None = None
    ) -> datetime:
        """The moment at which `duration` of open time has passed since `start`. Outside hours the clock stands.

        Raises:
            ValueError: not while the owner opens before `latest`, or at all.
        """
        left = duration
        for opens, closes in self.stretches(start):
            if latest is not None and opens >= latest:
                break
            passing = closes - opens
            if left <= passing:
                return opens + left
            left -= passing
        raise ValueError("the calendar has no open hours left")

    def open_time_between(self, start: datetime, end: datetime) -> timedelta:
        """How much open time lies between two moments."""
        total = timedelta(0)
        for opens, closes in self.stretches(start):
            if opens >= end:
                break
            total += min(closes, end) - opens
        return total

    def close_of_working_day(self, start: datetime, number: int) -> datetime:
        """Closing time of the `number`-th working day after receipt; receipt outside hours counts from next opening."""
        received = self.local_day(self.next_open(start))
        return self._nth_open_day(received, number)[1][-1][1]

    def same_time_working_days_later(self, start: datetime, number: int) -> datetime:
        """The same wall time on the `number`-th working day after `start`; where that is closed, the next opening."""
        day, _ = self._nth_open_day(self.local_day(start), number)
        wall = start.astimezone(self.zone).replace(tzinfo=None)
        return self.next_open(self._moment(day, wall - datetime.combine(wall.date(), time.min)))

    def local_day(self, moment: datetime) -> date:
        """The date on the owner's wall."""
        return moment.astimezone(self.zone).date()

    def _nth_open_day(self, after: date, number: int) -> tuple[date, tuple[Stretch, ...]]:
        left, day = number, after
        for _ in range(_SEARCHED):
            day += _DAY
            stretches = self.open_on(day)
            if stretches:
                left -= 1
                if left == 0:
                    return day, stretches
        raise ValueError("the calendar has no open days left within three years")

    def _moment(self, day: date, since_midnight: timedelta) -> datetime:
        """A wall time as a moment: 08:00 is 08:00 on both summer-time days."""
        midnight, offset = datetime.combine(day, time.min), self._offset(day)
        if offset is not None:
            return (midnight + since_midnight - offset).replace(tzinfo=UTC)
        wall = midnight + since_midnight
        first, second = (wall.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() < second.utcoffset():  # type: ignore[operator]
            return self._skipping(second.astimezone(UTC), first.astimezone(UTC))
        return first.astimezone(UTC)

    def _offset(self, day: date) -> timedelta | None:
        """How far the wall is from UTC all day long; None on a day on which that changes."""
        if day not in self._offsets:
            if len(self._offsets) >= _REMEMBERED:
                self._offsets.clear()
            ends = [datetime.combine(day + late, time.min, self.zone).utcoffset() for late in (_NONE, _DAY)]
            self._offsets[day] = ends[0] if ends[0] == ends[1] else None
        return self._offsets[day]

    def _skipping(self, early: datetime, late: datetime) -> datetime:
        """The moment between two at which the clock is put forward."""
        offset = early.astimezone(self.zone).utcoffset()
        while late - early > _SECOND:
            middle = early + (late - early) // 2
            if middle.astimezone(self.zone).utcoffset() == offset:
                early = middle
            else:
                late = middle
        return late.replace(microsecond=0)
