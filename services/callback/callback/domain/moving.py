"""What moves a due time: a pause, a time agreed anew, a promise owed again. Always by the book it was made under."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from callback.domain.calendar import Calendar
from callback.domain.events import PromiseMade, PromisePaused, PromiseReopened, PromiseResumed, Stage
from callback.domain.facts import Pause, Reply
from callback.domain.policy import Policy, PolicyBook
from callback.domain.promise import Clock

LEAST_LEFT = timedelta(minutes=30)
"""Open time that is left at the least when a clock runs again: nobody is broken at once."""


@dataclass(frozen=True, slots=True)
class Time:
    """The time in which a promise counts: its owner's open hours, or clock time where its policy says so."""

    book: PolicyBook
    policy: Policy
    owner: str

    @property
    def calendar(self) -> Calendar:
        return self.book.calendar(self.owner)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much of it lies between two moments; nothing where the end is first."""
        if end <= start:
            return timedelta(0)
        return end - start if self._clock else self.calendar.open_time_between(start, end)

    def after(self, start: datetime, length: timedelta) -> datetime:
        """The moment at which `length` of it has passed since `start`; for none, the next open moment."""
        return start + length if self._clock else self.calendar.add_open_time(start, length)

    def with_left(self, start: datetime, left: timedelta) -> datetime:
        """When a clock that runs again at `start` with `left` is over: not before the least time is."""
        return max(self.after(start, left), self.calendar.add_open_time(start, LEAST_LEFT))

    def stages(self, start: datetime, due_at: datetime) -> tuple[Stage, ...]:
        """Whom to tell and when, of a time that is counted from `start`."""
        return self.book.stages(self.policy, self.owner, start, due_at)

    @property
    def _clock(self) -> bool:
        return self.policy.term.clock_hours is not None


def time_of(terms: PromiseMade, book: PolicyBook) -> Time:
    """`book`: of the version that the promise was made under. One from another system counts by its last policy."""
    known = next((policy for policy in book.policies if policy.name == terms.policy), None)
    return Time(book, known or book.policies[-1], terms.owner)


def pause(
    told: Pause, place: int, start: datetime, clock: Clock, terms: PromiseMade, owner: str, book: PolicyBook
) -> PromisePaused:
    """The clock stands from `start`, until the limit at the longest; that limit is judged as a breach is."""
    limit_at = time_of(terms, book).calendar.same_time_working_days_later(
        start, book.pause_limit_working_days
    )
    limit_at = max(min(told.until or limit_at, limit_at), start)
    judge_at = limit_at + book.back_dating_limit
    return PromisePaused(
        owner, clock.due_at, start, told.reason, limit_at, judge_at, place, imported=terms.imported
    )


def resume(
    paused: PromisePaused,
    resumed_at: datetime,
    cause: str,
    clock: Clock,
    terms: PromiseMade,
    owner: str,
    book: PolicyBook,
) -> PromiseResumed:
    """The clock runs again with what was left, thirty open minutes at the least, and never to an earlier time."""
    time = time_of(terms, book)
    due_at = max(time.with_left(resumed_at, time.between(paused.paused_at, clock.due_at)), clock.due_at)
    return PromiseResumed(
        owner=owner,
        due_before=clock.due_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=_stages_after(resumed_at, due_at, clock, time),
        resumed_at=resumed_at,
        cause=cause,
        imported=terms.imported,
    )


def reopen(
    told: Reply,
    withdrawn_at: datetime,
    stood_since: datetime,
    clock: Clock,
    terms: PromiseMade,
    owner: str,
    book: PolicyBook,
) -> PromiseReopened:
    """Owed again since the citizen asked again, with what was left when it was withdrawn, or paused before that.
    Everybody is told anew."""
    time, start = time_of(terms, book), max(told.asked_at, withdrawn_at)
    due_at = time.with_left(start, time.between(stood_since, clock.due_at))
    return PromiseReopened(
        owner=owner,
        due_before=clock.due_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=time.stages(start, due_at),
        reopened_at=start,
        imported=terms.imported,
    )


def _stages_after(resumed_at: datetime, due_at: datetime, clock: Clock, time: Time) -> tuple[Stage, ...]:
    """Reminders keep the time that they leave; one for which less is left comes at the next open moment. What comes at
    the due time and after it is told anew, and so is what comes before it only since it lies in the night."""
    left = time.between(resumed_at, due_at)
    before = [
        replace(stage, at=_leaving(stage, resumed_at, due_at, left, clock, time))
        for stage in clock.stages
        if (stage.ahead_of or stage.at) < clock.due_at
    ]
    anew = time.stages(resumed_at, due_at)
    since: Sequence[Stage] = [stage for stage in anew if (stage.ahead_of or stage.at) >= due_at]
    return tuple(sorted((*before, *since), key=lambda stage: stage.at))


def _leaving(
    stage: Stage, resumed_at: datetime, due_at: datetime, left: timedelta, clock: Clock, time: Time
) -> datetime:
    """Nobody is reminded in closed hours, also of a promise by the clock, while there are open ones before it is due."""
    leaves = time.between(stage.ahead_of or stage.at, clock.due_at)
    at = time.after(resumed_at, max(left - leaves, timedelta(0)))
    opens = time.calendar.add_open_time(at, timedelta(0))
    return opens if opens < due_at else at
