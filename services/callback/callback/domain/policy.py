"""What an owner promises for a topic, as data; and what that means for one contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from callback.domain.calendar import Calendar
from callback.domain.events import Stage
from callback.domain.ladder import CONTACT_CENTRE_HEAD, Promised, Step, climb


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
class PolicyBook:
    """A municipality's policies, calendars and limits, of one version."""

    version: int
    policies: Sequence[Policy]
    calendars: Mapping[str, Calendar]
    default_calendar: Calendar
    ladder: Sequence[Step]
    live_limit: timedelta = timedelta(minutes=60)
    back_dating_limit: timedelta = timedelta(minutes=15)

    def policy(self, owner: str, topic: str | None) -> Policy:
        """The first that matches; the last one of a book matches everything."""
        return next(policy for policy in self.policies if policy.matches(owner, topic))

    def due_at(self, policy: Policy, owner: str, from_at: datetime) -> datetime:
        """The promised time of a contact received at `from_at`, in the owner's open hours or in clock time."""
        term, calendar = policy.term, self._calendar(owner)
        if term.clock_hours is not None:
            return from_at + timedelta(hours=term.clock_hours)
        if term.working_hours is not None:
            return calendar.add_open_time(from_at, timedelta(hours=term.working_hours))
        return calendar.close_of_working_day(from_at, term.working_days or 1)

    def stages(self, policy: Policy, owner: str, from_at: datetime, due_at: datetime) -> tuple[Stage, ...]:
        """Whom to tell and when, of a time that is counted from `from_at`: see `ladder`."""
        calendar, clock = self._calendar(owner), policy.term.clock_hours is not None
        whole = due_at - from_at if clock else calendar.open_time_between(from_at, due_at)
        return climb(self.ladder, Promised(from_at, due_at, whole, calendar, clock), self.default_calendar)

    def calendar_of_role(self, owner: str, role: str) -> Calendar:
        """The open hours of those whom an owner's ladder tells."""
        return self.default_calendar if role == CONTACT_CENTRE_HEAD else self._calendar(owner)

    def _calendar(self, owner: str) -> Calendar:
        return self.calendars.get(owner, self.default_calendar)
