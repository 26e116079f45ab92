"""Every private event: the state takes it, the timers are told after it, the store keeps it."""

from dataclasses import replace
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from callback.domain import (
    INITIAL,
    Act,
    ActNoted,
    Attempt,
    AttemptNoted,
    CallbackFellDue,
    ContactNoted,
    ConversationEnded,
    ConversationLimitPassed,
    Event,
    FiringFoundNothing,
    History,
    Pause,
    PauseNoted,
    Promise,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
    Reachable,
    ReachableNoted,
    ReopeningNoted,
    Reply,
    ReplyNoted,
    Resume,
    ResumeNoted,
    Route,
    RouteNoted,
    Timers,
    Window,
    Withdrawal,
    WithdrawalNoted,
    evolve,
    timers,
)
from callback.handlers import decider
from chassis.commit import StoredEvent

from .given import BOOK, BREACH, LIVE, WRITTEN, after, at, terms

REACHED = PromiseMade(
    1, "group.city", "group", 3, at("09:00"), at("11:00"), at("11:15"), (), 1, None, at("09:02")
)
STAGES = BOOK.stages(BOOK.policies[0], "group.city", at("09:00"), at("13:00"))
DUE, NEW = at("13:00"), at("15:00")
PAUSED = PromisePaused("group.city", DUE, at("12:30"), "awaiting_citizen", at("12:30", 9), at("12:45", 9), 2)
RESUMED = PromiseResumed("group.city", DUE, NEW, at("15:15"), STAGES, at("14:30"), "contact")
RENEWED = PromiseRenewed(
    "group.city", DUE, NEW, at("15:15"), STAGES, at("12:00"), at("11:50"), "phone", "citizen_asked", "anna"
)
REOPENED = PromiseReopened("group.city", DUE, NEW, at("15:15"), STAGES, at("14:30"))
EVERY_EVENT: list[Event] = [
    ContactNoted(at("09:00"), True, "city.parking", at("10:00"), at("10:15")),
    ContactNoted(at("09:00"), False, None, at("10:00"), at("10:15"), History(at("13:00"), at("12:00"), None)),
    ContactNoted(at("09:00"), False, None, at("10:00"), at("10:15"), None, "web", "business", at("15:00")),
    ReachableNoted(Reachable(at("09:00"), "k1", (Window((0, 1), 900, 1440),))),
    RouteNoted(Route(1, "group.city", None, at("09:00"), at("09:01"))),
    ReopeningNoted(Route(1, "group.city", None, at("10:30"), at("10:31"))),
    ActNoted(Act("reached", at("09:30"), 1, "group.city")),
    AttemptNoted(Attempt("busy", at("09:30"), 1, "group.city")),
    PauseNoted(Pause("awaiting_citizen", at("09:30"), None, 1)),
    PauseNoted(Pause("time_chosen_by_citizen", at("09:30"), at("09:30", day=4), 1)),
    ResumeNoted(Resume("contact", at("10:30"))),
    ReplyNoted(Reply(at("10:30"), at("10:31"))),
    WithdrawalNoted(Withdrawal("cancelled", at("10:30"), "group.city", "anna")),
    WithdrawalNoted(Withdrawal("cancelled", at("10:30"), "group.city", None)),
    ConversationEnded(at("09:30")),
    ConversationLimitPassed(at("10:00")),
    replace(REACHED, stages=BOOK.stages(BOOK.policies[0], "group.city", at("09:00"), at("13:00"))),
    FiringFoundNothing(at("10:00")),
    CallbackFellDue(terms(after(*WRITTEN)).stages[0], "group.city", at("13:00"), at("12:00"), ("reminder",)),
    PAUSED,
    RESUMED,
    RENEWED,
    REOPENED,
    PromiseKept("group.city", at("13:00"), at("12:00"), "reached"),
    PromiseBroken("group.city", at("13:00"), at("13:16")),
    PromiseAnsweredLate("group.city", at("13:00"), at("15:00"), "reached"),
    PromiseWithdrawn("group.city", at("13:00"), at("15:00"), "tried", "anna"),
]


def test_the_timers_are_told_after_every_event_and_end_with_the_promise() -> None:
    expected = {
        ContactNoted: Timers(None, at("10:15")),
        ReachableNoted: Timers(None, None),
        RouteNoted: Timers(None, None),
        ReopeningNoted: Timers(None, None),
        ActNoted: Timers(None, None),
        AttemptNoted: Timers(None, None),
        PauseNoted: Timers(None, None),
        ResumeNoted: Timers(None, None),
        ReplyNoted: Timers(None, None),
        WithdrawalNoted: Timers(None, None),
        ConversationEnded: Timers(None, None),
        ConversationLimitPassed: Timers(None, None),
        PromiseMade: Timers(at("12:00"), at("11:15")),
        FiringFoundNothing: Timers(None, None),
        CallbackFellDue: Timers(None, None),
        # Not without a promise; what they tell of one that is made is below.
        PromisePaused: Timers(None, None),
        PromiseResumed: Timers(at("12:00"), at("15:15")),
        PromiseRenewed: Timers(at("12:00"), at("15:15")),
        PromiseReopened: Timers(at("12:00"), at("15:15")),
        PromiseKept: Timers(None, None),
        PromiseBroken: Timers(None, None),
        PromiseAnsweredLate: Timers(None, None),
        PromiseWithdrawn: Timers(None, None),
    }
    written = EVERY_EVENT[1:3]
    told = {type(event): timers(evolve(INITIAL, event)) for event in EVERY_EVENT if event not in written}
    assert told == expected
    assert {timers(evolve(INITIAL, event)) for event in written} == {Timers(None, None)}


def test_the_timers_of_a_pause_are_its_limit_alone_and_those_of_a_moved_time_are_its_own() -> None:
    promised = after(*WRITTEN)
    assert timers(evolve(promised, PAUSED)) == Timers(None, at("12:45", day=9))
    for moved in (RESUMED, RENEWED):
        assert timers(evolve(evolve(promised, PAUSED), moved)) == Timers(at("12:00"), at("15:15"))
    withdrawn = evolve(promised, EVERY_EVENT[-1])
    assert timers(evolve(withdrawn, REOPENED)) == Timers(at("12:00"), at("15:15"))


@pytest.mark.parametrize(
    "given",
    [
        INITIAL,
        after(*LIVE),
        after(*WRITTEN),
        after(*WRITTEN, BREACH),
        evolve(after(*WRITTEN), PAUSED),
        evolve(after(*WRITTEN), EVERY_EVENT[-1]),
    ],
)
@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_evolve_accepts_every_event_in_every_state(given: Promise, event: Event) -> None:
    assert isinstance(timers(evolve(given, event)), Timers)


def test_there_is_a_sample_of_every_event_that_is_stored() -> None:
    assert {type(event) for event in EVERY_EVENT} == set(decider().codec.types)


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_every_event_reads_back_from_the_database_as_it_was_written(event: Event) -> None:
    codec = decider().codec
    stored = codec.store(event)
    data: dict[str, Any] = bson.decode(bson.encode(stored.data), CodecOptions(tz_aware=True))
    assert codec.restore(StoredEvent(stored.id, stored.type, stored.schema, data)) == event
