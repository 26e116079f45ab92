"""Open hours: local wall time of an owner, turned into real stretches of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_SEARCHED = 3 * 366


@dataclass(frozen=True, slots=True)
class Calendar:
    """When an owner is open. `week` holds seven days, Monday first, each with its open intervals: opening and closing
    as wall time since midnight."""

    zone: ZoneInfo
    week: Sequence[Sequence[tuple[timedelta, timedelta]]]
    closed: frozenset[date] = field(default_factory=frozenset)

    def open_on(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """The open stretches of a local day, in UTC; none on a closed day."""
        if day in self.closed:
            return ()
        return tuple(
            (self._utc(day, opens), self._utc(day, closes)) for opens, closes in self.week[day.weekday()]
        )

    def stretches(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Open stretches from `start` on, the first one cut to it.

        Raises:
            ValueError: not open within three years.
        """
        first = self.local_day(start)
        found = False
        for offset in range(_SEARCHED):
            for opens, closes in self.open_on(first + timedelta(days=offset)):
                if closes > start:
                    found = True
                    yield max(opens, start), closes
        if not found:
            raise ValueError("the calendar has no open hours")

    def add_open_time(self, start: datetime, duration: timedelta) -> datetime:
        """The moment at which `duration` of open time has passed since `start`. Outside hours the clock stands."""
        left = duration
        for opens, closes in self.stretches(start):
            if opens + left <= closes:
                return opens + left
            left -= closes - opens
        raise ValueError("the calendar has no open hours left within three years")

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
        received = self.local_day(next(self.stretches(start))[0])
        return self._nth_open_day(received, number)[-1][1]

    def same_time_working_days_later(self, start: datetime, number: int) -> datetime:
        """The same wall time on the `number`-th working day after `start`."""
        day = self.local_day(self._nth_open_day(self.local_day(start), number)[0][0])
        wall = start.astimezone(self.zone)
        return self._utc(day, wall - wall.replace(hour=0, minute=0, second=0, microsecond=0))

    def local_day(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def _nth_open_day(self, after: date, number: int) -> tuple[tuple[datetime, datetime], ...]:
        left = number
        for offset in range(1, _SEARCHED):
            stretches = self.open_on(after + timedelta(days=offset))
            if stretches:
                left -= 1
                if left == 0:
                    return stretches
        raise ValueError("the calendar has no open days left within three years")

    def _utc(self, day: date, since_midnight: timedelta) -> datetime:
        # Wall-clock arithmetic first, the zone after it: 08:00 is 08:00 on both summer-time days.
        return (datetime.combine(day, time.min) + since_midnight).replace(tzinfo=self.zone).astimezone(UTC)
