"""What moves a promise's time, judged by casework's own log: each pause, resumption and end, and the time that was left."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import callback.domain as promises
import casework.domain as cases
from callback.domain import Calendar, PolicyBook
from chassis.commit import Commit
from lofte_events import counts_at

LEAST = timedelta(minutes=30)

Log = Sequence[tuple[Commit, Any]]
"""All that casework has stored of a case, whoever has read it."""


def check_move(promise: promises.Promise, event: Any, log: Log, number: int, book: PolicyBook) -> None:
    """That `event` follows from the log, for a promise as it was before. Raises Broken."""
    terms, clock = promise.terms, promise.clock
    if terms is None or clock is None:
        return
    calendar = book.calendar(terms.owner)
    match event:
        case promises.PromisePaused(paused_at=at, limit_at=limit_at):
            must(at <= clock.due_at, f"paused at {at}, when {clock.due_at} was over")
            days = calendar.same_time_working_days_later(at, book.pause_limit_working_days)
            asked = [
                max(min(e.until or days, days), at)
                for began, e in _counting(log, number, book, cases.CaseAwaitingCitizen)
                if began <= at and e.reason == event.reason
            ]
            must(limit_at in asked, f"paused until {limit_at}, where {asked} may be")
        case promises.PromiseResumed(resumed_at=at, cause=cause):
            assert promise.paused is not None
            paused = promise.paused
            said = [
                max(ended, paused.paused_at)
                for ended, e in _counting(log, number, book, cases.CaseResumed)
                if e.cause == cause
            ]
            must(at == paused.limit_at if cause == "limit" else at in said, f"resumed at {at} by {cause}")
            must(at <= paused.limit_at, "waited longer than the limit")
            _check_left(clock.due_at, paused.paused_at, at, event.due_at, terms, calendar, book)
            must(event.due_at >= clock.due_at, "moved to an earlier time")
        case promises.PromiseRenewed(due_at=due_at, renewed_at=at):
            must(due_at > at, "renewed to a time that had passed")
        case promises.PromiseReopened(reopened_at=at):
            least = calendar.add_open_time(at, LEAST)
            must(event.due_at >= least, f"owed again before {event.due_at}, which leaves too little")
        case promises.PromiseWithdrawn(reason="tried", withdrawn_at=at):
            _check_tried(_counting(log, number, book, cases.CitizenContacted), at, book)
        case promises.PromiseWithdrawn(reason=reason, withdrawn_at=at):
            said = [
                ended for ended, e in _counting(log, number, book, cases.CaseWithdrawn) if e.reason == reason
            ]
            must(at in said, "withdrawn, and nobody said so")
        case promises.PromiseBroken():
            must(promise.paused is None, "broken while the clock stood")
            heard = [fact for fact in promise.facts if isinstance(fact, promises.Pause)]
            began = _counting(log, number, book, cases.CaseAwaitingCitizen)
            in_time = [at for at, e in began if at <= clock.due_at]
            must(
                len([fact for fact in heard if fact.at <= clock.due_at]) == len(in_time),
                f"judged broken, and a pause that began in time was not read: {in_time}",
            )


def is_in_time(at: datetime, promise: promises.Promise) -> bool:
    """Whether the time that was promised was not over: while the clock stands it is not."""
    clock = promise.clock
    stood = [(pause.paused_at, pause.ended_at or pause.limit_at) for pause in promise.pauses]
    return clock is not None and (at <= clock.due_at or any(start <= at <= end for start, end in stood))


def _check_left(
    due_before: datetime,
    stood_from: datetime,
    runs_from: datetime,
    due_at: datetime,
    terms: promises.PromiseMade,
    calendar: Calendar,
    book: PolicyBook,
) -> None:
    """The time that was left is left, and thirty open minutes at the least."""
    policy = next((one for one in book.policies if one.name == terms.policy), book.policies[-1])
    least = calendar.add_open_time(runs_from, LEAST)
    if policy.term.clock_hours is not None:
        expected = max(runs_from + (due_before - stood_from), least, due_before)
        must(due_at == expected, f"due at {due_at}, where {expected} leaves what was left")
        return
    left = calendar.open_time_between(stood_from, due_before)
    has = calendar.open_time_between(runs_from, due_at)
    must(has >= max(left, LEAST), f"{has} left of {left}")
    must(has == max(left, LEAST) or due_at == due_before, f"{has} left, where it was {left}")


def _check_tried(calls: Iterable[tuple[datetime, Any]], at: datetime, book: PolicyBook) -> None:
    attempts = [(when, e) for when, e in calls if e.outcome not in ("reached", "answered_in_writing")]
    left_message = [when for when, e in attempts if e.outcome == "voicemail"]
    must(at in left_message, "ended as tried, and no message was left then")
    apart: list[datetime] = []
    for when in sorted(when for when, _ in attempts if when <= at):
        if not apart or when - apart[-1] >= book.attempts.apart:
            apart.append(when)
    must(len(apart) >= book.attempts.number, f"ended as tried after {len(apart)} attempts")


def _counting(log: Log, number: int, book: PolicyBook, kind: type[Any]) -> list[tuple[datetime, Any]]:
    """The events of a kind under a promise, each with when it counts."""
    return [
        (counts_at(_told_at(event), commit.stored_at, book.back_dating_limit), event)
        for commit, event in log
        if isinstance(event, kind) and event.standing.promise_number == number
    ]


def _told_at(event: Any) -> datetime:
    at: datetime = event.resumed_at if isinstance(event, cases.CaseResumed) else event.occurred_at
    return at


def must(holds: bool, what: str) -> None:
    """Raises Broken with `what` unless it holds."""
    if not holds:
        raise AssertionError(what)
