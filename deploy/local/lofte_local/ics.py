"""`lofte calendar`: an iCalendar file becomes exceptions of a calendar, to be pasted into the municipality's file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
import yaml
from municipality import Municipality, MunicipalityFileError, OpenHours, WrittenBook, read_file

from lofte_local.errors import LocalError

__all__ = ["exceptions_in", "exceptions_of"]

Says = Literal["closed", "open"]
_DAY = timedelta(days=1)
_LONGEST_REASON = 200


@dataclass(frozen=True, slots=True)
class _Told:
    """What one event says of one local day: a part of it (wall time since midnight), or all of it."""

    day: date
    hours: OpenHours | None
    reason: str


def exceptions_in(
    folder: Path, code: str, file: Path, calendar: str, says: Says, first: date, last: date
) -> str:
    """The same for a municipality of a folder. Raises LocalError."""
    try:
        municipality = read_file(folder / f"{code}.yaml")
    except MunicipalityFileError as error:
        raise LocalError(str(error)) from error
    return exceptions_of(file, municipality, calendar, says, first, last)


def exceptions_of(
    file: Path, municipality: Municipality, calendar: str, says: Says, first: date, last: date
) -> str:
    """YAML lines for `exceptions` of a calendar: what an iCalendar file tells of the days from `first` to `last`.

    `says` is what an event means. `closed`: an all-day event closes the day, another takes its time out of the hours
    that the calendar has then. `open`: each is a time at which the owner is open, whatever day it is.

    Raises:
        LocalError: no such calendar, not iCalendar, or an event that does not say what it should.
    """
    written = municipality.calendars.get(calendar)
    if written is None:
        known = ", ".join(municipality.calendars)
        raise LocalError(f"{municipality.code} has no calendar {calendar}: choose {known}.")
    book = WrittenBook.of(municipality)
    days: dict[date, list[_Told]] = {}
    for told in _events(file, book.zone_of(written), first, last):
        if first <= told.day <= last:
            days.setdefault(told.day, []).append(told)
    other = written.other_days(book.holidays)
    found = []
    for day, events in sorted(days.items()):
        usual = other[day][0] if day in other else written.week[day.weekday()]
        hours = _open(file, events) if says == "open" else _left(usual, events)
        if hours != usual:
            reasons = ", ".join(dict.fromkeys(told.reason for told in events))[:_LONGEST_REASON]
            found.append((day, hours, "extra" if says == "open" else "short" if hours else "closed", reasons))
    return "".join(_line(*entry) for entry in _joined(found))


def _events(file: Path, zone: ZoneInfo, first: date, last: date) -> Iterator[_Told]:
    try:
        document = icalendar.Calendar.from_ical(file.read_bytes())
        events: Sequence[Any] = recurring_ical_events.of(document).between(
            datetime.combine(first - _DAY, time.min, zone), datetime.combine(last + 2 * _DAY, time.min, zone)
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise LocalError(f"{file} is not iCalendar that can be read: export it again as .ics.") from error
    for event in events:
        if str(event.get("status", "")).upper() == "CANCELLED":
            continue
        reason = " ".join(str(event.get("summary", "")).split()) or "utan rubrik"
        try:
            starts, ends = event.start, event.end
        except ValueError as error:
            raise LocalError(
                f"{file}: an event ({reason}) has no start or a wrong end: correct it."
            ) from error
        if not isinstance(starts, datetime):
            for place in range(max((ends - starts).days, 1)):
                yield _Told(starts + place * _DAY, None, reason)
            continue
        # A time without a zone is wall time, wherever the calendar hangs.
        start, end = (
            moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
            for moment in (starts, ends)
        )
        while start < end:
            midnight = datetime.combine(start.date(), time.min)
            until = min(end, midnight + _DAY)
            whole = start == midnight and until == midnight + _DAY
            hours = OpenHours(_minute(start - midnight), _minute(until - midnight))
            if hours.opens < hours.closes:
                yield _Told(start.date(), None if whole else hours, reason)
            start = until


def _minute(since_midnight: timedelta) -> timedelta:
    return since_midnight // timedelta(minutes=1) * timedelta(minutes=1)


def _open(file: Path, events: Sequence[_Told]) -> tuple[OpenHours, ...]:
    """The hours that the events tell, joined where they meet."""
    hours: list[OpenHours] = []
    for told in sorted(events, key=lambda told: told.hours or OpenHours(timedelta(0), _DAY)):
        if told.hours is None:
            raise LocalError(
                f"{file}: an event on {told.day} lasts all day and says no hours: give it a time."
            )
        if hours and told.hours.opens <= hours[-1].closes:
            hours[-1] = OpenHours(hours[-1].opens, max(hours[-1].closes, told.hours.closes))
        else:
            hours.append(told.hours)
    return tuple(hours)


def _left(usual: Sequence[OpenHours], events: Sequence[_Told]) -> tuple[OpenHours, ...]:
    """What is left of the usual hours when the events have taken theirs."""
    left = list(usual)
    for told in events:
        taken = told.hours or OpenHours(timedelta(0), _DAY)
        cut = [
            part
            for hours in left
            for part in (
                (hours.opens, min(hours.closes, taken.opens)),
                (max(hours.opens, taken.closes), hours.closes),
            )
        ]
        left = [OpenHours(opens, closes) for opens, closes in cut if opens < closes]
    return tuple(left)


_Entry = tuple[date, tuple[OpenHours, ...], str, str]


def _joined(found: Sequence[_Entry]) -> Iterator[tuple[date, date, tuple[OpenHours, ...], str, str]]:
    """Days after one another of which the same is told become one entry."""
    begun: tuple[date, date, tuple[OpenHours, ...], str, str] | None = None
    for day, *told in found:
        if begun and begun[2:] == tuple(told) and day == begun[1] + _DAY:
            begun = (begun[0], day, *begun[2:])
            continue
        if begun:
            yield begun
        begun = (day, day, *told)  # type: ignore[assignment]
    if begun:
        yield begun


def _line(first: date, last: date, hours: tuple[OpenHours, ...], kind: str, reason: str) -> str:
    until = {} if last == first else {"last": last.isoformat()}
    times = {"hours": [str(one) for one in hours]} if hours else {}
    entry = {"kind": kind, "day": first.isoformat(), **until, **times, "reason": reason}
    told = yaml.safe_dump(entry, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000)
    return f"      - {told}"
