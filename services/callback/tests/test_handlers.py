"""The handlers on a store: nothing twice, whoever fires, and the timers on every commit."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from callback.domain import (
    CallbackFellDue,
    Event,
    OweAgain,
    PolicyBooks,
    Promise,
    PromiseBroken,
    PromiseKept,
    PromiseRenewed,
    PromiseResumed,
    Withdraw,
)
from callback.handlers import Promises, change, decider, fire, judge, note, stream_of
from chassis.commit import Cause
from chassis.errors import KeyReused, NotAllowed, NotFound, NotYetVisible, OutcomeUnknown, RuleViolation
from chassis.handling import Handled
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore

from .given import BOOK, BOOKS, WRITTEN, act, at, pause, renew, route

CODE, CASE = "0581", "c1"
STREAM = stream_of(CODE, CASE, 1)


@pytest.fixture
def promises() -> Promises:
    clock = ManualClock(at("09:01"))
    return Promises(MemoryStore(clock), clock, {CODE: BOOKS}, decider())


@pytest.fixture
async def promised(promises: Promises) -> Promises:
    """A written contact that is promised an answer before 13:00."""
    for number, command in enumerate(WRITTEN):
        await note(promises, CODE, CASE, 1, command, cause(f"m{number}"))
    return promises


def cause(message: str) -> Cause:
    return Cause(f"/0581/casework/case-c1/{message}#note", "callback")


def written(promises: Promises) -> list[Event]:
    assert isinstance(promises.store, MemoryStore)
    return [promises.decider.codec.restore(e) for commit in promises.store.commits for e in commit.events]


def set_clock(promises: Promises, clock: str, day: int = 2) -> None:
    assert isinstance(promises.clock, ManualClock)
    promises.clock.moment = at(clock, day)


async def test_a_message_read_again_writes_nothing_and_answers_the_same(promised: Promises) -> None:
    first = await note(promised, CODE, CASE, 1, act("10:00"), cause("a1"))
    before = written(promised)
    again = await note(promised, CODE, CASE, 1, act("10:00"), cause("a1"))
    assert (again.state, again.version, again.repeated) == (first.state, first.version, True)
    assert written(promised) == before


async def test_a_write_that_nobody_could_confirm_is_safe_to_repeat(promised: Promises) -> None:
    assert isinstance(promised.store, MemoryStore)
    promised.store.unreachable = 1
    with pytest.raises(OutcomeUnknown):
        await note(promised, CODE, CASE, 1, act("10:00"), cause("a1"))
    await note(promised, CODE, CASE, 1, act("10:00"), cause("a1"))
    assert sum(isinstance(event, PromiseKept) for event in written(promised)) == 1


async def test_every_commit_carries_the_timers(promised: Promises) -> None:
    set_clock(promised, "12:00")
    await fire(promised, CODE, STREAM, CASE)
    await note(promised, CODE, CASE, 1, act("12:30"), cause("a1"))
    assert isinstance(promised.store, MemoryStore)
    told = [(c.timers.next_at, c.timers.judge_at) for c in promised.store.commits if c.timers is not None]
    assert told == [
        (None, None),
        (at("12:00"), at("13:15")),
        (at("13:00"), at("13:15")),
        (None, None),
    ]
    assert len(told) == len(promised.store.commits)


async def test_two_replicas_that_fire_at_once_tell_once(promised: Promises) -> None:
    set_clock(promised, "12:00")
    await asyncio.gather(*(fire(promised, CODE, STREAM, CASE) for _ in range(5)))
    assert sum(isinstance(event, CallbackFellDue) for event in written(promised)) == 1


async def test_two_replicas_that_judge_at_once_break_once(promised: Promises) -> None:
    set_clock(promised, "13:20")
    await asyncio.gather(*(judge(promised, CODE, STREAM, CASE, at("13:15")) for _ in range(5)))
    assert sum(isinstance(event, PromiseBroken) for event in written(promised)) == 1


async def test_a_judgement_in_vain_does_not_stand_in_for_the_real_one(promised: Promises) -> None:
    set_clock(promised, "13:16")
    await judge(promised, CODE, STREAM, CASE, at("13:14"))
    assert not any(isinstance(event, PromiseBroken) for event in written(promised))
    set_clock(promised, "13:17")
    await judge(promised, CODE, STREAM, CASE, at("13:15"))
    assert any(isinstance(event, PromiseBroken) for event in written(promised))


async def test_an_act_and_a_firing_at_once_both_hold(promised: Promises) -> None:
    set_clock(promised, "12:00")
    await asyncio.gather(
        fire(promised, CODE, STREAM, CASE), note(promised, CODE, CASE, 1, act("11:59"), cause("a1"))
    )
    state = promised.decider.fold(await promised.store.load(CODE, STREAM))
    assert state.kept is not None


async def test_a_firing_that_finds_nothing_is_written_with_the_right_timers(promised: Promises) -> None:
    await fire(promised, CODE, STREAM, CASE)
    assert isinstance(promised.store, MemoryStore)
    timers = promised.store.commits[-1].timers
    assert timers is not None
    assert (timers.next_at, timers.judge_at) == (at("12:00"), at("13:15"))


async def test_the_same_case_of_two_municipalities_is_two_cases(promises: Promises) -> None:
    both = Promises(promises.store, promises.clock, {CODE: BOOKS, "2380": BOOKS}, promises.decider)
    for municipality in (CODE, "2380"):
        await note(both, municipality, CASE, 1, WRITTEN[0], cause("m0"), new=True)
    assert len(written(both)) == 2


async def test_a_municipality_without_policies_is_a_fault_of_its_own_message(promises: Promises) -> None:
    with pytest.raises(KeyError):
        await note(promises, "9999", CASE, 1, WRITTEN[0], cause("m0"))


async def test_the_whole_ladder_fires_in_its_time(promised: Promises) -> None:
    fired = []
    while (timers := await newest_timers(promised)) is not None:
        assert isinstance(promised.clock, ManualClock)
        promised.clock.moment = timers
        handled = await fire(promised, CODE, STREAM, CASE)
        fired.append(len(handled.state.passed))
    assert fired == [1, 2, 3, 4]
    assert promised.clock.now() - at("13:00") == timedelta(days=2)


async def newest_timers(promises: Promises) -> datetime | None:
    commits = await promises.store.load(CODE, STREAM)
    timers = commits[-1].timers
    return timers.next_at if timers else None


# --- what people change ---


def request(key: str, body: str = "body") -> Cause:
    return Cause(f"request:anna:{key}", "anna", body)


async def test_a_time_agreed_anew_is_noted_once_however_often_it_is_sent(promised: Promises) -> None:
    command = renew(at("12:00", day=4), "09:01")
    first = await change(promised, CODE, CASE, command, request("k1"), may=anybody)
    await change(promised, CODE, CASE, renew(at("12:00", day=5), "09:01"), request("k2"), may=anybody)
    again = await change(promised, CODE, CASE, command, request("k1"), may=anybody)
    assert (again.state, again.repeated) == (first.state, True)
    assert sum(isinstance(event, PromiseRenewed) for event in written(promised)) == 2
    with pytest.raises(KeyReused):
        await change(promised, CODE, CASE, command, request("k1", "another body"), may=anybody)


async def test_a_repeat_goes_to_the_promise_that_it_changed_whatever_has_been_promised_since(
    promised: Promises,
) -> None:
    command = Withdraw("duplicate", "anna")
    await change(promised, CODE, CASE, command, request("k1"), may=anybody)
    await note(promised, CODE, CASE, 2, OweAgain(2, route(1, "group.city").route), cause("m9"))
    again = await change(promised, CODE, CASE, command, request("k1"), may=anybody)
    assert again.repeated
    assert again.state.terms is not None
    assert again.state.terms.number == 1
    latest = await change(promised, CODE, CASE, command, request("k2"), may=anybody)
    assert latest.state.terms is not None
    assert (latest.state.terms.number, latest.state.withdrawn is not None) == (2, True)


async def test_who_may_not_change_it_changes_nothing_and_an_unknown_case_is_not_yet_visible(
    promised: Promises,
) -> None:
    def forbid(_: Promise) -> None:
        raise NotAllowed("another department's")

    before = written(promised)
    with pytest.raises(NotAllowed):
        await change(promised, CODE, CASE, Withdraw("duplicate", "anna"), request("k1"), may=forbid)
    with pytest.raises(NotYetVisible):
        await change(promised, CODE, "c2", Withdraw("duplicate", "anna"), request("k2"), may=anybody)
    with pytest.raises(RuleViolation) as refused:
        await change(promised, CODE, CASE, renew(at("09:00"), "09:00"), request("k3"), may=anybody)
    assert refused.value.extra["code"] == "not-ahead"
    assert written(promised) == before


async def test_an_answer_and_a_renewal_at_once_both_hold(promised: Promises) -> None:
    later = renew(at("12:00", day=4), "09:01")
    outcomes = await asyncio.gather(
        note(promised, CODE, CASE, 1, act("10:00"), cause("a1")),
        change(promised, CODE, CASE, later, request("k1"), may=anybody),
        return_exceptions=True,
    )
    assert all(isinstance(outcome, Handled | RuleViolation) for outcome in outcomes)
    state = promised.decider.fold(await promised.store.load(CODE, STREAM))
    assert state.kept is not None


async def test_the_limit_of_a_pause_is_judged_once_and_fires_nothing_before(promised: Promises) -> None:
    await note(promised, CODE, CASE, 1, pause("11:00"), cause("p1"))
    set_clock(promised, "11:16", day=9)
    await fire(promised, CODE, STREAM, CASE)
    await asyncio.gather(*(judge(promised, CODE, STREAM, CASE, at("11:15", day=9)) for _ in range(5)))
    assert not any(isinstance(event, CallbackFellDue) for event in written(promised))
    assert sum(isinstance(event, PromiseResumed) for event in written(promised)) == 1


async def test_a_pause_goes_by_the_book_of_the_promise_which_is_fetched_when_it_is_not_at_hand(
    promised: Promises,
) -> None:
    changed = Promises(
        promised.store, promised.clock, {CODE: PolicyBooks(replace(BOOK, version=4))}, promised.decider
    )
    with pytest.raises(NotFound, match="policy book 3"):
        await note(changed, CODE, CASE, 1, pause("11:00"), cause("p1"))
    changed.books[CODE] = changed.books[CODE].with_book(BOOK)
    paused = await note(changed, CODE, CASE, 1, pause("11:00"), cause("p1"))
    assert paused.state.paused is not None


def anybody(_: Promise) -> None:
    """May change it."""
