"""The promise that nobody kept: judged once, never by the clock alone, and the duty that goes on after it."""

from datetime import timedelta

import pytest
from callback.domain import (
    CallbackFellDue,
    Fire,
    FiringFoundNothing,
    Judge,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    Timers,
    decide,
    evolve,
    timers,
)

from .given import BOOKS, BREACH, LIMIT, LIVE, WRITTEN, act, after, at, contact, route, told, when


def test_a_breach_counts_as_of_the_due_time_however_late_it_is_judged() -> None:
    [broken] = when(after(*WRITTEN), Judge(at("13:15")), "16:40", day=6)
    assert broken == PromiseBroken("department.building", at("13:00"), at("16:40", day=6))


def test_the_owner_of_the_due_time_answers_for_a_breach_however_late_it_is_judged() -> None:
    moved_on = route(2, "department.streets", "13:05")
    [in_time, late] = (
        [event for event in told(*order)[1] if isinstance(event, PromiseBroken)]
        for order in ((*WRITTEN, BREACH, moved_on), (*WRITTEN, moved_on, BREACH))
    )
    assert [broken.owner for broken in (*in_time, *late)] == ["department.building"] * 2


def test_a_breach_is_not_judged_before_everything_in_time_has_been_read() -> None:
    promise = after(*WRITTEN)
    assert timers(promise).judge_at == at("13:15")
    assert when(promise, Judge(at("13:14")), "18:00") == [FiringFoundNothing(at("18:00"))]
    assert when(promise, Fire(), "18:00")[0] != FiringFoundNothing(at("18:00"))


def test_business_hours_count_in_breaches() -> None:
    """Four working hours from 15:00 end the next morning: a night in which all is read breaks nothing."""
    evening = contact(live=False, clock="15:00"), route(1, "department.building", "15:01", "15:00")
    promise = after(*evening)
    night = at("02:00", day=3)
    assert not [e for e in when(promise, Judge(night), "02:00", day=3) if isinstance(e, PromiseBroken)]
    kept = when(promise, act("09:59", day=3), "09:59", day=3)
    assert isinstance(kept[-1], PromiseKept)
    [broken] = when(promise, Judge(at("10:15", day=3)), "10:15", day=3)
    assert broken == PromiseBroken("department.building", at("10:00", day=3), at("10:15", day=3))


def test_the_judgement_of_a_conversation_does_not_break_the_promise_made_meanwhile() -> None:
    # The timer of the limit was read, then a department's route came in between.
    promise = after(*LIVE, route(2, "department.building", "09:20"))
    assert when(promise, LIMIT, "10:16") == [FiringFoundNothing(at("10:16"))]


def test_a_late_answer_is_told_after_the_breach_and_never_as_kept() -> None:
    promise, events = told(*WRITTEN, act("13:05"), BREACH)
    assert [type(event) for event in events[-2:]] == [PromiseBroken, PromiseAnsweredLate]
    assert promise.kept is None
    assert timers(promise) == Timers(None, None)
    broken = after(*WRITTEN, BREACH)
    assert when(broken, act("15:00"))[-1] == PromiseAnsweredLate(
        "group.city", at("13:00"), at("15:00"), "reached"
    )


def test_a_later_act_never_uncounts_a_breach() -> None:
    promise = after(*WRITTEN, BREACH, act("12:00"))
    assert promise.broken is not None
    assert promise.kept is None


def test_a_breach_is_counted_once() -> None:
    assert when(after(*WRITTEN, BREACH), BREACH) == [FiringFoundNothing(at("09:02"))]


def test_a_kept_promise_is_not_judged() -> None:
    assert when(after(*WRITTEN, act("12:00")), BREACH) == [FiringFoundNothing(at("09:02"))]


# --- reminders and the ladder ---


def test_stages_fire_one_by_one_each_at_its_time() -> None:
    promise, fired = after(*WRITTEN), []
    while (next_at := timers(promise).next_at) is not None:
        assert decide(Fire(), promise, BOOKS, next_at - timedelta(milliseconds=1)) == [
            FiringFoundNothing(next_at - timedelta(milliseconds=1))
        ]
        [event] = decide(Fire(), promise, BOOKS, next_at)
        assert isinstance(event, CallbackFellDue)
        assert event.skipped == ()
        fired.append((event.stage.name, event.stage.step, event.stage.at))
        promise = evolve(promise, event)
    assert fired == [
        ("reminder", 0, at("12:00")),
        ("due", 0, at("13:00")),
        ("overdue", 1, at("13:00", day=3)),
        ("overdue", 2, at("13:00", day=4)),
    ]


def test_after_an_outage_the_highest_stage_fires_once_and_the_others_are_recorded_as_skipped() -> None:
    promise = after(*WRITTEN)
    [event] = when(promise, Fire(), "14:00", day=3)
    assert isinstance(event, CallbackFellDue)
    assert (event.stage.name, event.stage.step, event.skipped) == ("overdue", 1, ("reminder", "due"))
    promise = evolve(promise, event)
    assert when(promise, Fire(), "14:00", day=3) == [FiringFoundNothing(at("14:00", day=3))]
    assert timers(promise).next_at == at("13:00", day=4)


def test_the_ladder_goes_on_after_the_promise_was_broken() -> None:
    promise = after(*WRITTEN, BREACH)
    [event] = when(promise, Fire(), "13:00", day=3)
    assert isinstance(event, CallbackFellDue)
    assert timers(evolve(promise, event)) == Timers(at("13:00", day=4), None)


@pytest.mark.parametrize("clock", ["12:00", "13:05", "15:00"], ids=["in time", "late, not judged", "after"])
def test_the_ladder_stops_when_the_citizen_has_been_answered(clock: str) -> None:
    judged = (BREACH,) if clock == "15:00" else ()
    promise = after(*WRITTEN, *judged, act(clock))
    assert timers(promise).next_at is None
    assert when(promise, Fire(), "13:00", day=4) == [FiringFoundNothing(at("13:00", day=4))]
