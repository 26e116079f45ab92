"""How much an owner gets done: learnt from what it did, and what that means for what it has promised."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from callback.domain.calendar import Calendar, Stretch

LEAST_WEEKS = 3
"""Fewer weeks with answers than this tell nothing."""
FARTHEST = timedelta(days=366)
"""Nobody says that something is answered later than this: no policy promises for longer."""
_BEHIND = 0.1
_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What is looked at: slots (hour, half_day, day) of so many whole weeks."""

    slot: str = "half_day"
    weeks: int = 8


@dataclass(frozen=True, slots=True)
class Answered:
    """So many promises were answered in the hour that begins at `hour_at`; `late` of them had been broken."""

    hour_at: datetime
    number: int
    late: int


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many promises an owner answers in an open hour, and in a slot of the usual length; `weeks`: those that it was
    learnt from."""

    per_open_hour: float
    per_slot: float
    weeks: int


@dataclass(frozen=True, slots=True)
class Ahead:
    """What an owner has to answer before something else; `overdue` of them are broken already."""

    number: int = 0
    overdue: int = 0

    def and_more(self, number: int) -> "Ahead":
        return Ahead(self.number + number, self.overdue)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open promise."""

    case_id: str
    number: int
    owner: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A promise whose turn comes too late. `expected_at` None: farther ahead than is told."""

    promise: Waiting
    ahead: Ahead
    expected_at: datetime | None


def weeks_before(calendar: Calendar, now: datetime, plan: CapacityPlan) -> tuple[datetime, datetime]:
    """The whole weeks of the plan, Monday to Sunday on the owner's wall, that were over at `now`: from, until."""
    today = calendar.local_day(now)
    monday = today - timedelta(days=today.weekday())
    return _wall(monday - plan.weeks * _WEEK, 0, calendar), _wall(monday, 0, calendar)


def learn(
    answered: Sequence[Answered], calendar: Calendar, plan: CapacityPlan, now: datetime
) -> Capacity | None:
    """The median of the weeks in which something was answered; None: there are too few of them to tell.

    What was done in a quiet week was as much as was asked for. So a week in which promises were kept shows what can be
    done in its fullest slot; one in which more than a tenth of the answers came too late shows it as a whole.
    """
    since, until = weeks_before(calendar, now, plan)
    slots = _slots(calendar, since, until, plan)
    told = []
    for number in range(plan.weeks):
        monday = calendar.local_day(since) + number * _WEEK
        start, end = _wall(monday, 0, calendar), _wall(monday + _WEEK, 0, calendar)
        did = [one for one in answered if start <= one.hour_at < end]
        opened = {slot: length for slot, length in slots.items() if start <= slot < end}
        if did and opened:
            told.append(_of_week(did, opened, calendar, plan))
    if len(told) < LEAST_WEEKS:
        return None
    rate = median(told)
    return Capacity(rate, rate * median(length / _HOUR for length in slots.values()), len(told))


def expected_at(capacity: Capacity, ahead: int, calendar: Calendar, now: datetime) -> datetime | None:
    """When something is answered that so many others go before; in open hours. None: not within `FARTHEST`."""
    hours = (ahead + 1) / capacity.per_open_hour
    if hours > FARTHEST / _HOUR:
        return None
    try:
        at = calendar.add_open_time(now, _HOUR * hours, latest=now + FARTHEST)
    except (ValueError, OverflowError):
        return None
    # A minute and no finer, and not before it is done.
    return datetime.fromtimestamp(math.ceil(at.timestamp() / 60) * 60, UTC)


def end_of_slot(moment: datetime, calendar: Calendar, plan: CapacityPlan) -> datetime:
    """When the owner's slot that a moment is in closes: a time that people can agree on."""
    _, end = _slot_of(moment, calendar, plan)
    stretches = calendar.open_on(calendar.local_day(moment))
    ends = [min(closes, end) for opens, closes in stretches if opens < end and closes > moment]
    return max(ends, default=moment)


def too_late(
    waiting: Sequence[Waiting],
    before: Mapping[str, Ahead],
    capacities: Mapping[str, Capacity],
    calendars: Mapping[str, Calendar],
    now: datetime,
) -> list[AtRisk]:
    """Those of `waiting`, the earliest due first, whose turn comes after they are due: each owner answers what is due
    first. `before`: what each has to answer before the first of them. Of an owner whose capacity is not known nothing
    is said."""
    ahead, found = dict(before), []
    for promise in waiting:
        owner = promise.owner
        here = ahead.get(owner, Ahead())
        ahead[owner] = here.and_more(1)
        if owner in capacities:
            at = expected_at(capacities[owner], here.number, calendars[owner], now)
            if at is None or at > promise.due_at:
                found.append(AtRisk(promise, here, at))
    return found


def _of_week(
    did: Sequence[Answered], opened: Mapping[datetime, timedelta], calendar: Calendar, plan: CapacityPlan
) -> float:
    number = sum(one.number for one in did)
    whole = number / (sum(opened.values(), _NONE) / _HOUR)
    if sum(one.late for one in did) > _BEHIND * number:
        return whole
    done: Counter[datetime] = Counter()
    for one in did:
        done[_slot_of(one.hour_at, calendar, plan)[0]] += one.number
    # What is open for a few minutes would make anybody fast; what is closed has no length.
    fullest = [many / max(opened[slot] / _HOUR, 1.0) for slot, many in done.items() if slot in opened]
    return max(whole, *fullest) if fullest else whole


def _slots(
    calendar: Calendar, since: datetime, until: datetime, plan: CapacityPlan
) -> Mapping[datetime, timedelta]:
    """How long each slot was open, by when it begins."""
    found: dict[datetime, timedelta] = {}
    for opens, closes in _until(calendar.stretches(since), until):
        at = opens
        while at < closes:
            start, end = _slot_of(at, calendar, plan)
            upto = min(closes, end)
            found[start] = found.get(start, _NONE) + (upto - at)
            at = upto
    return found


def _until(stretches: Iterator[Stretch], end: datetime) -> Iterator[Stretch]:
    for opens, closes in stretches:
        if opens >= end:
            return
        yield opens, min(closes, end)


def _slot_of(moment: datetime, calendar: Calendar, plan: CapacityPlan) -> tuple[datetime, datetime]:
    """The slot that a moment is in: from, until."""
    if plan.slot == "hour":
        start = moment.replace(minute=0, second=0, microsecond=0)
        return start, start + _HOUR
    day = calendar.local_day(moment)
    midnight, following = _wall(day, 0, calendar), _wall(day + _DAY, 0, calendar)
    if plan.slot == "day":
        return midnight, following
    noon = _wall(day, 12, calendar)
    return (midnight, noon) if moment < noon else (noon, following)


def _wall(day: date, hour: int, calendar: Calendar) -> datetime:
    return datetime.combine(day, time(hour), calendar.zone).astimezone(UTC)
