"""An owner's opening hours as iCalendar (RFC 5545), for calendars that people look at."""

from datetime import UTC, date, datetime, timedelta

import icalendar

from callback.domain import Calendar

_DAY = timedelta(days=1)


def to_ical(
    calendar: Calendar, *, owner: str, name: str, municipality: str, first: date, days: int, now: datetime
) -> bytes:
    """Every open stretch of `days` days from `first` on as an event in UTC, and as an all-day event each day that is
    closed although its weekday is open, with the reason. None of them makes anybody busy.

    Args:
        name: of the owner, for people.
        now: when this was told.
    """
    document = icalendar.Calendar()
    document.add("prodid", "-//Lofte//callback//SV")
    document.add("version", "2.0")
    document.add("x-wr-calname", f"{name}: öppettider")
    for day in (first + place * _DAY for place in range(days)):
        other = calendar.days.get(day)
        reason = f": {other.reason}" if other else ""
        stretches = calendar.open_on(day)
        for place, (opens, closes) in enumerate(stretches):
            event = _event(document, f"{owner}-{day}-{place}@{municipality}", now)
            event.add("summary", f"Öppet{reason}")
            event.add("categories", ["OPEN"])
            event.add("dtstart", opens.astimezone(UTC))
            event.add("dtend", closes.astimezone(UTC))
        if not stretches and calendar.week[day.weekday()]:
            event = _event(document, f"{owner}-{day}-closed@{municipality}", now)
            event.add("summary", f"Stängt{reason}")
            event.add("categories", ["CLOSED"])
            event.add("dtstart", day)
            event.add("dtend", day + _DAY)
    told: bytes = document.to_ical()
    return told


def _event(document: icalendar.Calendar, uid: str, now: datetime) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", uid)
    event.add("dtstamp", now)
    event.add("transp", "TRANSPARENT")
    document.add_component(event)
    return event
