"""The ladder: who is told when, in whose hours, and how it is told when the time has passed."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from callback.domain import (
    CITIZEN,
    Calendar,
    CallbackFellDue,
    Delay,
    Fire,
    NoteContact,
    Policy,
    PolicyBook,
    PromiseMade,
    Stage,
    Step,
    Term,
    decide,
    evolve,
    when_told,
)
from callback.domain.facts import History
from callback.handlers import decider
from chassis.commit import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from .given import (
    BOOKS,
    DAYTIME,
    NIGHT,
    OFFICE,
    SWEDEN,
    WRITTEN,
    after,
    at,
    due,
    pause,
    resume,
    route,
    told,
    when,
)  # fmt: skip

REMINDER = Step(("handler",), share=0.75)
DUE = Step(("handler", "head_of_unit", CITIZEN))
NEXT_DAY = Step(("head_of_department",), working_days=1)
THRICE = Step(("contact_centre_head",), times=3)
EVENINGS = Calendar(SWEDEN, [[(timedelta(hours=18), timedelta(hours=24))]] * 7)
Told = tuple[str, int, datetime, tuple[str, ...]]


def ladder(*steps: Step, calendar: Calendar = OFFICE) -> PolicyBook:
    return PolicyBook(1, [Policy("all", Term(working_hours=4))], {"department.a": calendar}, OFFICE, steps)


def stages(book: PolicyBook, term: Term, from_at: datetime) -> list[Told]:
    policy = Policy("any", term)
    due_at = book.due_at(policy, "department.a", from_at)
    return [(s.name, s.step, s.at, s.receivers) for s in book.stages(policy, "department.a", from_at, due_at)]


WHOLE = ladder(REMINDER, DUE, NEXT_DAY, THRICE)


def test_each_step_has_its_time_and_its_receivers() -> None:
    assert stages(WHOLE, Term(working_hours=6), at("09:00")) == [
        ("reminder", 0, at("13:30"), ("handler",)),
        ("due", 0, at("15:00"), ("handler", "head_of_unit", CITIZEN)),
        ("overdue", 1, at("15:00", day=3), ("head_of_department",)),
        ("overdue", 2, at("09:00", day=4), ("contact_centre_head",)),
    ]


def test_nobody_is_told_later_than_somebody_higher_up() -> None:
    # Three times four hours end before a working day has passed.
    assert stages(WHOLE, Term(working_hours=4), at("09:00"))[2:] == [
        ("overdue", 2, at("12:00", day=3), ("head_of_department", "contact_centre_head"))
    ]


def test_those_who_work_are_told_in_their_hours_and_the_citizen_at_the_very_time() -> None:
    # Due at midnight; the reminder would come in the evening, and counts in the open part of the time.
    assert stages(WHOLE, Term(clock_hours=10), at("14:00")) == [
        ("reminder", 0, at("16:15"), ("handler",)),
        ("delay", 0, at("00:00", day=3), (CITIZEN,)),
        ("due", 0, at("08:00", day=3), ("handler", "head_of_unit")),
        ("overdue", 2, at("08:00", day=4), ("head_of_department", "contact_centre_head")),
    ]


def test_before_a_time_in_the_night_the_citizen_is_told_in_the_evening() -> None:
    book = replace(WHOLE, text_hours=DAYTIME)
    policy, from_at, due_at = Policy("any", Term(clock_hours=10)), at("14:00"), at("00:00", day=3)
    [delay] = [s for s in book.stages(policy, "department.a", from_at, due_at) if s.name == "delay"]
    assert delay == Stage("delay", 0, at("20:30"), CITIZEN, ahead_of=due_at)
    # Asked too late in the evening: told when it is due, as e-mail; a text message waits for the morning.
    assert ("delay", 0, at("23:40"), (CITIZEN,)) in stages(book, Term(clock_hours=3), at("20:40"))


def test_who_was_told_in_the_evening_hears_nothing_in_the_night() -> None:
    promise = after(*NIGHT)
    [ahead] = when(promise, Fire(), "20:30")
    assert isinstance(ahead, CallbackFellDue)
    assert (ahead.stage.name, ahead.stage.ahead_of) == ("delay", at("23:00"))
    assert ahead.delay == Delay("late", at("12:00", day=3))
    [due] = decide(Fire(), evolve(promise, ahead), BOOKS, at("08:00", day=3))
    assert isinstance(due, CallbackFellDue)
    assert due.stage.receivers == ("handler", "head_of_unit")
    assert due.delay is None


def test_who_was_told_ahead_of_a_time_that_was_moved_is_told_of_the_new_one() -> None:
    """The pause began after the evening's message, and before the time that it was about."""
    promise = after(*NIGHT)
    promise = evolve(promise, when(promise, Fire(), "20:30")[0])
    for command, clock, day in ((pause("21:00"), "21:00", 2), (resume("09:00", day=3), "09:00", 3)):
        for event in decide(command, promise, BOOKS, at(clock, day)):
            promise = evolve(promise, event)
    ahead = [stage for stage in promise.stages_ahead if CITIZEN in stage.receivers]
    assert [(stage.at, stage.ahead_of) for stage in ahead] == [(due(promise), None)]


def test_the_head_of_the_contact_centre_is_told_in_the_hours_of_the_centre() -> None:
    book = ladder(DUE, THRICE, calendar=EVENINGS)
    [due, last] = stages(book, Term(working_hours=2), at("12:00"))
    assert due[2] == at("20:00")
    assert last[2:] == (at("08:00", day=3), ("contact_centre_head",))


@pytest.mark.parametrize(
    ("moment", "told_at"),
    [("07:59", "08:00"), ("08:00", "08:00"), ("17:00", "17:00"), ("17:01", "08:00")],
)
def test_closing_time_is_the_last_moment_at_which_somebody_is_there(moment: str, told_at: str) -> None:
    day = 3 if (moment, told_at) == ("17:01", "08:00") else 2
    assert when_told(OFFICE, at(moment)) == at(told_at, day)
    assert when_told(EVENINGS, at("00:00", day=3)) == at("00:00", day=3)


terms = st.one_of(
    st.integers(1, 60).map(lambda n: Term(working_hours=n)),
    st.integers(1, 5).map(lambda n: Term(working_days=n)),
    st.integers(1, 100).map(lambda n: Term(clock_hours=n)),
)
steps = st.one_of(
    st.integers(1, 99).map(lambda n: Step(("handler", CITIZEN), share=n / 100)),
    st.sampled_from([DUE, NEXT_DAY, THRICE, Step(("handler", "contact_centre_head"), working_days=3)]),
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.lists(steps, min_size=1, max_size=6),
    terms,
    st.integers(0, 14 * 1440).map(lambda minute: at("00:00") + timedelta(minutes=minute)),
    st.sampled_from([OFFICE, EVENINGS]),
)
def test_whatever_the_ladder_all_are_told_once_in_order_and_nobody_at_midnight(
    written: list[Step], term: Term, from_at: datetime, calendar: Calendar
) -> None:
    found = stages(ladder(*written, calendar=calendar), term, from_at)
    assert all(earlier[2] < later[2] for earlier, later in pairwise(found))
    assert len({told[:2] for told in found}) == len(found)
    roles = {role for step in written for role in step.to}
    assert {role for told in found for role in told[3]} == roles
    for name, _, moment, to in found:
        hours = {when_told(OFFICE, moment), when_told(calendar, moment)}
        assert name == "delay" or CITIZEN in to or moment in hours


@settings(max_examples=60, deadline=None, derandomize=True)
@given(terms, st.integers(0, 14 * 1440).map(lambda minute: at("00:00") + timedelta(minutes=minute)))
def test_the_citizen_is_told_before_the_breach_and_in_the_night_only_where_the_evening_was_too_early(
    term: Term, from_at: datetime
) -> None:
    book, policy = replace(ladder(DUE), text_hours=DAYTIME), Policy("any", term)
    due_at = book.due_at(policy, "department.a", from_at)
    [told_to] = [s for s in book.stages(policy, "department.a", from_at, due_at) if CITIZEN in s.receivers]
    assert from_at < told_to.at <= due_at
    if when_told(DAYTIME, told_to.at) != told_to.at:
        evening = told_to.at.astimezone(SWEDEN).replace(hour=20, minute=30)
        assert from_at >= (evening if evening <= due_at else evening - timedelta(days=1))


# --- told ---


def fired(clock: str, day: int = 2) -> CallbackFellDue:
    [event] = when(after(*WRITTEN), Fire(), clock, day)
    assert isinstance(event, CallbackFellDue)
    return event


def test_the_citizen_is_told_at_the_due_time_why_and_by_when_now() -> None:
    event = fired("13:00")
    assert event.stage.receivers == ("handler", "head_of_unit", CITIZEN)
    assert event.delay == Delay("late", at("17:00"))  # another four hours, in open hours
    assert fired("12:00").delay is None


def test_who_has_the_case_now_says_the_new_time() -> None:
    promise = after(*WRITTEN, route(2, "group.city", "10:00"))
    [event] = when(promise, Fire(), "13:00")
    assert isinstance(event, CallbackFellDue)
    assert event.delay == Delay("moved", at("15:00"))


def test_a_citizen_whom_an_outage_kept_from_being_told_is_told_with_the_highest_step() -> None:
    event = fired("14:00", day=3)
    assert (event.stage.identity, event.stage.receivers) == (("overdue", 1), ("head_of_department", CITIZEN))
    assert event.delay == Delay("late", at("09:00", day=4))
    [last] = decide(Fire(), evolve(after(*WRITTEN), event), BOOKS, at("13:00", day=4))
    assert isinstance(last, CallbackFellDue)
    assert last.stage.receivers == ("contact_centre_head",)


def test_no_citizen_hears_of_a_delay_that_was_over_before_the_case_was_taken_over() -> None:
    opened = NoteContact(at("09:00"), False, None, History(at("13:00"), None, None))
    promise, _ = told(opened, route(1, "department.building"), now=at("09:00", day=6))
    [event] = decide(Fire(), promise, BOOKS, at("09:00", day=6))
    assert isinstance(event, CallbackFellDue)
    assert (event.stage.receivers, event.delay) == (("contact_centre_head",), None)


# --- what was stored by an earlier release ---


@pytest.mark.parametrize("kind", ["PromiseMade", "CallbackFellDue"])
def test_a_stage_that_was_stored_with_one_receiver_is_read(kind: str) -> None:
    stage = {"name": "overdue", "step": 1, "at": at("13:00", day=3), "to": "head_of_unit"}
    made: dict[str, Any] = {
        "number": 1, "owner": "group.city", "policy": "group", "policy_version": 3, "from_at": at("09:00"),
        "due_at": at("11:00"), "judge_at": at("11:15"), "stages": [stage], "route_number": 1, "after": None,
        "made_at": at("09:02"),
    }  # fmt: skip
    fell_due = {
        "stage": stage, "owner": "group.city", "due_at": at("13:00"), "fired_at": at("13:00"), "skipped": ["due"],
    }  # fmt: skip
    event = decider().codec.restore(StoredEvent("e", kind, 1, made if kind == "PromiseMade" else fell_due))
    found = event.stages[0] if isinstance(event, PromiseMade) else getattr(event, "stage", None)
    assert found == Stage("overdue", 1, at("13:00", day=3), "head_of_unit")
    assert found.receivers == ("head_of_unit",)


def test_a_stage_is_stored_as_an_earlier_release_reads_it() -> None:
    """Two releases work side by side while one takes the other's place."""
    stored = decider().codec.store(fired("13:00"))
    assert stored.schema == 1
    assert stored.data["stage"]["to"] == "handler"
    assert stored.data["stage"]["also"] == ("head_of_unit", CITIZEN)


def test_a_time_of_many_years_has_its_ladder() -> None:
    """Another system may have promised anything: an imported case is not held for it."""
    from_at = at("09:00")
    due_at = from_at + timedelta(days=4 * 365)
    *_, last = ladder(REMINDER, THRICE).stages(
        Policy("long", Term(working_days=2)), "department.a", from_at, due_at
    )
    assert last.at > from_at + timedelta(days=11 * 365)
