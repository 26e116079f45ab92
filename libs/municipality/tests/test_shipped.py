"""The files that ship with Löfte, and the calendar years that the product counts on."""

from datetime import date
from pathlib import Path

import pytest
from municipality import Municipality, WrittenBook, read_folder
from municipality.calendar import holiday_dates

FOLDER = Path(__file__).parents[3] / "deploy" / "municipalities"

# Closed weekdays of a Swedish office, Monday to Friday, frozen so that a change in the library is seen.
SE_WEEKDAYS = {
    2026: "01-01 01-06 04-03 04-06 05-01 05-14 06-19 12-24 12-25 12-31",
    2027: "01-01 01-06 03-26 03-29 05-06 06-25 12-24 12-31",
    2028: "01-06 04-14 04-17 05-01 05-25 06-06 06-23 12-25 12-26",
    2029: "01-01 03-30 04-02 05-01 05-10 06-06 06-22 12-24 12-25 12-26 12-31",
    2030: "01-01 04-19 04-22 05-01 05-30 06-06 06-21 12-24 12-25 12-26 12-31",
}


@pytest.fixture(name="shipped", scope="module")
def read_shipped() -> dict[str, Municipality]:
    return dict(read_folder(FOLDER))


def route(municipality: Municipality, **contact: str | int | None) -> str:
    """Where the rules send a contact: what a clerk would find by reading them from above."""
    stated = {"topic": None, "menu_choice": None, "channel": "phone", "citizen_kind": "person", **contact}
    rules = municipality.routing.rules
    return next((r.to for r in rules if r.when.matches(**stated)), municipality.routing.fallback)  # type: ignore[arg-type]


def promised(municipality: Municipality, owner: str, topic: str | None) -> tuple[str, int]:
    policies = municipality.promises.policies
    promise = next(p.promise for p in policies if p.when.matches(owner=owner, topic=topic))
    return promise.unit, promise.amount


def test_both_municipalities_are_read_without_faults(shipped: dict[str, Municipality]) -> None:
    assert {code: read.name for code, read in shipped.items()} == {"0581": "Norrköping", "2380": "Östersund"}


@pytest.mark.parametrize("code", ["0581", "2380"])
def test_every_menu_choice_leads_to_its_answer_group(shipped: dict[str, Municipality], code: str) -> None:
    read = shipped[code]
    groups = {1: "group.social", 2: "group.school", 3: "group.city", 4: "group.culture", 5: "group.work"}
    assert {choice: route(read, menu_choice=choice) for choice in range(1, 6)} == groups
    for topic in read.topics.values():
        assert topic.group == route(read, topic=topic.id) == groups[topic.menu_choice]
    assert route(read) == "group.general"
    assert route(read, menu_choice=1, citizen_kind="business") == "group.business"
    assert route(read, topic="city.building-permit", channel="email") == "department.building"
    assert route(read, topic="social.economic-aid", channel="letter") == "department.social"
    assert route(read, topic="social.economic-aid-application", channel="web") == "department.social"


def test_norrkoping_promises_short_times_and_the_robot_24_clock_hours(
    shipped: dict[str, Municipality],
) -> None:
    read = shipped["0581"]
    application = "social.economic-aid-application"
    assert promised(read, "department.social", application) == ("clock_hours", 24)
    assert promised(read, "department.social", "social.economic-aid") == ("working_hours", 4)
    assert promised(read, "department.building", "city.building-permit") == ("working_hours", 4)
    assert promised(read, "department.streets", "city.parking") == ("working_hours", 2)
    assert promised(read, "group.business", None) == ("working_hours", 2)
    assert promised(read, "department.culture", "culture.library") == ("working_days", 2)


def test_swedish_holidays_and_eves_are_closed_days(shipped: dict[str, Municipality]) -> None:
    office = shipped["0581"].calendars["office"]
    closed = office.closed_days(holiday_dates([office]))
    weekdays = {day for day in closed if day.weekday() < 5 and 2026 <= day.year <= 2030}
    assert weekdays == {
        date.fromisoformat(f"{year}-{day}") for year, days in SE_WEEKDAYS.items() for day in days.split()
    }
    assert {day.year for day in closed} == set(range(2020, 2061))


def test_ostersund_is_open_on_red_weekdays_and_closed_when_it_says_so(
    shipped: dict[str, Municipality],
) -> None:
    read = shipped["2380"]
    book = WrittenBook.of(read)
    centre = book.calendars[book.calendar_of["group.city"]]
    town_hall = book.calendars[book.calendar_of["person.bygglovschefen"]]
    assert book.holidays == {}
    assert centre.closed_days(book.holidays) == frozenset()
    assert {day for day in town_hall.closed if day.year == 2026} == {date(2026, 12, 24), date(2026, 12, 31)}
    assert [len(hours) for hours in town_hall.week] == [2, 2, 2, 2, 2, 0, 0]
