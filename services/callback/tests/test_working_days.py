"""The law's days: a time in months or weeks ends with a working day, whatever the month, the holidays or summer time."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from callback.domain.statutory import StartClock
from hypothesis import given, settings
from hypothesis import strategies as st

from .test_statutory import LAW, after, shown


@pytest.mark.parametrize(
    ("begins", "months", "ends"),
    [
        ("2026-01-15", 6, "2026-07-15"),
        ("2026-08-31", 6, "2027-03-01"),  # 28 February, a Sunday
        ("2027-08-31", 6, "2028-02-29"),  # a leap year
        ("2026-08-28", 6, "2027-03-01"),
        ("2025-12-19", 6, "2026-06-22"),  # Midsummer Eve, a Friday
        ("2026-06-24", 6, "2026-12-28"),  # Christmas Eve, two holidays, a Sunday
        ("2026-06-30", 6, "2026-12-30"),
        ("2026-07-31", 5, "2027-01-04"),  # New Year's Eve, New Year's Day, Saturday, Sunday
        ("2025-11-06", 6, "2026-05-06"),
        ("2025-12-06", 6, "2026-06-08"),  # the National Day, a Saturday
        ("2026-08-15", 24, "2028-08-15"),
    ],
)
def test_a_time_in_months_ends_on_the_day_of_the_same_number(begins: str, months: int, ends: str) -> None:
    assert LAW.months_after(date.fromisoformat(begins), months) == date.fromisoformat(ends)


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("2026-08-03", "2026-08-31"),
        ("2026-08-01", "2026-08-31"),  # a Saturday: so is the last day
        ("2026-03-09", "2026-04-07"),  # Easter Monday
        ("2026-11-26", "2026-12-28"),
    ],
)
def test_four_weeks_end_on_the_day_of_the_same_name(begins: str, ends: str) -> None:
    assert LAW.weeks_after(date.fromisoformat(begins), 4) == date.fromisoformat(ends)


@pytest.mark.parametrize(
    ("day", "over"),
    [
        ("2026-03-28", "2026-03-28T23:00Z"),
        ("2026-03-29", "2026-03-29T22:00Z"),  # summer time begins: a day of 23 hours
        ("2026-10-24", "2026-10-24T22:00Z"),
        ("2026-10-25", "2026-10-25T23:00Z"),  # and ends: one of 25
    ],
)
def test_a_day_is_over_at_midnight_where_the_law_holds(day: str, over: str) -> None:
    assert LAW.end_of(date.fromisoformat(day)) == datetime.fromisoformat(over)


def test_the_day_of_a_moment_is_the_one_on_the_wall() -> None:
    late = StartClock(datetime(2026, 1, 15, 23, 30, tzinfo=UTC), "bo")  # half past midnight on the 16th
    assert shown(after(late)).last_day == "2026-07-16"


days = st.dates(date(2020, 1, 1), date(2050, 12, 31))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(days, st.integers(1, 24), st.integers(1, 26))
def test_no_last_day_is_one_of_rest_and_none_is_moved_further_than_needed(
    day: date, months: int, weeks: int
) -> None:
    by_week = LAW.weeks_after(day, weeks)
    by_month = LAW.months_after(day, months)
    plain = day + timedelta(weeks=weeks)
    for last in (by_week, by_month):
        assert LAW.works_on(last)
        assert LAW.day_of(LAW.end_of(last) - timedelta(milliseconds=1)) == last
        assert LAW.day_of(LAW.end_of(last)) == last + timedelta(days=1)
    between = [plain + timedelta(days=n) for n in range((by_week - plain).days)]
    assert not any(LAW.works_on(one) for one in between)
    assert len(between) <= 5, "Christmas at the longest"
    since = (by_month.year - day.year) * 12 + by_month.month - day.month
    assert since in (months, months + 1), "a month further where its end is one of rest"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(days, st.integers(1, 24))
def test_whoever_begins_later_is_not_over_earlier(day: date, months: int) -> None:
    ends = [LAW.months_after(day + timedelta(days=n), months) for n in range(40)]
    assert all(one <= other for one, other in pairwise(ends))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(days, st.integers(0, 20))
def test_so_many_working_days_before_a_day_are_counted_as_such(day: date, number: int) -> None:
    found = LAW.before(day, number)
    between = [found + timedelta(days=n) for n in range((day - found).days)]
    assert sum(LAW.works_on(one) for one in between) == number
    assert number == 0 or LAW.works_on(found)
