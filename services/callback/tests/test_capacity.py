"""What an owner gets done, learnt from what it did; and which promises are likely to break."""

from datetime import datetime, timedelta

import pytest
from callback.domain import Ahead, Answered, Calendar, Capacity, CapacityPlan, Waiting
from callback.domain.capacity import (
    FARTHEST,
    LEAST_WEEKS,
    end_of_slot,
    expected_at,
    learn,
    too_late,
    weeks_before,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .given import OFFICE, at
from .test_calendar import calendars

PLAN = CapacityPlan("half_day", 4)
NOW = at("10:00", 25)  # a Wednesday; the weeks before it begin on 23 February and end on 22 March
QUICK = settings(max_examples=25, deadline=None, derandomize=True)
MOMENTS = st.integers(0, 400_000).map(lambda minutes: at("00:00") + timedelta(minutes=minutes))
RATES = st.floats(0.02, 200)


def did(clock: str, day: int, number: int, late: int = 0, weeks: int = 0) -> Answered:
    return Answered(at(clock, day) + weeks * timedelta(weeks=1), number, late)


def every_week(*did_so: Answered) -> list[Answered]:
    """The same in each of the weeks of 2, 9 and 16 March."""
    return [
        Answered(one.hour_at + n * timedelta(weeks=1), one.number, one.late)
        for one in did_so
        for n in range(3)
    ]


def learnt(answered: list[Answered], plan: CapacityPlan = PLAN, now: datetime = NOW) -> Capacity | None:
    return learn(answered, OFFICE, plan, now)


def rate(per_open_hour: float) -> Capacity:
    return Capacity(per_open_hour, per_open_hour * 4.5, 8)


def test_the_weeks_are_whole_and_over() -> None:
    assert weeks_before(OFFICE, NOW, PLAN) == (at("00:00", 2) - timedelta(weeks=1), at("00:00", 23))
    sunday_night, monday = at("23:59", 22), at("00:00", 23)
    assert weeks_before(OFFICE, sunday_night, PLAN)[1] == at("00:00", 16)
    assert weeks_before(OFFICE, monday, PLAN)[1] == monday


def test_a_quiet_week_shows_what_its_fullest_half_day_had() -> None:
    """Eight answers in 45 open hours: that was all that was asked for. Six of them in one afternoon of five hours."""
    found = learnt(every_week(did("13:00", 2, 4), did("15:00", 2, 2), did("08:00", 4, 2)))
    assert found is not None
    assert (found.per_open_hour, found.per_slot) == pytest.approx((6 / 5, 6 / 5 * 4.5))
    assert found.weeks == 3


def test_a_week_in_which_many_were_late_shows_it_as_a_whole() -> None:
    found = learnt(every_week(did("13:00", 2, 6), did("08:00", 4, 3, late=3)))
    assert found is not None
    assert found.per_open_hour == pytest.approx(9 / 45)


def test_one_that_was_forgotten_does_not_show_that_an_owner_is_slow() -> None:
    found = learnt(every_week(did("13:00", 2, 10), did("08:00", 4, 1, late=1)))
    assert found is not None
    assert found.per_open_hour == pytest.approx(10 / 5)


def test_one_week_of_another_kind_changes_little() -> None:
    usual = every_week(did("13:00", 2, 5))
    assert learnt([*usual[:2], did("13:00", 16, 500)]) == learnt(usual)


@pytest.mark.parametrize("number", range(LEAST_WEEKS))
def test_too_few_weeks_tell_nothing(number: int) -> None:
    assert learnt([did("13:00", 2, 5, weeks=week) for week in range(number)]) is None


def test_this_week_and_those_before_the_plan_tell_nothing() -> None:
    early = [did("13:00", 2, 5, weeks=-week) for week in range(2, 6)]
    assert learnt([*early, did("08:00", 23, 5), did("08:00", 24, 5)]) is None


def test_what_is_done_in_closed_hours_makes_no_slot_of_its_own() -> None:
    """A robot that answers on a Saturday: it counts for the week."""
    found = learnt(every_week(did("09:00", 7, 90)))
    assert found is not None
    assert found.per_open_hour == pytest.approx(90 / 45)


@pytest.mark.parametrize(("slot", "per_hour"), [("hour", 4.0), ("half_day", 6 / 5), ("day", 8 / 9)])
def test_a_slot_is_what_the_municipality_says(slot: str, per_hour: float) -> None:
    found = learnt(
        every_week(did("09:00", 2, 2), did("13:00", 2, 4), did("15:00", 2, 2)), CapacityPlan(slot, 4)
    )
    assert found is not None
    assert found.per_open_hour == pytest.approx(per_hour)


def test_a_quarter_of_an_hour_makes_nobody_fast() -> None:
    """Open until a quarter past noon: the afternoon is short, and what is done in it counts as of an hour."""
    short = Calendar(OFFICE.zone, [*[[(timedelta(hours=8), timedelta(hours=12, minutes=15))]] * 5, [], []])
    found = learn(every_week(did("12:00", 2, 3)), short, PLAN, NOW)
    assert found is not None
    assert found.per_open_hour == pytest.approx(3.0)


def test_answers_come_one_after_the_other_in_open_hours() -> None:
    assert expected_at(rate(2), 0, OFFICE, at("10:00")) == at("10:30")
    assert expected_at(rate(2), 13, OFFICE, at("10:00")) == at("17:00")
    assert expected_at(rate(2), 14, OFFICE, at("10:00")) == at("08:30", 3)
    assert expected_at(rate(2), 0, OFFICE, at("20:00", 6)) == at("08:30", 9)
    assert expected_at(rate(0.01), 10**9, OFFICE, at("10:00")) is None
    assert expected_at(rate(0.01), 40, OFFICE, at("10:00")) is None


def test_a_slot_closes_at_noon_and_at_the_end_of_the_day() -> None:
    assert end_of_slot(at("10:10"), OFFICE, PLAN) == at("12:00")
    assert end_of_slot(at("12:00"), OFFICE, PLAN) == at("17:00")
    assert end_of_slot(at("17:00"), OFFICE, PLAN) == at("17:00")


@QUICK
@given(calendars, RATES, st.integers(0, 500), st.integers(0, 50), MOMENTS)
def test_more_before_it_is_never_answered_earlier_and_never_in_closed_hours(
    calendar: Calendar, per_hour: float, ahead: int, more: int, now: datetime
) -> None:
    one = expected_at(rate(per_hour), ahead, calendar, now)
    other = expected_at(rate(per_hour), ahead + more, calendar, now)
    assert other is None or (one is not None and one <= other)
    for found in (one, other):
        if found is not None:
            assert now < found
            before = calendar.local_day(found - timedelta(microseconds=1))
            assert any(opens < found <= closes for opens, closes in calendar.open_on(before))
            assert found <= now + FARTHEST + timedelta(days=1)


@QUICK
@given(calendars, RATES, RATES, st.integers(0, 500), MOMENTS)
def test_who_is_faster_is_never_later(
    calendar: Calendar, one: float, other: float, ahead: int, now: datetime
) -> None:
    slow = expected_at(rate(min(one, other)), ahead, calendar, now)
    fast = expected_at(rate(max(one, other)), ahead, calendar, now)
    assert slow is None or (fast is not None and fast <= slow)


@QUICK
@given(calendars, st.sampled_from(["hour", "half_day", "day"]), MOMENTS)
def test_a_time_that_is_agreed_on_lies_in_open_hours_and_not_before(
    calendar: Calendar, slot: str, now: datetime
) -> None:
    expected = expected_at(rate(3), 2, calendar, now)
    assert expected is not None
    end = end_of_slot(expected, calendar, CapacityPlan(slot, 4))
    before = calendar.local_day(end - timedelta(microseconds=1))
    assert end >= expected
    assert any(opens < end <= closes for opens, closes in calendar.open_on(before))


@QUICK
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.integers(0, 23)), max_size=30), st.data())
def test_more_answers_in_the_same_hours_never_make_an_owner_slower(
    told: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    answered = [did("00:00", 2 + day % 20, 1 + number) for day, number, _ in told]
    more = [Answered(one.hour_at, one.number + data.draw(st.integers(0, 9)), 0) for one in answered]
    one, other = learnt(answered), learnt(more)
    assert (one is None) == (other is None)
    assert one is None or (other is not None and other.per_open_hour >= one.per_open_hour)


def waiting(case_id: str, clock: str, owner: str = "department.building") -> Waiting:
    return Waiting(case_id, 1, owner, at(clock))


def test_those_whose_turn_comes_too_late_are_told_with_their_place() -> None:
    """One each half hour from ten on, and one that was overdue goes before them."""
    queue = [waiting("a", "11:00"), waiting("b", "11:10"), waiting("c", "11:20"), waiting("d", "15:00")]
    before = {"department.building": Ahead(1, 1)}
    calendars_of = {"department.building": OFFICE}
    found = too_late(queue, before, {"department.building": rate(2)}, calendars_of, at("10:00"))
    assert [(one.promise.case_id, one.ahead, one.expected_at) for one in found] == [
        ("b", Ahead(2, 1), at("11:30")),
        ("c", Ahead(3, 1), at("12:00")),
    ]


def test_each_owner_has_a_queue_of_its_own_and_of_the_unknown_nothing_is_said() -> None:
    queue = [
        waiting("a", "10:40"),
        waiting("b", "10:40", "group.city"),
        waiting("c", "10:50", "group.school"),
    ]
    known = {"department.building": rate(2), "group.city": rate(2)}
    found = too_late(queue, {}, known, dict.fromkeys(known, OFFICE), at("10:00"))
    assert found == []
    late = too_late(queue, {"group.city": Ahead(1)}, known, dict.fromkeys(known, OFFICE), at("10:00"))
    assert [one.promise.case_id for one in late] == ["b"]
