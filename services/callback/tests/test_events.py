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
    CallbackFellDue,
    ContactNoted,
    ConversationEnded,
    ConversationLimitPassed,
    Event,
    FiringFoundNothing,
    History,
    Promise,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
    ReopeningNoted,
    Route,
    RouteNoted,
    Timers,
    evolve,
    timers,
)
from callback.handlers import decider
from chassis.commit import StoredEvent

from .given import BOOK, BREACH, LIVE, WRITTEN, after, at, terms

REACHED = PromiseMade(
    1, "group.city", "group", 3, at("09:00"), at("11:00"), at("11:15"), (), 1, None, at("09:02")
)
EVERY_EVENT: list[Event] = [
    ContactNoted(at("09:00"), True, "city.parking", at("10:00"), at("10:15")),
    ContactNoted(at("09:00"), False, None, at("10:00"), at("10:15"), History(at("13:00"), at("12:00"), None)),
    ContactNoted(at("09:00"), False, None, at("10:00"), at("10:15"), None, "web", "business", at("15:00")),
    RouteNoted(Route(1, "group.city", None, at("09:00"), at("09:01"))),
    ReopeningNoted(Route(1, "group.city", None, at("10:30"), at("10:31"))),
    ActNoted(Act("reached", at("09:30"), 1, "group.city")),
    ConversationEnded(at("09:30")),
    ConversationLimitPassed(at("10:00")),
    replace(REACHED, stages=BOOK.stages(BOOK.policies[0], "group.city", at("09:00"), at("13:00"))),
    FiringFoundNothing(at("10:00")),
    CallbackFellDue(terms(after(*WRITTEN)).stages[0], "group.city", at("13:00"), at("12:00"), ("reminder",)),
    PromiseKept("group.city", at("13:00"), at("12:00"), "reached"),
    PromiseBroken("group.city", at("13:00"), at("13:16")),
    PromiseAnsweredLate("group.city", at("13:00"), at("15:00"), "reached"),
    PromiseWithdrawn("group.city", at("13:00"), at("15:00"), "tried", "anna"),
]


def test_the_timers_are_told_after_every_event_and_end_with_the_promise() -> None:
    expected = {
        ContactNoted: Timers(None, at("10:15")),
        RouteNoted: Timers(None, None),
        ReopeningNoted: Timers(None, None),
        ActNoted: Timers(None, None),
        ConversationEnded: Timers(None, None),
        ConversationLimitPassed: Timers(None, None),
        PromiseMade: Timers(at("12:00"), at("11:15")),
        FiringFoundNothing: Timers(None, None),
        CallbackFellDue: Timers(None, None),
        PromiseKept: Timers(None, None),
        PromiseBroken: Timers(None, None),
        PromiseAnsweredLate: Timers(None, None),
        PromiseWithdrawn: Timers(None, None),
    }
    written = EVERY_EVENT[1:3]
    told = {type(event): timers(evolve(INITIAL, event)) for event in EVERY_EVENT if event not in written}
    assert told == expected
    assert {timers(evolve(INITIAL, event)) for event in written} == {Timers(None, None)}


@pytest.mark.parametrize("given", [INITIAL, after(*LIVE), after(*WRITTEN), after(*WRITTEN, BREACH)])
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
