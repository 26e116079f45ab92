"""Waiting for the citizen: the clock stands, visibly and with a limit, and runs again with what was left."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from callback.domain import (
    INITIAL,
    CallbackFellDue,
    Command,
    Day,
    Event,
    Fire,
    FiringFoundNothing,
    Judge,
    NoteFacts,
    Pause,
    Policy,
    PolicyBooks,
    Promise,
    PromiseBroken,
    PromiseKept,
    PromisePaused,
    PromiseResumed,
    Resume,
    Term,
    Timers,
    decide,
    evolve,
    firing_cause,
    timers,
)
from callback.domain.moving import LEAST_LEFT
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st

from .given import (
    BOOK,
    BOOKS,
    BREACH,
    LIMIT,
    LIVE,
    OFFICE,
    WRITTEN,
    act,
    after,
    at,
    due,
    pause,
    renew,
    resume,
    route,
    terms,
    told,
    when,
)

QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def moved(events: Sequence[Event]) -> PromiseResumed:
    [resumed] = [event for event in events if isinstance(event, PromiseResumed)]
    return resumed


# --- the clock stands ---


def test_the_clock_stands_while_the_citizen_is_awaited_and_nobody_is_told_anything() -> None:
    promise = after(*WRITTEN, pause("11:00"))
    [paused] = when(after(*WRITTEN), pause("11:00"))[1:]
    assert isinstance(paused, PromisePaused)
    assert (paused.paused_at, paused.limit_at, paused.due_at) == (
        at("11:00"),
        at("11:00", day=9),
        at("13:00"),
    )
    assert timers(promise) == Timers(None, at("11:15", day=9))
    assert when(promise, Fire(), "16:00") == [FiringFoundNothing(at("16:00"))]


def test_the_time_that_was_left_is_left_when_it_runs_again() -> None:
    promise = after(*WRITTEN, pause("11:00"), resume("10:00", day=4))
    assert due(promise) == at("12:00", day=4)
    assert timers(promise) == Timers(at("11:00", day=4), at("12:15", day=4))
    assert [(stage.name, stage.at) for stage in promise.stages_ahead] == [
        ("reminder", at("11:00", day=4)),  # a quarter of the whole time is left
        ("due", at("12:00", day=4)),
        ("overdue", at("12:00", day=5)),
        ("overdue", at("12:00", day=6)),
    ]


def test_what_is_left_runs_over_closing_time_in_open_hours() -> None:
    assert due(after(*WRITTEN, pause("10:00"), resume("15:30", day=6))) == at("09:30", day=9)
    assert due(after(*WRITTEN, pause("10:00"), resume("22:00", day=6))) == at("11:00", day=9)


def test_under_a_policy_of_clock_time_what_is_left_is_clock_time_and_the_least_is_open_time() -> None:
    books = PolicyBooks(replace(BOOK, policies=[Policy("robot", Term(clock_hours=24)), *BOOK.policies]))

    def resumed(at_: str, day: int) -> Promise:
        promise = INITIAL
        for command in (*WRITTEN, pause("20:00"), resume(at_, day)):
            for event in decide(command, promise, books, at("09:02")):
                promise = evolve(promise, event)
        return promise

    assert due(resumed("20:00", 5)) == at("09:00", day=6)  # 13 hours
    late = INITIAL
    for command in (*WRITTEN, pause("08:50", day=3), resume("20:00", 5)):
        for event in decide(command, late, books, at("09:02")):
            late = evolve(late, event)
    assert due(late) == at("08:30", day=6)
    assert [stage.at for stage in late.stages_ahead][:2] == [at("08:00", day=6), at("08:30", day=6)], (
        "nobody is reminded at night"
    )


@pytest.mark.parametrize(
    ("paused", "resumed", "left"),
    [("12:59", "14:00", "14:30"), ("13:00", "14:00", "14:30"), ("12:20", "14:00", "14:40")],
)
def test_nobody_is_broken_at_once_when_the_clock_runs_again(paused: str, resumed: str, left: str) -> None:
    promise = after(*WRITTEN, pause(paused), resume(resumed))
    assert due(promise) == at(left)
    assert when(promise, BREACH, resumed) == [FiringFoundNothing(at(resumed))]


def test_a_pause_of_no_time_moves_nothing_that_has_half_an_hour_left() -> None:
    promise = after(*WRITTEN, pause("11:00"), resume("11:00"))
    assert due(promise) == at("13:00")
    assert timers(promise) == timers(after(*WRITTEN))


@pytest.mark.parametrize(("clock", "day"), [("09:00", 4), ("16:59", 5), ("13:00", 2), ("12:59", 9)])
def test_who_is_reached_while_waiting_keeps_the_promise(clock: str, day: int) -> None:
    events = when(after(*WRITTEN, pause("12:30")), act(clock, day=day))
    if at(clock, day) <= at("12:30", day=9):
        assert events[1:] == [PromiseKept("group.city", at("13:00"), at(clock, day), "reached")]
    else:  # the limit was over, and half an hour was left from then on
        assert [type(event) for event in events[1:]] == [PromiseResumed, PromiseKept]


# --- acceptance: what others get wrong ---


def test_a_breach_is_not_counted_while_the_clock_was_paused() -> None:
    promise = after(*WRITTEN, pause("12:30"))
    for clock in ("13:15", "16:00"):
        assert when(promise, Judge(at(clock)), clock) == [FiringFoundNothing(at(clock))]
    resumed = after(*WRITTEN, pause("12:30"), resume("10:00", day=3))
    assert when(resumed, Judge(at("10:44", day=3)), "10:44", 3) == [FiringFoundNothing(at("10:44", day=3))]
    [broken] = when(resumed, Judge(at("10:45", day=3)), "10:45", 3)
    assert isinstance(broken, PromiseBroken)
    assert broken.broken_at == at("10:30", day=3)


def test_a_pause_not_yet_counted_when_the_breach_is_judged_still_counts() -> None:
    # Told at 13:10 that it began at 12:55: everything stored before 13:15 is read before the judgement.
    fired = after(*WRITTEN)
    for clock in ("12:00", "13:00"):
        for event in when(fired, Fire(), clock):
            fired = evolve(fired, event)
    assert timers(fired) == Timers(at("13:00", day=3), at("13:15"))
    [_, paused] = when(fired, pause("12:55"), "13:10")
    promise = evolve(fired, paused)
    assert when(promise, BREACH, "13:16") == [FiringFoundNothing(at("13:16"))]
    assert ("due", 0) not in promise.passed, "it has not been reached after all"
    assert ("reminder", 0) in promise.passed


def test_a_pause_that_begins_when_the_time_is_over_moves_nothing() -> None:
    for promise in (after(*WRITTEN), after(*WRITTEN, BREACH), after(*WRITTEN, act("12:00"))):
        assert len(when(promise, pause("13:01"))) == 1
        assert timers(after(*WRITTEN, pause("13:01"))) == timers(after(*WRITTEN))


def test_pauses_are_not_lost_when_the_policy_changes() -> None:
    """What was promised under version 3 goes on under version 3, whatever version 4 says of hours and limits."""
    closed = replace(OFFICE, days={at("09:00", day=day).date(): Day((), "closed") for day in (4, 5)})
    changed = replace(
        BOOK, version=4, default_calendar=closed, policies=[Policy("rest", Term(clock_hours=1))]
    )
    changed = replace(changed, pause_limit_working_days=1)
    books = PolicyBooks(changed, {3: BOOK})
    promise = after(*WRITTEN, pause("11:00"))
    for event in decide(resume("10:00", day=4), promise, books, at("10:00", day=4)):
        promise = evolve(promise, event)
    assert due(promise) == at("12:00", day=4)
    again = promise
    for event in decide(pause("10:30", day=4), promise, books, at("10:30", day=4)):
        again = evolve(again, event)
    assert timers(again).judge_at == at("10:45", day=11)
    assert terms(promise).policy_version == 3


def test_the_next_owner_inherits_neither_a_spent_clock_nor_a_fresh_one() -> None:
    moved_on = (route(2, "department.streets", "11:30"), route(3, "group.city", "11:40"))
    for order in ((pause("11:00"), *moved_on), (*moved_on, pause("11:00"))):
        promise = after(*WRITTEN, *order, resume("10:00", day=4))
        assert due(promise) == at("12:00", day=4)
        assert terms(promise) == terms(after(*WRITTEN))
    # The owner of then is reminded; whose time it is stays with who promised.
    [resumed] = when(after(*WRITTEN, pause("11:00"), *moved_on), resume("10:00", day=4))[1:]
    assert isinstance(resumed, PromiseResumed)
    assert resumed.owner == "group.city"


def test_the_due_time_is_not_computed_anew_at_every_change() -> None:
    before = after(*WRITTEN, pause("11:00"), resume("10:00", day=4))
    for change in (
        route(2, "department.streets", "10:30"),
        act("10:30", "reached", under=0),
        resume("11:00", day=4),
        pause("12:01", day=4),
    ):
        promise = before
        for event in when(before, change, "10:30", 4):
            promise = evolve(promise, event)
        assert promise.clock == before.clock
        assert timers(promise) == timers(before)


def test_a_timer_that_fires_before_the_pause_before_it_is_read_tells_again_at_the_new_time() -> None:
    fired = after(*WRITTEN)
    for event in when(fired, Fire(), "13:00"):
        fired = evolve(fired, event)
    assert fired.passed == {("reminder", 0), ("due", 0)}
    promise = fired
    for command in (pause("11:00"), resume("11:30")):
        for event in when(promise, command, "13:05"):
            promise = evolve(promise, event)
    assert promise.passed == frozenset()
    assert timers(promise) == Timers(at("12:30"), at("13:45"))
    [again] = when(promise, Fire(), "13:30")
    assert isinstance(again, CallbackFellDue)
    assert (again.stage.name, again.due_at) == ("due", at("13:30"))


def test_the_same_stage_of_a_time_that_was_moved_back_to_where_it_was_is_another_firing() -> None:
    # Else the firing would be taken for a repeat, and nothing would carry the next timers.
    before = after(*WRITTEN)
    promise = after(*WRITTEN, pause("11:00"), resume("11:00"))
    assert due(promise) == due(before)
    assert firing_cause(promise, at("13:00")) != firing_cause(before, at("13:00"))


# --- the limit ---


def test_the_limit_of_a_pause_is_judged_and_never_passed_by_the_clock_alone() -> None:
    promise = after(*WRITTEN, pause("11:00"))
    assert when(promise, Fire(), "12:00", day=9) == [FiringFoundNothing(at("12:00", day=9))]
    early = Judge(at("11:14", day=9))
    assert when(promise, early, "18:00", day=9) == [FiringFoundNothing(at("18:00", day=9))]
    resumed = moved(when(promise, Judge(at("11:15", day=9)), "18:00", day=9))
    assert (resumed.cause, resumed.resumed_at) == ("limit", at("11:00", day=9))
    assert resumed.due_at == at("13:00", day=9)


def test_a_time_that_the_citizen_chose_is_the_limit_where_it_is_earlier() -> None:
    chosen = after(*WRITTEN, pause("11:00", until=at("09:00", day=4)))
    assert timers(chosen).judge_at == at("09:15", day=4)
    far = after(*WRITTEN, pause("11:00", until=at("09:00", day=31)))
    assert timers(far).judge_at == at("11:15", day=9)


def test_a_resumption_on_its_way_is_not_overtaken_by_the_limit() -> None:
    told_late = resume("11:00", day=9)  # at the very limit, read after it
    promise = after(*WRITTEN, pause("11:00"))
    assert moved(when(promise, told_late, "11:14", day=9)).cause == "request"
    assert moved(when(promise, resume("11:01", day=9), "11:14", day=9)).cause == "limit"


@pytest.mark.parametrize("resumed", [("09:00", 4), ("11:00", 9), ("11:01", 9), ("09:00", 20)])
def test_whether_the_limit_or_the_resumption_is_read_first_the_due_time_is_the_same(
    resumed: tuple[str, int],
) -> None:
    limit = Judge(at("11:15", day=9))
    facts = (*WRITTEN, pause("11:00"), resume(*resumed))
    read_late = after(*facts, limit)
    if at(*resumed) > at("11:00", day=9):
        assert after(*WRITTEN, pause("11:00"), limit, resume(*resumed)).clock == read_late.clock
    made_late = after(pause("11:00"), resume(*resumed), limit, *WRITTEN)
    assert made_late.clock == read_late.clock


# --- more than one, and around the promise itself ---


def test_each_pause_begins_no_earlier_than_the_one_before_it_was_over() -> None:
    told_back = (*WRITTEN, pause("10:00"), resume("11:00"), pause("10:50"), resume("12:00"))
    promise = after(*told_back)
    assert [(waited.paused_at, waited.ended_at) for waited in promise.pauses] == [
        (at("10:00"), at("11:00")),
        (at("11:00"), at("12:00")),
    ]
    assert due(promise) == at("15:00")


def test_what_was_waited_for_before_anything_was_promised_does_not_count() -> None:
    waited = (*LIVE, pause("09:05"), resume("09:10"))
    assert due(after(*waited, route(2, "department.building", "09:20"))) == at("13:00")
    assert due(after(*waited, LIMIT)) == at("11:00")


def test_a_promise_that_is_made_while_the_citizen_is_awaited_is_born_paused() -> None:
    promise = after(*LIVE, pause("09:05"), LIMIT)
    assert promise.paused is not None
    assert promise.paused.paused_at == at("10:00"), "from when its own time runs on"
    assert due(after(*LIVE, pause("09:05"), LIMIT, resume("09:00", day=3))) == at("10:00", day=3)


def test_the_first_time_stays_on_record() -> None:
    promise = after(*WRITTEN, pause("11:00"), resume("10:00", day=4), renew(at("12:00", day=6), "11:00", 4))
    assert terms(promise).due_at == at("13:00")


# --- time is additive, and never runs backwards ---

minutes = st.integers(0, 9 * 60)


@QUICK
@given_any(st.lists(st.tuples(minutes, st.integers(0, 12 * 24 * 60)), min_size=1, max_size=5))
def test_open_time_is_additive_over_pauses_and_due_times_never_move_back(
    waits: list[tuple[int, int]],
) -> None:
    promise, times = after(*WRITTEN), [at("13:00")]
    worked, given, clock = timedelta(0), timedelta(0), at("09:02")
    for ran, stood in waits:
        paused_at = OFFICE.add_open_time(clock, timedelta(minutes=ran))
        if paused_at > due(promise):
            break
        worked += OFFICE.open_time_between(clock, paused_at)
        given += max(LEAST_LEFT - OFFICE.open_time_between(paused_at, due(promise)), timedelta(0))
        clock = paused_at + timedelta(minutes=stood)
        for command in (_pause_at(paused_at), _resume_at(clock)):
            for event in decide(command, promise, BOOKS, clock):
                promise = evolve(promise, event)
        clock = min(clock, promise.pauses[-1].ended_at or clock)
        times.append(due(promise))
    assert times == sorted(times)
    left = OFFICE.open_time_between(clock, due(promise))
    promised = OFFICE.open_time_between(at("09:02"), at("13:00"))
    assert worked + left == promised + given
    assert OFFICE.open_time_between(due(promise) - timedelta(milliseconds=1), due(promise)), "in open hours"


def _pause_at(moment: datetime) -> Command:
    return NoteFacts((Pause("awaiting_citizen", moment, None, 1),))


def _resume_at(moment: datetime) -> Command:
    return NoteFacts((Resume("request", moment),))


def test_what_is_told_of_pauses_before_the_promise_is_the_same_after_it() -> None:
    facts = (pause("10:00"), resume("11:00"), pause("12:00"), resume("09:00", day=3))
    early, late = told(*facts, *WRITTEN)[0], told(*WRITTEN, *facts)[0]
    assert (early.clock, early.pauses) == (late.clock, late.pauses)
