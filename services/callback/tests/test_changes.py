"""A time agreed anew, a promise that nobody needs any more, one that is owed again, and how often is tried."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

import pytest
from callback.domain import (
    INITIAL,
    AttemptPlan,
    Command,
    Fire,
    FiringFoundNothing,
    Judge,
    NoteFacts,
    NoteReachable,
    OweAgain,
    Policy,
    PolicyBooks,
    Promise,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseRenewed,
    PromiseReopened,
    PromiseWithdrawn,
    Reachable,
    Renew,
    Reply,
    RuleBroken,
    Term,
    Timers,
    Times,
    Window,
    Withdraw,
    attempts_of,
    counted,
    decide,
    evolve,
    next_attempt_at,
    none_before,
    timers,
)
from callback.domain.attempts import week_of
from hypothesis import given, settings
from hypothesis import strategies as st

from .given import (
    BOOK,
    BREACH,
    LIMIT,
    LIVE,
    OFFICE,
    SWEDEN,
    WRITTEN,
    act,
    after,
    at,
    attempt,
    due,
    pause,
    renew,
    reopening,
    reply,
    resume,
    route,
    terms,
    told,
    when,
    withdrawal,
)


def refused(promise: Promise, command: Command, clock: str = "10:00", day: int = 2) -> str:
    with pytest.raises(RuleBroken) as broken:
        when(promise, command, clock, day)
    return broken.value.code


# --- renewed ---

LATER = at("12:00", day=4)


def test_a_time_agreed_with_the_citizen_holds_and_the_first_one_stays_on_record() -> None:
    [renewed] = when(after(*WRITTEN), renew(LATER), "10:00")
    assert isinstance(renewed, PromiseRenewed)
    assert (renewed.due_before, renewed.due_at, renewed.owner) == (at("13:00"), LATER, "department.building")
    promise = after(*WRITTEN, renew(LATER))
    assert terms(promise).due_at == at("13:00")
    assert timers(promise).judge_at == at("12:15", day=4)
    assert after(*WRITTEN, renew(LATER), act("11:00", day=4)).kept == PromiseKept(
        "group.city", LATER, at("11:00", day=4), "reached"
    )


@pytest.mark.parametrize(
    ("term", "until"),
    [
        (Term(working_hours=4), at("14:00")),
        (Term(working_days=2), at("17:00", day=4)),
        (Term(clock_hours=24), at("10:00", day=3)),
    ],
)
def test_a_term_counts_from_when_it_was_agreed(term: Term, until: datetime) -> None:
    command = Renew(None, term, at("10:00"), "phone", "owner_away", "anna")
    assert due(after(*WRITTEN, command)) == until


def test_everybody_is_told_anew_before_a_time_that_was_agreed_anew() -> None:
    told_once = after(*WRITTEN)
    promise = after(*WRITTEN, pause("12:30"), renew(LATER, "12:45"))
    assert told_once.passed == promise.passed == frozenset()
    assert [stage.name for stage in promise.stages_ahead] == ["reminder", "due", "overdue", "overdue"]
    assert promise.paused is None, "it ends a pause"
    assert promise.pauses[-1].cause == "renewal"
    assert due(after(*WRITTEN, pause("12:30"), renew(LATER, "12:45"), resume("15:00"))) == LATER


def test_a_promise_is_renewed_before_its_time_is_over_and_not_after_it() -> None:
    promise = after(*WRITTEN)
    assert refused(promise, renew(LATER, "13:01"), "13:05") == "past-due"
    assert isinstance(when(promise, renew(LATER, "13:00"), "13:05")[0], PromiseRenewed)  # told late
    assert refused(after(*WRITTEN, BREACH), renew(LATER, "12:00"), "13:20") == "past-due"
    assert refused(after(*WRITTEN, act("12:00")), renew(LATER)) == "promise-ended"
    assert refused(after(*LIVE), renew(LATER)) == "nothing-promised"
    assert refused(promise, renew(at("10:00")), "10:00") == "not-ahead"


def test_a_pause_whose_limit_is_over_holds_no_time_open() -> None:
    paused = after(*WRITTEN, pause("11:00"))
    soon_after = renew(at("12:00", day=12), "11:10", 9)
    assert [type(e).__name__ for e in when(paused, soon_after, "11:10", 9)] == [
        "PromiseResumed",
        "PromiseRenewed",
    ]
    assert refused(paused, renew(at("12:00", day=20), "14:00", 9), "14:00", 9) == "past-due"


def test_an_act_on_its_way_that_the_renewal_reaches_keeps_the_promise() -> None:
    assert after(*WRITTEN, act("13:05"), renew(LATER, "13:00")).kept is not None


def test_a_pause_from_before_a_renewal_moves_nothing_whichever_is_read_first() -> None:
    promise = _then(after(*WRITTEN), renew(LATER), "10:00")
    for told_late in (pause("09:30"), resume("09:40")):
        promise = _then(promise, told_late, "10:05")
    assert due(promise) == LATER
    assert promise.pauses == ()


# --- withdrawn ---


def test_a_promise_that_nobody_needs_is_withdrawn_by_whoever_says_so() -> None:
    assert when(after(*WRITTEN), Withdraw("duplicate", "anna"))[1:] == [
        PromiseWithdrawn("department.building", at("13:00"), at("09:02"), "duplicate", "anna")
    ]
    assert when(after(*WRITTEN), withdrawal("10:00"))[1:] == [
        PromiseWithdrawn("department.building", at("13:00"), at("10:00"), "cancelled", "anna")
    ]
    assert timers(after(*WRITTEN, withdrawal("10:00"))) == Timers(None, None)
    assert refused(after(*WRITTEN, withdrawal("10:00")), Withdraw("duplicate", "anna")) == "promise-ended"


def test_what_was_owed_too_long_is_broken_before_it_is_withdrawn() -> None:
    late = after(*WRITTEN, withdrawal("13:05"))
    assert not late.ended
    promise, events = told(*WRITTEN, withdrawal("13:05"), BREACH)
    assert [type(event) for event in events[-2:]] == [PromiseBroken, PromiseWithdrawn]
    assert promise.broken is not None
    assert after(*WRITTEN, withdrawal("13:05"), act("12:55")).kept, "an answer in time was on its way"


def test_a_timer_that_fires_before_the_cancellation_before_it_is_read_changes_no_end() -> None:
    # Withdrawn at 11:30; a slow topic, and the stages of 12:00 and 13:00 are told before it is read.
    fired = _then(_then(after(*WRITTEN), Fire(), "12:00"), Fire(), "13:00")
    assert fired.passed == {("reminder", 0), ("due", 0)}
    late, prompt = _then(fired, withdrawal("11:30"), "13:05"), after(*WRITTEN, withdrawal("11:30"))
    assert late.withdrawn == prompt.withdrawn
    assert timers(late) == timers(prompt) == Timers(None, None)
    for look in (Fire(), BREACH, Judge(at("17:00"))):
        assert when(late, look, "17:00") == [FiringFoundNothing(at("17:00"))]


def test_a_live_case_withdrawn_in_the_conversation_is_promised_nothing() -> None:
    promise = after(*LIVE, withdrawal("09:10"))
    assert promise.conversation_ended
    assert after(*LIVE, withdrawal("09:10"), LIMIT).terms is None


# --- owed again ---


@pytest.mark.parametrize("asks", [reply("10:00", day=4), reopening("10:00")])
def test_a_citizen_who_asks_again_is_owed_what_was_left(asks: Command) -> None:
    withdrawn = after(*WRITTEN, withdrawal("09:30"))
    [*_, reopened] = when(withdrawn, asks)
    assert isinstance(reopened, PromiseReopened)
    left = OFFICE.open_time_between(at("09:30"), at("13:00"))
    assert OFFICE.open_time_between(reopened.reopened_at, reopened.due_at) == left
    assert reopened.due_before == at("13:00")


def test_what_was_left_when_a_pause_began_is_left() -> None:
    withdrawn = after(*WRITTEN, pause("11:00"), withdrawal("16:00"))
    assert due(_then(withdrawn, reply("09:00", day=5))) == at("11:00", day=5)
    twice = _then(
        _then(_then(withdrawn, reply("09:00", day=5)), withdrawal("10:30", day=5)), reply("09:00", day=6)
    )
    assert due(twice) == at("09:30", day=6)


def _then(promise: Promise, command: Command, clock: str = "09:02") -> Promise:
    for event in when(promise, command, clock):
        promise = evolve(promise, event)
    return promise


def test_later_than_thirty_days_nothing_is_owed_again() -> None:
    withdrawn = after(*WRITTEN, withdrawal("09:30"))
    moment = at("09:30") + timedelta(days=30)
    for when_, owed in ((moment, True), (moment + timedelta(milliseconds=1), False)):
        late = NoteFacts((Reply(when_, when_),))
        assert (len(when(withdrawn, late)) == 2) is owed


def test_who_asked_before_the_withdrawal_and_is_read_after_it_does_not_undo_it() -> None:
    assert after(*WRITTEN, withdrawal("10:00"), reply("09:50", noted="09:55")).withdrawn
    assert not after(*WRITTEN, withdrawal("10:00"), reply("09:50", noted="10:01")).withdrawn


def test_reopening_does_not_erase_when_it_was_first_answered() -> None:
    kept = after(*WRITTEN, act("12:00"))
    for asks in (reply("14:00"), reopening("14:00"), reply("14:00", day=20)):
        again = _then(kept, asks)
        assert again.kept == kept.kept
        assert again.clock == kept.clock
    late = after(*WRITTEN, BREACH, act("15:00"))
    assert _then(late, reply("16:00")).answered_late == late.answered_late


def test_what_was_done_before_it_was_owed_again_does_not_keep_it() -> None:
    # Resolved after it was tried, to be done with it: that answered nobody.
    resolved = (withdrawal("10:00"), act("10:30", "resolved"))
    promise = after(*WRITTEN, *resolved, reply("09:00", day=3))
    assert not promise.ended
    assert not promise.answered
    assert after(*WRITTEN, *resolved, reply("09:00", day=3), act("09:30", day=3)).kept


def test_a_breach_stays_counted_when_it_is_owed_again() -> None:
    promise = after(*WRITTEN, BREACH, withdrawal("14:00"), reply("15:00"))
    assert _then(promise, pause("15:10")).paused is None, "what is broken does not wait"
    assert promise.broken is not None
    assert timers(promise).judge_at is None
    assert timers(promise).next_at is not None, "the ladder goes on"
    assert isinstance(when(promise, act("15:10"))[-1], PromiseAnsweredLate)


# --- tried ---

DAYS: tuple[Command, ...] = (*WRITTEN, renew(at("17:00", day=6)))


def test_tried_often_enough_on_two_half_days_with_a_message_left_ends_as_tried() -> None:
    tries = (attempt("09:30"), attempt("11:30"), attempt("13:30", "voicemail"))
    assert after(*DAYS, *tries[:2]).withdrawn is None
    [_, withdrawn] = when(after(*DAYS, *tries[:2]), tries[2])
    assert withdrawn == PromiseWithdrawn("department.building", at("17:00", day=6), at("13:30"), "tried")


@pytest.mark.parametrize(
    "tries",
    [
        (attempt("09:30"), attempt("11:29"), attempt("13:30", "voicemail")),
        (attempt("13:00"), attempt("15:00"), attempt("17:00", "voicemail")),
        (attempt("09:30"), attempt("11:30"), attempt("13:30", "no_answer")),
        (attempt("09:30"), attempt("11:30"), attempt("13:30", "refused")),
        (attempt("09:30"), attempt("11:30"), reply("12:00"), attempt("13:30", "voicemail")),
    ],
    ids=["too close", "one half day", "no message", "refused", "asked again between"],
)
def test_else_it_is_still_owed(tries: tuple[Command, ...]) -> None:
    assert not after(*DAYS, *tries).ended


def test_a_message_left_after_enough_has_been_tried_is_the_last_thing_needed() -> None:
    tries = (attempt("09:30"), attempt("11:30"), attempt("13:30"), attempt("13:35", "voicemail"))
    assert after(*DAYS, *tries).withdrawn is not None


def test_tried_after_the_due_time_is_neither_kept_nor_saved_from_the_breach() -> None:
    tries = (attempt("09:30"), attempt("11:30"), attempt("13:05"), attempt("13:31", "voicemail"))
    assert not after(*WRITTEN, *tries[:3]).ended
    tried = (attempt("09:05"), attempt("11:05"), attempt("13:06", "voicemail"))
    waits = after(*WRITTEN, *tried)
    assert not waits.ended
    assert timers(waits).judge_at == at("13:15")
    promise, events = told(*WRITTEN, *tried, BREACH)
    assert [type(event) for event in events[-2:]] == [PromiseBroken, PromiseWithdrawn]
    assert promise.withdrawn is not None
    assert promise.withdrawn.reason == "tried"


def test_attempts_of_the_conversation_before_the_promise_do_not_count() -> None:
    made = (*LIVE, attempt("09:05"), route(2, "department.building", "09:20"))
    assert attempts_of(after(*made)) == []


def test_a_reply_owes_again_what_was_left_when_it_had_been_tried() -> None:
    tries = (attempt("09:05"), attempt("11:05"), attempt("13:05", "voicemail"))
    promise = after(*WRITTEN, renew(at("16:00")), *tries, reply("10:00", day=20))
    assert due(promise) == at("12:55", day=20)
    assert attempts_of(promise) == [], "and is tried anew"
    assert when(promise, Judge(at("13:10", day=20)))[0] == PromiseBroken(
        "department.building", at("12:55", day=20), at("09:02")
    )


def test_a_new_promise_is_made_to_whoever_asked_again_by_the_policy_for_them() -> None:
    business = Policy("business", Term(clock_hours=1), channels=frozenset({"web"}), citizen_kind="business")
    books = PolicyBooks(replace(BOOK, policies=[business, *BOOK.policies]))
    again = OweAgain(2, reopening("09:00", "department.building").route, "web", "business")
    for command, policy in ((again, "business"), (replace(again, channel="phone"), "building")):
        events = decide(command, INITIAL, books, at("09:01"))
        [made] = [event for event in events if isinstance(event, PromiseMade)]
        assert made.policy == policy
        promise = INITIAL
        for event in events:
            promise = evolve(promise, event)
        assert decide(command, promise, books, at("09:02")) == []
        assert timers(promise).judge_at == made.judge_at
    untold = replace(again, channel=None, citizen_kind=None)  # by an earlier release
    [first] = decide(untold, INITIAL, books, at("09:01"))
    assert isinstance(first, PromiseMade)
    assert first.policy == "building"


PLAN = AttemptPlan()


@pytest.mark.parametrize(
    ("tries", "following"),
    [
        ((), None),
        ((attempt("09:30"),), at("11:30")),
        ((attempt("16:30"),), at("08:00", day=3)),
        ((attempt("09:30"), attempt("09:40")), at("11:30")),
        ((attempt("08:30"), attempt("10:30")), at("12:30")),
        ((attempt("08:00"), attempt("09:59"), attempt("10:00")), at("12:00")),
        ((attempt("08:30"), attempt("10:30"), attempt("12:30")), at("12:30")),
        ((attempt("08:30"), attempt("10:30"), attempt("12:30", "voicemail")), None),
        ((attempt("12:30"), attempt("14:30")), at("08:00", day=3)),
    ],
)
def test_the_next_attempt_lies_in_open_hours_and_in_another_half_day_where_one_is_lacking(
    tries: tuple[Command, ...], following: datetime | None
) -> None:
    made = attempts_of(after(*DAYS, *tries))
    assert next_attempt_at(made, PLAN, Times(OFFICE), at("17:00", day=6), at("09:02")) == following


def test_the_next_attempt_is_before_the_due_time_while_that_is_ahead() -> None:
    made = attempts_of(after(*WRITTEN, attempt("12:00")))
    assert next_attempt_at(made, PLAN, Times(OFFICE), at("13:00"), at("12:05")) == at("13:00")
    assert len(counted(made, PLAN)) == 1


# --- in the citizen's own times ---

AFTERNOONS = (Window((0, 1, 2, 3, 4), 15 * 60, 24 * 60),)
"""Weekdays after three."""
SUNDAYS = (Window((6,), 0, 24 * 60),)


def said(windows: tuple[Window, ...], clock: str = "09:00", contact_id: str = "k1") -> NoteReachable:
    return NoteReachable(Reachable(at(clock), contact_id, windows))


def times(promise: Promise) -> Times:
    return BOOK.times("department.building", promise.reachable)


@pytest.mark.parametrize(
    ("tries", "following"),
    [
        ((), at("15:00")),
        ((attempt("15:10"),), at("15:00", day=3)),  # two hours later the office is closed
        ((attempt("15:10"), attempt("15:05", day=3)), at("15:00", day=4)),
    ],
)
def test_the_next_attempt_is_when_the_citizen_can_be_reached(
    tries: tuple[Command, ...], following: datetime
) -> None:
    promise = after(*DAYS, said(AFTERNOONS), *tries)
    due_at = at("17:00", day=6)
    assert next_attempt_at(attempts_of(promise), PLAN, times(promise), due_at, at("09:02")) == following
    assert not none_before(times(promise), due_at, at("09:02"))


def test_the_last_moment_at_which_the_citizen_can_be_reached_is_before_the_due_time() -> None:
    window = (Window((0,), 10 * 60, 12 * 60),)
    promise = after(*WRITTEN, said(window), attempt("10:30"))
    found = next_attempt_at(attempts_of(promise), PLAN, times(promise), due(promise), at("10:40"))
    assert found == at("12:00")
    late = next_attempt_at(attempts_of(promise), PLAN, times(promise), due(promise), at("12:30"))
    assert late == at("10:00", day=9), "the time before the due one is over"


@pytest.mark.parametrize(("windows", "first"), [(AFTERNOONS, at("15:00")), (SUNDAYS, None)])
def test_times_that_leave_none_before_the_due_time_are_told_as_such(
    windows: tuple[Window, ...], first: datetime | None
) -> None:
    promise = after(*WRITTEN, said(windows))  # due at 13:00
    assert none_before(times(promise), due(promise), at("09:02"))
    assert next_attempt_at([], PLAN, times(promise), due(promise), at("09:02")) == first
    assert not none_before(times(promise), due(promise), at("13:01")), "then it is over, and told as broken"


def test_what_the_citizen_said_last_holds_in_whatever_order_it_is_read() -> None:
    first, last = said(AFTERNOONS, "09:00", "k1"), said(SUNDAYS, "11:00", "k2")
    for order in ((*WRITTEN, first, last), (last, *WRITTEN, first), (first, last, *WRITTEN)):
        promise = after(*order)
        assert promise.reachable == last.reachable
        assert due(promise) == at("13:00"), "it moves no time"


def test_windows_that_touch_are_one() -> None:
    windows = (Window((0, 1), 600, 720), Window((0,), 720, 900), Window((1,), 660, 700))
    week = week_of(windows, SWEDEN).week
    assert week[0] == [(timedelta(hours=10), timedelta(hours=15))]
    assert week[1] == [(timedelta(hours=10), timedelta(hours=12))]
    assert not any(week[2:])


hours = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda pair: pair[0] < pair[1])
some_windows = st.lists(
    st.builds(
        lambda days, pair: Window(tuple(sorted(days)), *pair), st.sets(st.integers(0, 6), min_size=1), hours
    ),
    min_size=1,
    max_size=4,
).map(tuple)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(some_windows, st.integers(0, 20 * 1440))
def test_both_can_at_every_time_that_is_planned_and_none_is_left_out(
    windows: tuple[Window, ...], minute: int
) -> None:
    """Around the day on which summer time begins, too."""
    start = at("00:00", day=20) + timedelta(minutes=minute)
    both, week = Times(OFFICE, week_of(windows, SWEDEN)), week_of(windows, SWEDEN)
    found = list(takewhile(lambda stretch: stretch[0] < start + timedelta(days=10), both.stretches(start)))
    quarter = timedelta(minutes=15)
    for moment in (start + step * quarter for step in range(4 * 24 * 9)):
        inside = any(opens <= moment < closes for opens, closes in found)
        assert inside == (OFFICE.next_open(moment) == moment and week.next_open(moment) == moment)
