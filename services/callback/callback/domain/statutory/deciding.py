"""What follows from a command to a statutory clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from callback.domain.books import PolicyBooks
from callback.domain.calendar import Calendar
from callback.domain.commands import Fire, RuleBroken
from callback.domain.events import FiringFoundNothing, Stage
from callback.domain.ladder import when_told
from callback.domain.statutory.clock import StatutoryClock
from callback.domain.statutory.events import (
    REFUSED,
    DecisionRequested,
    DecisionRequestRefused,
    DelayNoticeGiven,
    EndClock,
    NoteDelay,
    RequestDecision,
    StartClock,
    StatutoryClockEnded,
    StatutoryClockStarted,
    StatutoryCommand,
    StatutoryEvent,
    StatutoryStageReached,
)
from callback.domain.statutory_rules import StatutoryRules


def decide(
    command: StatutoryCommand, clock: StatutoryClock, books: PolicyBooks, owner: str | None, now: datetime
) -> list[StatutoryEvent]:
    """What a command leads to. `owner`: who has the case now, in whose open hours people are told.

    Raises:
        RuleBroken: not as things stand.
        BookNotAtHand: the clock was started under a book that must be fetched first.
    """
    if isinstance(command, StartClock):
        return [_start(command, clock, books, owner, now)]
    started = clock.started
    if started is None:
        raise RuleBroken(
            "statutory-not-started",
            "no statutory clock has been started for this case; start it with the time at which the party initiated the matter",
        )
    match command:
        case NoteDelay(reason, how, noticed_at, expected_at, by):
            _must_run(clock, started, noticed_at)
            given = DelayNoticeGiven(reason, how, noticed_at, expected_at, by)
            return [] if given in clock.notices else [given]
        case RequestDecision():
            return [_request(command, clock, started, books, owner, now)]
        case EndClock(how, at, by):
            _must_run(clock, started, at)
            if how == REFUSED:
                _may_be_refused(clock, at)
                return [DecisionRequestRefused(at, now, by)]
            if clock.ended:
                raise _over()
            return [StatutoryClockEnded(how, at, now, by)]
        case Fire():
            return [_tell(clock, started, owner, now)]


def firing_cause(clock: StatutoryClock, now: datetime) -> str:
    """What names a firing: each stage fires once, and anew where the time was corrected."""
    reached = _reached(clock, now)
    if not reached:
        return f"looked:{now.isoformat()}"
    corrected = f":{clock.corrections}" if clock.corrections else ""
    return f"due:{reached[-1].name}:{reached[-1].step}{corrected}"


def _start(
    command: StartClock, clock: StatutoryClock, books: PolicyBooks, owner: str | None, now: datetime
) -> StatutoryClockStarted:
    book = books.current
    rules = book.statutory
    if clock.started is not None:
        _may_be_corrected(command, clock, clock.started)
    if rules is None:
        raise RuleBroken(
            "no-statutory-clock",
            "this municipality keeps no statutory clock; a part `statutory` in its file switches it on",
        )
    last_day = rules.days.months_after(rules.days.day_of(command.initiated_at), rules.months)
    due_at = rules.days.end_of(last_day)
    calendar = book.calendar(owner) if owner else book.default_calendar
    return StatutoryClockStarted(
        book.version,
        command.initiated_at,
        last_day.isoformat(),
        due_at,
        _not_before(now, _possible(rules, due_at, calendar)),
        now,
        command.by,
    )


def _may_be_corrected(command: StartClock, clock: StatutoryClock, started: StatutoryClockStarted) -> None:
    """A time told wrongly is told anew while nothing hangs on it."""
    if clock.request or clock.ended:
        raise RuleBroken(
            "statutory-started",
            "the statutory clock was started before, and its time cannot be corrected after a request or its end",
        )
    if command.initiated_at == started.initiated_at:
        raise RuleBroken(
            "statutory-started",
            "the statutory clock was started before as of that time; to correct it, give the right one",
        )
    if any(notice.noticed_at < command.initiated_at for notice in clock.notices):
        raise RuleBroken(
            "noticed-before",
            "the party was told of a delay before that; correct the time, or leave it as it is",
        )


def _request(
    command: RequestDecision,
    clock: StatutoryClock,
    started: StatutoryClockStarted,
    books: PolicyBooks,
    owner: str | None,
    now: datetime,
) -> DecisionRequested:
    if clock.request is not None:
        raise RuleBroken("requested-before", "a decision has been asked for before; it can be tried once")
    _must_run(clock, started, command.received_at)
    if command.received_at < started.due_at:
        raise RuleBroken(
            "months-not-over",
            f"the matter is not old enough; a request can be tried when {started.last_day} is over",
        )
    book = books.of(started.version)
    rules = book.statutory
    assert rules is not None  # noqa: S101 - it was started under them
    last_day = rules.days.weeks_after(rules.days.day_of(command.received_at), rules.weeks)
    due_at = rules.days.end_of(last_day)
    calendar = book.calendar(owner) if owner else book.default_calendar
    return DecisionRequested(
        command.received_at,
        last_day.isoformat(),
        due_at,
        _not_before(now, _of_request(rules, last_day, calendar)),
        now,
        command.by,
    )


def _must_run(clock: StatutoryClock, started: StatutoryClockStarted, at: datetime) -> None:
    """What was before the end may be told after it."""
    if at < started.initiated_at:
        raise RuleBroken("before-initiated", "the party had not initiated the matter then; correct the time")
    if clock.ended is not None and at > clock.ended.ended_at:
        raise _over()


def _may_be_refused(clock: StatutoryClock, at: datetime) -> None:
    if clock.request is None:
        raise RuleBroken("nothing-requested", "the party has not asked for a decision; there is no request")
    if clock.refused is not None:
        raise RuleBroken("refused-before", "the request has been refused before")
    if at < clock.request.received_at:
        raise RuleBroken("before-request", "the request had not been received then; correct the time")


def _over() -> RuleBroken:
    return RuleBroken("statutory-ended", "the matter was decided or withdrawn before that")


def _tell(
    clock: StatutoryClock, started: StatutoryClockStarted, owner: str | None, now: datetime
) -> StatutoryEvent:
    """The highest stage reached is told, once; passed ones are written down as skipped."""
    reached = _reached(clock, now)
    if not reached:
        return FiringFoundNothing(now)
    due_at = (clock.request or started).due_at
    skipped = tuple(stage.name for stage in reached[:-1])
    return StatutoryStageReached(reached[-1], owner, due_at, now, skipped)


def _reached(clock: StatutoryClock, now: datetime) -> Sequence[Stage]:
    return [stage for stage in clock.stages_ahead if stage.at <= now]


def _not_before(now: datetime, stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """What is heard of late is reached when it is heard of: whoever fires it at once is not late."""
    return tuple(replace(stage, at=max(stage.at, now)) for stage in stages)


def _possible(rules: StatutoryRules, due_at: datetime, calendar: Calendar) -> tuple[Stage, ...]:
    told = [step for step in rules.steps if step.possible]
    at = when_told(calendar, due_at)
    return tuple(
        Stage("request_possible", place, at, one.to[0], one.to[1:]) for place, one in enumerate(told)
    )


def _of_request(rules: StatutoryRules, last_day: date, calendar: Calendar) -> tuple[Stage, ...]:
    stages: list[Stage] = []
    ahead = [step for step in rules.steps if not step.possible and step.working_days_before is not None]
    for place, step in enumerate(sorted(ahead, key=lambda one: -(one.working_days_before or 0))):
        day = rules.days.before(last_day, step.working_days_before or 0)
        at = when_told(calendar, rules.days.start_of(day))
        stages.append(Stage("decision_due", place, at, step.to[0], step.to[1:]))
    overdue_at = when_told(calendar, rules.days.end_of(last_day))
    overdue = [step for step in rules.steps if not step.possible and step.working_days_before is None]
    for place, step in enumerate(overdue):
        stages.append(Stage("decision_overdue", place, overdue_at, step.to[0], step.to[1:]))
    return tuple(stages)
