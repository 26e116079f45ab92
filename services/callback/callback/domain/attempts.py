"""Trying to reach the citizen: when enough has been tried, and when to try next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callback.domain.calendar import Calendar
from callback.domain.facts import Attempt

MESSAGE_LEFT = "voicemail"


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


def next_attempt_at(
    attempts: Sequence[Attempt], plan: AttemptPlan, calendar: Calendar, due_at: datetime
) -> datetime | None:
    """When to try again, in open hours: far enough from the last time, in another half day where one is lacking, and
    before the due time while that is ahead. None: nobody has tried yet, or it has been tried often enough."""
    times = counted(attempts, plan)
    if not times:
        return None
    seen = {_half_day(at, calendar) for at in times}
    if len(times) >= plan.number and len(seen) >= plan.half_days:
        return None if tried(attempts, plan, calendar) else _opening(times[-1], calendar)
    at = _opening(times[-1] + plan.apart, calendar)
    # The attempts that are left are needed in half days that are new.
    if plan.half_days - len(seen) >= plan.number - len(times):
        for opens, closes in calendar.stretches(at):
            noon = _noon(opens, calendar)
            starts = [start for start in (opens, noon) if opens <= start < closes]
            fresh = [start for start in starts if _half_day(start, calendar) not in seen]
            if fresh:
                at = fresh[0]
                break
    return due_at if times[-1] < due_at < at else at


def _opening(at: datetime, calendar: Calendar) -> datetime:
    return calendar.add_open_time(at, timedelta(0))


def _half_day(at: datetime, calendar: Calendar) -> tuple[str, bool]:
    return calendar.local_day(at).isoformat(), at >= _noon(at, calendar)


def _noon(at: datetime, calendar: Calendar) -> datetime:
    return (
        at.astimezone(calendar.zone).replace(hour=12, minute=0, second=0, microsecond=0).astimezone(at.tzinfo)
    )
