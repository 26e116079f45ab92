"""Open hours: working time runs while the owner is open, on the wall clock of the owner, summer time included."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from callback.domain import Calendar, Day
from hypothesis import given, settings
from hypothesis import strategies as st

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
SWEDEN = ZoneInfo("Europe/Stockholm")
OFFICE_DAY = [(timedelta(hours=8), timedelta(hours=17))]
EASTER = {date(2026, 4, 3): Day((), "Långfredagen"), date(2026, 4, 6): Day((), "Annandag påsk")}
OFFICE = Calendar(SWEDEN, [*[OFFICE_DAY] * 5, [], []], EASTER)
ALWAYS = Calendar(SWEDEN, [[(timedelta(0), timedelta(hours=24))]] * 7)


def at(text: str) -> datetime:
    """Swedish wall time, as a moment."""
    return datetime.fromisoformat(text).replace(tzinfo=SWEDEN).astimezone(UTC)


@pytest.mark.parametrize(
    ("received", "hours", "due"),
    [
        ("2026-03-02T09:00", 4, "2026-03-02T13:00"),
        ("2026-03-02T15:00", 4, "2026-03-03T10:00"),
        ("2026-03-02T13:00", 4, "2026-03-02T17:00"),
        ("2026-03-06T16:00", 4, "2026-03-09T11:00"),
        ("2026-04-02T16:00", 4, "2026-04-07T11:00"),
        ("2026-03-02T08:00", 18, "2026-03-03T17:00"),
    ],
    ids=["same day", "next day", "to the very closing", "over a weekend", "over Easter", "two whole days"],
)
def test_working_hours_run_in_open_hours_alone(received: str, hours: int, due: str) -> None:
    assert OFFICE.add_open_time(at(received), timedelta(hours=hours)) == at(due)


@pytest.mark.parametrize(
    "received", ["2026-03-02T05:00", "2026-03-01T12:00", "2026-02-27T17:00", "2026-02-27T23:59"]
)
def test_receipt_outside_hours_counts_from_the_next_opening(received: str) -> None:
    assert OFFICE.add_open_time(at(received), timedelta(hours=2)) == at("2026-03-02T10:00")
    assert OFFICE.close_of_working_day(at(received), 1) == at("2026-03-03T17:00")


@pytest.mark.parametrize(
    ("received", "days", "due"),
    [
        ("2026-03-02T10:00", 1, "2026-03-03T17:00"),
        ("2026-03-02T10:00", 2, "2026-03-04T17:00"),
        ("2026-03-05T10:00", 2, "2026-03-09T17:00"),
        ("2026-04-02T10:00", 1, "2026-04-07T17:00"),
        ("2026-03-27T10:00", 1, "2026-03-30T17:00"),
    ],
    ids=["one", "two", "over a weekend", "over Easter", "into summer time"],
)
def test_working_days_end_at_closing_time(received: str, days: int, due: str) -> None:
    assert OFFICE.close_of_working_day(at(received), days) == at(due)


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-29", 23), ("2026-10-25", 25), ("2026-03-30", 24)],
    ids=["spring", "autumn", "plain"],
)
def test_a_day_has_the_hours_that_summer_time_leaves_it(day: str, hours: int) -> None:
    start = at(f"{day}T00:00")
    end = at(f"{date.fromisoformat(day) + timedelta(days=1)}T00:00")
    assert ALWAYS.open_time_between(start, end) == timedelta(hours=hours)


def test_hours_are_wall_time_on_both_sides_of_summer_time() -> None:
    assert OFFICE.add_open_time(at("2026-03-27T16:00"), timedelta(hours=2)) == at("2026-03-30T09:00")
    assert OFFICE.add_open_time(at("2026-10-23T16:00"), timedelta(hours=2)) == at("2026-10-26T09:00")


def daily(*hours: tuple[float, float]) -> Calendar:
    """Open every day between wall times, given in hours since midnight."""
    written = [(timedelta(hours=opens), timedelta(hours=closes)) for opens, closes in hours]
    return Calendar(SWEDEN, [written] * 7)


@pytest.mark.parametrize(
    ("opens", "closes", "spring", "autumn"),
    [
        (2, 3, 0, 120),
        (2.5, 4, 60, 150),
        (1, 2.5, 60, 90),
        (2.25, 2.75, 0, 30),
        (1, 4, 120, 240),
        (3, 4, 60, 60),
    ],
    ids=["the hour", "opens in it", "closes in it", "within it", "around it", "after it"],
)
def test_the_hour_that_is_skipped_and_the_one_that_comes_twice(
    opens: float, closes: float, spring: int, autumn: int
) -> None:
    """02:00-03:00 does not exist on 2026-03-29 and comes twice on 2026-10-25."""
    calendar, minutes = daily((opens, closes)), []
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        stretches = calendar.open_on(day)
        minutes.append(sum((end - start for start, end in stretches), timedelta(0)) // timedelta(minutes=1))
    assert minutes == [spring, autumn]


def test_intervals_that_meet_leave_no_gap_when_summer_time_begins_or_ends() -> None:
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        [(_, first), (second, _)] = daily((0, 2.5), (2.5, 24)).open_on(day)
        assert first == second


def test_exceptions_go_before_the_week() -> None:
    """Closed, short, extra: whatever the weekday says."""
    short, extra = ((timedelta(hours=8), timedelta(hours=12)),), ((timedelta(hours=10), timedelta(hours=14)),)
    other = {date(2026, 4, 30): Day(short, "Valborg"), date(2026, 5, 2): Day(extra, "Öppet hus")}
    calendar = Calendar(SWEDEN, OFFICE.week, {**other, date(2026, 5, 1): Day((), "Första maj")})
    # Three hours on Thursday, two on the extra Saturday; Friday is closed.
    assert calendar.add_open_time(at("2026-04-30T09:00"), timedelta(hours=5)) == at("2026-05-02T12:00")
    assert calendar.close_of_working_day(at("2026-04-29T09:00"), 1) == at("2026-04-30T12:00")
    assert calendar.close_of_working_day(at("2026-04-30T13:00"), 1) == at("2026-05-04T17:00")


def test_a_step_of_the_ladder_that_would_fall_in_closed_hours_waits_for_the_opening() -> None:
    short = {date(2026, 3, 3): Day(((timedelta(hours=8), timedelta(hours=12)),), "Utbildning")}
    calendar = Calendar(SWEDEN, OFFICE.week, short)
    assert calendar.same_time_working_days_later(at("2026-03-02T13:30"), 1) == at("2026-03-04T08:00")
    assert calendar.same_time_working_days_later(at("2026-03-02T00:00"), 1) == at("2026-03-03T08:00")


def test_every_owner_reads_the_clock_of_its_own_calendar() -> None:
    london = Calendar(ZoneInfo("Europe/London"), OFFICE.week)
    hour = timedelta(hours=1)
    assert london.add_open_time(at("2026-03-02T09:30"), hour) == at("2026-03-02T10:30")
    assert london.add_open_time(at("2026-03-02T08:30"), hour) == at("2026-03-02T10:00"), "it opens at 9 here"


def test_the_same_wall_time_some_working_days_later() -> None:
    assert OFFICE.same_time_working_days_later(at("2026-03-06T13:30"), 1) == at("2026-03-09T13:30")
    assert OFFICE.same_time_working_days_later(at("2026-03-27T13:30"), 1) == at("2026-03-30T13:30")
    assert OFFICE.same_time_working_days_later(at("2026-04-02T13:30"), 2) == at("2026-04-08T13:30")


def test_a_lunch_closure_stops_the_clock() -> None:
    split = [(timedelta(hours=8), timedelta(hours=12)), (timedelta(hours=13), timedelta(hours=17))]
    reception = Calendar(SWEDEN, [split] * 7)
    assert reception.add_open_time(at("2026-03-02T11:30"), timedelta(hours=1)) == at("2026-03-02T13:30")
    assert reception.close_of_working_day(at("2026-03-02T11:30"), 1) == at("2026-03-03T17:00")


def test_a_calendar_that_never_opens_says_so() -> None:
    with pytest.raises(ValueError, match="no open hours"):
        Calendar(SWEDEN, [[]] * 7).add_open_time(at("2026-03-02T10:00"), timedelta(hours=1))


CHANGES = st.sampled_from([date(2026, 3, 29), date(2026, 10, 25)])
SUNDAY_BEFORE_DAWN = st.tuples(CHANGES, st.integers(0, 5 * 60)).map(
    lambda found: datetime.combine(found[0], time.min, UTC) + timedelta(minutes=found[1] - 60)
)


# Around both changes of summer time, Easter and the turn of the year.
moments = st.integers(0, 375 * 86400).map(
    lambda second: datetime(2025, 12, 20, tzinfo=UTC) + timedelta(seconds=second)
)
moments = st.one_of(moments, SUNDAY_BEFORE_DAWN)
minutes = st.integers(0, 24 * 60).map(lambda count: timedelta(minutes=count))
hours_of_day = st.lists(minutes, max_size=4, unique=True).map(
    lambda found: list(zip(sorted(found)[::2], sorted(found)[1::2], strict=False))
)
other_days = hours_of_day.map(lambda hours: Day(tuple(hours), "other hours"))
calendars = (
    st.tuples(
        st.lists(hours_of_day, min_size=7, max_size=7).filter(any),
        st.dictionaries(st.dates(date(2025, 12, 20), date(2027, 1, 31)) | CHANGES, other_days, max_size=5),
    )
    .map(lambda parts: Calendar(SWEDEN, parts[0], parts[1]))
    .filter(lambda calendar: _opens_some_day(calendar))
)


def _opens_some_day(calendar: Calendar) -> bool:
    return calendar.open_time_between(at("2026-02-01T00:00"), at("2026-03-01T00:00")) > timedelta(hours=1)


@QUICK
@given(calendars, st.lists(moments, min_size=3, max_size=3).map(sorted))
def test_open_time_is_additive_and_monotone(calendar: Calendar, cuts: list[datetime]) -> None:
    first, middle, last = cuts
    left, right = calendar.open_time_between(first, middle), calendar.open_time_between(middle, last)
    assert left + right == calendar.open_time_between(first, last)
    assert timedelta(0) <= left <= middle - first


@QUICK
@given(calendars, moments, st.integers(1, 50).map(lambda count: timedelta(minutes=count * 37)))
def test_open_time_added_is_open_time_passed_and_ends_in_open_hours(
    calendar: Calendar, start: datetime, duration: timedelta
) -> None:
    end = calendar.add_open_time(start, duration)
    assert calendar.open_time_between(start, end) == duration
    assert is_open(calendar, end)
    assert calendar.add_open_time(start, duration + timedelta(minutes=1)) > end
    halfway = calendar.add_open_time(start, duration / 2)
    assert calendar.add_open_time(halfway, duration - duration / 2) == end


@QUICK
@given(calendars, moments, st.integers(1, 10))
def test_working_days_are_days_on_which_the_owner_is_open(
    calendar: Calendar, start: datetime, number: int
) -> None:
    closings = [calendar.close_of_working_day(start, n) for n in range(1, number + 1)]
    assert all(earlier < later for earlier, later in pairwise(closings))
    assert closings[0] > start
    for closing in closings:
        # Closing at midnight belongs to the day that ends with it.
        day = calendar.local_day(closing - timedelta(microseconds=1))
        assert calendar.open_on(day)[-1][1] == closing


@QUICK
@given(calendars, moments)
def test_nothing_is_open_when_the_wall_clock_says_otherwise(calendar: Calendar, moment: datetime) -> None:
    """The wall clock alone decides: told by another way than the calendar's own arithmetic, minute by minute."""
    start = moment.replace(second=0, microsecond=0)
    for minute in range(180):
        now = start + timedelta(minutes=minute)
        wall = now.astimezone(SWEDEN)
        since = timedelta(hours=wall.hour, minutes=wall.minute)
        written = any(opens <= since < closes for opens, closes in calendar.hours_of(wall.date()))
        opened = calendar.open_time_between(now, now + timedelta(minutes=1)) == timedelta(minutes=1)
        # The hour that comes twice is open the second time where an interval reaches beyond it.
        if opened != written:
            assert wall.date() == date(2026, 10, 25)
            assert wall.hour == 2


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """Open, the closing moment included."""
    day = calendar.local_day(moment)
    before = day - timedelta(days=1)
    hours = (*calendar.open_on(before), *calendar.open_on(day))
    return any(opens <= moment <= closes for opens, closes in hours)


def test_midnight_is_read_in_the_owners_zone() -> None:
    assert OFFICE.local_day(datetime(2026, 3, 1, 23, 30, tzinfo=UTC)) == date(2026, 3, 2)
    assert datetime.combine(date(2026, 3, 2), time.min, SWEDEN).astimezone(UTC).hour == 23
