"""What would be promised, and when an owner is open, as callback answers it."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from callback.api.ical import to_ical
from callback.api.policies import Question, quote
from callback.books import policy_book
from callback.domain import Calendar
from chassis.errors import InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st
from municipality import WrittenBook, read_folder

from .given import at
from .test_calendar import calendars

NORRKOPING = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")["0581"]
OSTERSUND = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")["2380"]
BOOK = policy_book(WrittenBook.of(NORRKOPING))


def asked(**question: Any) -> dict[str, Any]:
    return quote(Question(**question), NORRKOPING, BOOK, at("10:00")).model_dump()


def test_a_quote_says_what_would_be_promised_now() -> None:
    assert asked(owner="department.building", topic="city.building-permit") == {
        "owner": "department.building",
        "policy": "building-permit",
        "policy_version": 1,
        "calendar": "office",
        "received_at": at("10:00"),
        "counts_from": at("10:00"),
        "due_at": at("14:00"),
    }


def test_receipt_outside_hours_counts_from_the_next_opening() -> None:
    told = asked(topic="city.parking", received_at=at("18:00", 6).isoformat())
    assert (told["owner"], told["counts_from"], told["due_at"]) == (
        "department.streets",
        at("08:00", 9),
        at("10:00", 9),
    )


def test_a_robot_counts_by_the_clock() -> None:
    told = asked(topic="social.economic-aid-application", received_at=at("18:00", 6).isoformat())
    assert (told["counts_from"], told["due_at"]) == (at("18:00", 6), at("18:00", 7))


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "owner"),
        ({"channel": "web"}, "owner"),
        ({"owner": "department.unicorns"}, "owner"),
        ({"topic": "city.unicorns"}, "topic"),
        ({"owner": "group.city", "received_at": "9999-12-31T20:00:00Z"}, "received_at"),
    ],
)
def test_a_question_that_cannot_be_answered_names_its_field(question: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        asked(**question)
    assert refused.value.extra["errors"][0]["field"] == field


def ical(calendar: Calendar, first: date, days: int) -> icalendar.Calendar:
    told = to_ical(
        calendar,
        owner="department.x",
        name="Ö-kontoret",
        municipality="0581",
        first=first,
        days=days,
        now=at("09:00"),
    )
    return icalendar.Calendar.from_ical(told)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(calendars, st.sampled_from([date(2026, 3, 27), date(2026, 10, 23), date(2026, 12, 30)]))
def test_another_reader_sees_the_same_open_hours(calendar: Calendar, first: date) -> None:
    """A reader of iCalendar that is not ours, around both changes of summer time."""
    days = 6
    around = first - timedelta(days=2), first + timedelta(days=days + 2)
    events = recurring_ical_events.of(ical(calendar, first, days)).between(*around)
    seen = sorted((e.start, e.end) for e in events if e["categories"].cats == ["OPEN"])
    expected = [s for place in range(days) for s in calendar.open_on(first + timedelta(days=place))]
    assert seen == expected


def test_what_is_closed_or_other_is_told_with_its_reason() -> None:
    town_hall = policy_book(WrittenBook.of(OSTERSUND)).calendar("department.building")
    told = {
        event.start.astimezone(ZoneInfo("Europe/Stockholm")).date()
        if isinstance(event.start, datetime)
        else event.start: str(event["summary"])
        for event in ical(town_hall, date(2026, 5, 11), 300).events
    }
    assert told[date(2026, 5, 15)] == "Stängt: Klämdag"
    assert told[date(2026, 12, 24)] == "Stängt: Julafton"
    assert told[date(2026, 7, 1)] == "Öppet: Sommartid"
    assert told[date(2026, 9, 12)] == "Öppet: Öppet hus"
    assert told[date(2026, 5, 12)] == "Öppet"
    assert date(2026, 5, 16) not in told, "a Saturday is not closed, it is Saturday"
    assert len({str(event["uid"]) for event in ical(town_hall, date(2026, 5, 11), 300).events}) > len(told)
