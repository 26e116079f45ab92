"""Policies: the first that matches promises, in the owner's open hours or in clock time; and whom to tell when."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from callback.books import policy_book
from callback.domain import Asked, Calendar, Policy, PolicyBook, Step, Term, when_told
from hypothesis import given, settings
from hypothesis import strategies as st
from municipality import WrittenBook, read_folder

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
SWEDEN = ZoneInfo("Europe/Stockholm")
OFFICE = Calendar(SWEDEN, [*[[(timedelta(hours=8), timedelta(hours=17))]] * 5, [], []])
EVENINGS = Calendar(SWEDEN, [[(timedelta(hours=18), timedelta(hours=22))]] * 7)
LADDER = [
    Step(("handler",), share=0.75),
    Step(("handler", "head_of_unit", "citizen")),
    Step(("head_of_department",), working_days=1),
    Step(("contact_centre_head",), times=3),
]
HOURS = Policy("hours", Term(working_hours=4), "department.building", "city.building-permit")
CLOCK = Policy("clock", Term(clock_hours=24), "department.social")
DAYS = Policy("days", Term(working_days=2))
BOOK = PolicyBook(3, [HOURS, CLOCK, DAYS], {"department.culture": EVENINGS}, OFFICE, LADDER)
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=SWEDEN).astimezone(UTC)


@pytest.mark.parametrize(
    ("owner", "topic", "policy"),
    [
        ("department.building", "city.building-permit", HOURS),
        ("department.building", "city.building-permit.extension", HOURS),
        ("department.building", "city.building-permits", DAYS),
        ("department.building", None, DAYS),
        ("department.social", None, CLOCK),
        ("department.social", "social.economic-aid", CLOCK),
        ("group.city", "city.building-permit", DAYS),
    ],
)
def test_the_first_policy_that_matches_owner_and_topic_promises(
    owner: str, topic: str | None, policy: Policy
) -> None:
    assert BOOK.policy(owner, Asked(topic)) == policy


@pytest.mark.parametrize(
    ("asked", "policy"),
    [
        (Asked("city.parking", "web", "business"), "business-online"),
        (Asked("city.parking", "chat", "business"), "business-online"),
        (Asked("city.parking", "phone", "business"), "business"),
        (Asked("city.parking", None, "business"), "business"),
        (Asked("city.parking", "web", "person"), "rest"),
        (Asked("city.parking"), "rest"),
    ],
)
def test_a_policy_may_be_for_a_kind_of_citizen_and_for_channels(asked: Asked, policy: str) -> None:
    """What is not known matches no policy that asks for it."""
    quick = Policy(
        "business-online", Term(working_hours=1), channels=frozenset({"web", "chat"}), citizen_kind="business"
    )
    business = Policy("business", Term(working_hours=2), citizen_kind="business")
    book = PolicyBook(3, [quick, business, Policy("rest", Term(working_days=2))], {}, OFFICE, LADDER)
    assert book.policy("group.city", asked).name == policy


def test_reminders_at_midnight() -> None:
    """A robot promises 24 hours by the clock; whoever must look after it is reminded in open hours."""
    morning = datetime(2026, 3, 2, 6, 0, tzinfo=SWEDEN).astimezone(UTC)  # three quarters: at midnight
    due_at = morning + timedelta(hours=24)
    reminder, delay, *staff = BOOK.stages(CLOCK, "department.social", morning, due_at)
    assert reminder.at == datetime(2026, 3, 2, 14, 45, tzinfo=SWEDEN), "three quarters of the nine open hours"
    assert (delay.name, delay.to, delay.at) == ("delay", ("citizen",), due_at), "the citizen at the very time"
    assert [stage.name for stage in staff] == ["due", "overdue", "overdue"]
    assert [stage.at for stage in staff] == [datetime(2026, 3, day, 8, 0, tzinfo=SWEDEN) for day in (3, 4, 5)]


def test_working_time_counts_in_the_hours_of_the_owner_who_promises() -> None:
    four_hours = Policy("four", Term(working_hours=4))
    assert BOOK.due_at(four_hours, "department.building", MONDAY) == MONDAY + timedelta(hours=4)
    assert BOOK.due_at(four_hours, "department.culture", MONDAY) == MONDAY.replace(hour=21)  # 22 local


def test_clock_time_runs_day_and_night() -> None:
    friday_night = datetime(2026, 3, 27, 22, 0, tzinfo=SWEDEN).astimezone(UTC)
    due_at = BOOK.due_at(CLOCK, "department.social", friday_night)
    assert due_at == friday_night + timedelta(hours=24)


def test_working_days_end_at_closing_time() -> None:
    assert BOOK.due_at(DAYS, "group.city", MONDAY) == datetime(2026, 3, 4, 17, 0, tzinfo=SWEDEN)


def test_the_owner_is_reminded_at_three_quarters_of_the_working_time() -> None:
    late = datetime(2026, 3, 2, 15, 0, tzinfo=SWEDEN).astimezone(UTC)
    due_at = BOOK.due_at(HOURS, "department.building", late)
    reminder = BOOK.stages(HOURS, "department.building", late, due_at)[0]
    # Three of the four hours: two on Monday, one on Tuesday.
    assert reminder.at == datetime(2026, 3, 3, 9, 0, tzinfo=SWEDEN)
    assert (reminder.name, reminder.to) == ("reminder", ("handler",))


moments = st.integers(0, 353 * 86400).map(
    lambda second: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
)
owners = st.sampled_from(["department.building", "department.culture"])


@QUICK
@given(
    moments,
    owners,
    st.one_of(
        st.integers(1, 60).map(lambda n: Term(working_hours=n)),
        st.integers(1, 9).map(lambda n: Term(working_days=n)),
    ),
)
def test_a_working_time_promise_never_falls_due_in_closed_hours(
    received_at: datetime, owner: str, term: Term
) -> None:
    policy = Policy("any", term)
    due_at = BOOK.due_at(policy, owner, received_at)
    calendar = EVENINGS if owner == "department.culture" else OFFICE
    assert due_at > received_at
    assert any(opens <= due_at <= closes for opens, closes in calendar.open_on(calendar.local_day(due_at)))


@QUICK
@given(moments, owners, st.sampled_from([HOURS, CLOCK, DAYS]))
def test_stages_follow_one_another_and_end_after_the_due_time(
    received_at: datetime, owner: str, policy: Policy
) -> None:
    due_at = BOOK.due_at(policy, owner, received_at)
    stages = BOOK.stages(policy, owner, received_at, due_at)
    assert all(earlier.at < later.at for earlier, later in pairwise(stages))
    assert received_at < stages[0].at
    assert [stage.to[-1] for stage in stages if stage.at == due_at] == ["citizen"]
    assert all(stage.at.microsecond % 1000 == 0 for stage in stages)  # what the database keeps


@QUICK
@given(st.lists(moments, min_size=2, max_size=2).map(sorted), st.sampled_from([HOURS, CLOCK, DAYS]))
def test_who_asks_later_is_never_promised_an_earlier_time(received: list[datetime], policy: Policy) -> None:
    first, second = (BOOK.due_at(policy, "department.building", moment) for moment in received)
    assert first <= second


@QUICK
@given(moments, owners, st.sampled_from([HOURS, CLOCK, DAYS]))
def test_nobody_who_works_is_told_of_anything_in_closed_hours(
    received_at: datetime, owner: str, policy: Policy
) -> None:
    due_at = BOOK.due_at(policy, owner, received_at)
    for stage in BOOK.stages(policy, owner, received_at, due_at):
        calendars = [BOOK.calendar_of_role(owner, role) for role in stage.to if role != "citizen"]
        there = [when_told(calendar, stage.at) == stage.at for calendar in calendars]
        assert any(there) or (stage.to, stage.at) == (("citizen",), due_at)


def test_the_shipped_policies_are_read_as_written() -> None:
    folder = Path(__file__).parents[3] / "deploy" / "municipalities"
    book = policy_book(WrittenBook.of(read_folder(folder)["0581"]))
    policy = book.policy("department.building", Asked("city.building-permit"))
    assert (policy.name, policy.term) == ("building-permit", Term(working_hours=4))
    assert book.policy("person.stadsarkitekten", Asked(None)).term == Term(working_days=3)
    assert book.live_limit == timedelta(minutes=60)
    assert book.back_dating_limit == timedelta(minutes=15)
    # A person follows the calendar of the department.
    assert book.due_at(policy, "person.stadsarkitekten", MONDAY) == MONDAY + timedelta(hours=4)
    good_friday = datetime(2026, 4, 2, 16, 0, tzinfo=SWEDEN).astimezone(UTC)
    assert book.due_at(policy, "department.building", good_friday) == datetime(
        2026, 4, 7, 11, 0, tzinfo=SWEDEN
    )
