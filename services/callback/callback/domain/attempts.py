"""Trying to reach the citizen: when enough has been tried, and when to try next."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from callback.domain.calendar import Calendar, Interval, Stretch
from callback.domain.facts import Attempt, Window

MESSAGE_LEFT = "voicemail"
_SEARCHED = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """How often, how far apart, and on how many mornings and afternoons at least."""

    number: int = 3
    apart: timedelta = timedelta(hours=2)
    half_days: int = 2


def counted(attempts: Sequence[Attempt], plan: AttemptPlan) -> Sequence[datetime]:
    """When was tried: attempts closer to each other than the plan says are one."""
    told: list[datetime] = []
    for at in sorted(attempt.at for attempt in attempts):
        if not told or at - told[-1] >= plan.apart:
            told.append(at)
    return told


def tried(attempts: Sequence[Attempt], plan: AttemptPlan, calendar: Calendar) -> bool:
    """Often enough, on enough half days, and the last one left a message."""
    if not attempts or attempts[-1].outcome != MESSAGE_LEFT:
        return False
    times = counted(attempts, plan)
    return len(times) >= plan.number and len({_half_day(at, calendar) for at in times}) >= plan.half_days


@dataclass(frozen=True, slots=True)
class Times:
    """When somebody is there to try: the owner's open hours; and of those the ones at which the citizen can be reached.
    `windows` None: at any time."""

    calendar: Calendar
    windows: Calendar | None = None

    def stretches(self, start: datetime) -> Iterator[Stretch]:
        """From `start` on, the first one cut to it, for a year at the most."""
        hours, end = self.calendar.stretches(start), start + _SEARCHED
        if self.windows is None:
            yield from takewhile(lambda stretch: stretch[0] < end, hours)
            return
        windows = self.windows.stretches(start)
        one, other = next(hours, None), next(windows, None)
        while one is not None and other is not None and max(one[0], other[0]) < end:
            opens, closes = max(one[0], other[0]), min(one[1], other[1])
            if opens < closes:
                yield opens, closes
            if one[1] <= other[1]:
                one = next(hours, None)
            else:
                other = next(windows, None)

    def first(self, start: datetime) -> datetime | None:
        """The first of them from `start` on; None: none within a year."""
        return next((opens for opens, _ in self.stretches(start)), None)

    def last(self, start: datetime, end: datetime) -> datetime | None:
        """The last of them from `start` on and not after `end`; without windows that is `end`, whoever is there."""
        if self.windows is None:
            return end
        found = [
            min(closes, end)
            for opens, closes in takewhile(lambda stretch: stretch[0] <= end, self.stretches(start))
        ]
        return found[-1] if found else None


def week_of(windows: Sequence[Window], zone: ZoneInfo) -> Calendar:
    """The windows of a citizen as hours of each week; those that touch or overlap are one."""
    week: list[list[Interval]] = [[] for _ in range(7)]
    for day, hours in enumerate(week):
        said = sorted((window.after, window.before) for window in windows if day in window.days)
        for after, before in ((timedelta(minutes=a), timedelta(minutes=b)) for a, b in said):
            if hours and after <= hours[-1][1]:
                hours[-1] = (hours[-1][0], max(hours[-1][1], before))
            else:
                hours.append((after, before))
    return Calendar(zone, week)


def next_attempt_at(
    attempts: Sequence[Attempt], plan: AttemptPlan, times: Times, due_at: datetime, now: datetime
) -> datetime | None:
    """When to try again, while somebody is there and the citizen can be reached: far enough from the last time, in
    another half day where one is lacking, and before the due time while that is ahead. None: it has been tried often
    enough, or there is no such time; or nobody has tried yet and the citizen named no times of their own."""
    told, calendar = counted(attempts, plan), times.calendar
    if not told:
        return times.first(now) if times.windows else None
    seen = {_half_day(at, calendar) for at in told}
    if len(told) >= plan.number and len(seen) >= plan.half_days:
        return None if tried(attempts, plan, calendar) else times.first(told[-1])
    from_at = told[-1] + plan.apart
    at = times.first(from_at)
    # The attempts that are left are needed in half days that are new.
    if plan.half_days - len(seen) >= plan.number - len(told):
        starts = (
            start
            for opens, closes in times.stretches(from_at)
            for start in (opens, _noon(opens, calendar))
            if opens <= start < closes
        )
        at = next((start for start in starts if _half_day(start, calendar) not in seen), at)
    if at is not None and (at <= due_at or due_at <= max(told[-1], now)):
        return at
    return times.last(max(told[-1], now), due_at) or at


def none_before(times: Times, due_at: datetime, now: datetime) -> bool:
    """Whether the times that a citizen named leave none, while somebody is there, before the promised time."""
    if times.windows is None or now >= due_at:
        return False
    first = times.first(now)
    return first is None or first > due_at


def _half_day(at: datetime, calendar: Calendar) -> tuple[str, bool]:
    return calendar.local_day(at).isoformat(), at >= _noon(at, calendar)


def _noon(at: datetime, calendar: Calendar) -> datetime:
    return (
        at.astimezone(calendar.zone).replace(hour=12, minute=0, second=0, microsecond=0).astimezone(at.tzinfo)
    )
