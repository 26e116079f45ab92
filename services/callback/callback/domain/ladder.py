"""The ladder: who is told of a promise that nobody has kept yet, and when. Each step once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callback.domain.calendar import Calendar
from callback.domain.events import CITIZEN, Stage

CONTACT_CENTRE_HEAD = "contact_centre_head"
_MOMENT = timedelta(milliseconds=1)
_TO_SEND = timedelta(minutes=30)
"""What a text message is given to go out, before the hours in which it may are over."""


@dataclass(frozen=True, slots=True)
class Step:
    """At this time these are told. One of the three is given; none: when the promise is due.

    `share` of the promised time that has passed; `working_days` of the owner after the due time; `times` the promised
    time since it began.
    """

    to: tuple[str, ...]
    share: float | None = None
    working_days: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Promised:
    """A time that was promised: `whole`, from `from_at` until `due_at`, of open hours or by the `clock`."""

    from_at: datetime
    due_at: datetime
    whole: timedelta
    calendar: Calendar
    clock: bool

    def passed(self, times: float) -> datetime:
        """When so many times of it have passed; 0.75: three quarters of it, or of its open part where nobody would be
        there to read a reminder."""
        if not self.clock:
            return self.calendar.add_open_time(self.from_at, self.whole * times)
        at = self.from_at + self.whole * times
        if times < 1 and when_told(self.calendar, at) != at:
            open_part = self.calendar.open_time_between(self.from_at, self.due_at)
            return self.calendar.add_open_time(self.from_at, open_part * times) if open_part else at
        return at


def climb(
    ladder: Sequence[Step], promised: Promised, centre: Calendar, text_hours: Calendar | None
) -> tuple[Stage, ...]:
    """The stages of a promise, each later than the one before.

    Those who work are told in their open hours: `promised.calendar` for the owner's people, `centre` for the head of
    the contact centre. The citizen is told at the very time, and where that lies outside `text_hours`, before they end:
    no text message goes out then, and one in the morning would come after the breach. Nobody is told later than
    somebody higher up: who would be, is told with them.
    """
    staff: list[Stage] = []
    for stage in reversed([*_staff(ladder, promised, centre)]):
        if staff and stage.at >= staff[0].at:
            staff[0] = staff[0].telling(_joined(stage.receivers, staff[0].receivers))
        else:
            staff.insert(0, stage)
    stages = {stage.at: stage for stage in staff}
    for stage in _citizen(ladder, promised, text_hours):
        together = stages.get(stage.at)
        if together:
            stage = replace(together.telling((*together.receivers, CITIZEN)), ahead_of=stage.ahead_of)
        stages[stage.at] = stage
    return tuple(stages[at] for at in sorted(stages))


def when_told(calendar: Calendar, moment: datetime) -> datetime:
    """When somebody of these hours hears of something: then, while they are there, and when they are about to leave;
    else at the next opening."""
    day = calendar.local_day(moment - _MOMENT)
    if any(opens <= moment <= closes for opens, closes in calendar.open_on(day)):
        return moment
    return calendar.next_open(moment)


def _staff(ladder: Sequence[Step], promised: Promised, centre: Calendar) -> Iterator[Stage]:
    counts = {"reminder": -1, "due": -1, "overdue": 0}
    for step in ladder:
        name = _name(step)
        counts[name] += 1
        to = tuple(role for role in step.to if role != CITIZEN)
        calendars = [centre if role == CONTACT_CENTRE_HEAD else promised.calendar for role in to]
        if to:
            at = _at(step, promised)
            told_at = min(when_told(calendar, at) for calendar in calendars)
            yield Stage(name, counts[name], _milliseconds(told_at), to[0], to[1:])


def _citizen(ladder: Sequence[Step], promised: Promised, text_hours: Calendar | None) -> Iterator[Stage]:
    told = [step for step in ladder if CITIZEN in step.to]
    for number, step in enumerate(told):
        at = _milliseconds(_at(step, promised))
        ahead = _last_text(at, text_hours) if text_hours else at
        if promised.from_at < ahead < at:
            yield Stage("delay", number, _milliseconds(ahead), CITIZEN, ahead_of=at)
        else:
            yield Stage("delay", number, at, CITIZEN)


def _last_text(moment: datetime, hours: Calendar) -> datetime:
    """The last time, not after a moment, at which a text message goes out in its hours."""
    today = hours.local_day(moment)
    begun = [
        stretch
        for day in (today - timedelta(days=1), today)
        for stretch in hours.open_on(day)
        if stretch[0] <= moment
    ]
    if not begun:
        return moment
    opens, closes = begun[-1]
    return min(moment, max(opens, closes - _TO_SEND))


def _at(step: Step, promised: Promised) -> datetime:
    if step.share is not None:
        return promised.passed(step.share)
    if step.working_days is not None:
        return promised.calendar.same_time_working_days_later(promised.due_at, step.working_days)
    return promised.due_at if step.times is None else promised.passed(step.times)


def _name(step: Step) -> str:
    if step.share is not None:
        return "reminder"
    return "due" if step.working_days is None and step.times is None else "overdue"


def _joined(lower: tuple[str, ...], higher: tuple[str, ...]) -> tuple[str, ...]:
    return (*lower, *(role for role in higher if role not in lower))


def _milliseconds(moment: datetime) -> datetime:
    # Stored times keep milliseconds: a stage must read back as it was decided.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
