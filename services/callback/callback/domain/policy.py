"""What an owner promises for a topic, as data; and what that means for one contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callback.domain.attempts import AttemptPlan
from callback.domain.calendar import Calendar
from callback.domain.events import Stage

_PLAN = AttemptPlan()


@dataclass(frozen=True, slots=True)
class Term:
    """How long: exactly one of the three is given."""

    working_hours: float | None = None
    working_days: int | None = None
    clock_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A promise for an owner and a topic; None matches all, a topic matches itself and what lies below it."""

    name: str
    term: Term
    owner: str | None = None
    topic: str | None = None

    def matches(self, owner: str, topic: str | None) -> bool:
        if self.owner is not None and self.owner != owner:
            return False
        return self.topic is None or (
            topic is not None and (topic == self.topic or topic.startswith(self.topic + "."))
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the ladder after the due time."""

    number: int
    after_working_days: int
    to: str


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """A municipality's policies, calendars and limits, of one version."""

    version: int
    policies: Sequence[Policy]
    calendars: Mapping[str, Calendar]
    default_calendar: Calendar
    ladder: Sequence[Step]
    reminder_at: float = 0.75
    live_limit: timedelta = timedelta(minutes=60)
    back_dating_limit: timedelta = timedelta(minutes=15)
    pause_limit_working_days: int = 5
    attempts: AttemptPlan = _PLAN

    def policy(self, owner: str, topic: str | None) -> Policy:
        """The first that matches; the last one of a book matches everything."""
        return next(policy for policy in self.policies if policy.matches(owner, topic))

    def due_at(self, policy: Policy, owner: str, from_at: datetime) -> datetime:
        """The promised time of a contact received at `from_at`, in the owner's open hours or in clock time."""
        term, calendar = policy.term, self.calendar_of(owner)
        if term.clock_hours is not None:
            return from_at + timedelta(hours=term.clock_hours)
        if term.working_hours is not None:
            return calendar.add_open_time(from_at, timedelta(hours=term.working_hours))
        return calendar.close_of_working_day(from_at, term.working_days or 1)

    def stages(self, policy: Policy, owner: str, from_at: datetime, due_at: datetime) -> tuple[Stage, ...]:
        """Whom to tell and when: at three quarters of the promised time, at its end, and up the ladder."""
        calendar = self.calendar_of(owner)
        if policy.term.clock_hours is not None:
            reminder_at = from_at + (due_at - from_at) * self.reminder_at
        else:
            reminder_at = calendar.add_open_time(
                from_at, calendar.open_time_between(from_at, due_at) * self.reminder_at
            )
        overdue = (
            Stage(
                "overdue",
                step.number,
                calendar.same_time_working_days_later(due_at, step.after_working_days),
                step.to,
            )
            for step in self.ladder
        )
        return (
            Stage("reminder", 0, _milliseconds(reminder_at), "handler"),
            Stage("due", 0, due_at, "handler"),
            *overdue,
        )

    def calendar_of(self, owner: str) -> Calendar:
        """An owner's open hours."""
        return self.calendars.get(owner, self.default_calendar)


def _milliseconds(moment: datetime) -> datetime:
    # Stored times keep milliseconds: a stage must read back as it was decided.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
