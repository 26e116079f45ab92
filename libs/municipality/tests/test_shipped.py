"""The files that ship with Löfte, and the calendar years that the product counts on."""

import json
from datetime import date
from pathlib import Path

import pytest
from municipality import Municipality, Statutory, WrittenBook, read_folder, read_text
from municipality.calendar import holiday_dates, swedish_holidays

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
    promise = next(
        p.promise
        for p in policies
        if p.when.matches(owner=owner, topic=topic, channel="email", citizen_kind="person")
    )
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
    closed = office.other_days(holiday_dates([office])).keys()
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
    assert book.holidays.keys() == {"Julafton", "Nyårsafton"}
    assert centre.other_days(book.holidays) == {}
    other = town_hall.other_days(book.holidays)
    assert other[date(2026, 12, 24)] == ((), "Julafton")
    assert other[date(2026, 5, 15)] == ((), "Klämdag")
    assert [str(hours) for hours in other[date(2026, 7, 1)][0]] == ["08:00-12:00", "12:45-15:00"]
    assert date(2026, 7, 4) not in other  # a Saturday of the summer stays closed
    assert [str(hours) for hours in other[date(2026, 9, 12)][0]] == ["10:00-14:00"]
    assert [len(hours) for hours in town_hall.week] == [2, 2, 2, 2, 2, 0, 0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("code", ["0581", "2380"])
def test_a_book_is_read_as_it_was_written(shipped: dict[str, Municipality], code: str) -> None:
    book = WrittenBook.of(shipped[code])
    plain = json.loads(json.dumps(book.plain()))
    assert WrittenBook.read(plain) == book
    assert WrittenBook.read(plain).plain() == plain


def example(page: str) -> str:
    """The first YAML block of a how-to."""
    text = (FOLDER.parents[1] / "docs" / "how-to" / page).read_text("utf-8")
    return text.split("```yaml\n")[1].split("```")[0]


def test_the_examples_of_the_papers_are_taken_as_they_stand() -> None:
    shipped = (FOLDER / "0581.yaml").read_text("utf-8")
    before, rest = shipped.split("calendars:\n", 1)
    _, after = rest.split("# Who can own", 1)
    calendar = example("write-a-calendar.md").replace("town-hall:", "office:")
    leisure = '  leisure: {open: {mon: ["09:00-18:00"]}, holidays: SE}\n'
    policies = example("write-a-policy.md").replace("\n", "\n  ")
    promises, _ = after.split("  policies:\n", 1)
    read = read_text(f"{before}{calendar}{leisure}#{promises}  {policies}")
    assert read.calendars["office"].exceptions[2].reason == "Öppet hus"
    assert read.promises.policies[0].when.channel == ("web", "email")


def test_norrkoping_keeps_the_statutory_clock_as_the_law_has_it_and_ostersund_none(
    shipped: dict[str, Municipality],
) -> None:
    assert shipped["0581"].statutory == Statutory()
    assert shipped["2380"].statutory is None


def test_with_a_statutory_clock_every_holiday_is_kept_whatever_calendars_close_on(
    shipped: dict[str, Municipality],
) -> None:
    """An office that is open on red weekdays moves no last day of the law."""
    open_always = shipped["2380"].model_copy(update={"statutory": Statutory()})
    assert set(WrittenBook.of(open_always).holidays) == set(swedish_holidays())
    assert WrittenBook.read(WrittenBook.of(open_always).plain()) == WrittenBook.of(open_always)
    plain = {
        name: told for name, told in WrittenBook.of(shipped["2380"]).plain().items() if name != "statutory"
    }
    assert WrittenBook.read(plain) == WrittenBook.of(shipped["2380"]), "as an earlier release kept it"
