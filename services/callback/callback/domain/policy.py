"""What an owner promises for a topic, as data; and what that means for one contact."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from callback.domain.attempts import AttemptPlan, Times, week_of
from callback.domain.calendar import Calendar
from callback.domain.capacity import CapacityPlan
from callback.domain.events import Stage
from callback.domain.facts import Reachable
from callback.domain.ladder import CONTACT_CENTRE_HEAD, Promised, Step, climb
from callback.domain.statutory_rules import StatutoryRules

_PLAN = AttemptPlan()
_CAPACITY = CapacityPlan()


@dataclass(frozen=True, slots=True)
class Term:
    """How long: exactly one of the three is given."""

    working_hours: float | None = None
    working_days: int | None = None
    clock_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a citizen asked about, how, and as whom; None: not known."""

    topic: str | None
    channel: str | None = None
    citizen_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A promise for an owner and what was asked; None matches all, also what is not known. A topic matches itself and
    what lies below it."""

    name: str
    term: Term
    owner: str | None = None
    topic: str | None = None
    channels: frozenset[str] | None = None
    citizen_kind: str | None = None

    def matches(self, owner: str, asked: Asked) -> bool:
        if self.owner is not None and self.owner != owner:
            return False
        if self.channels is not None and asked.channel not in self.channels:
            return False
        if self.citizen_kind is not None and asked.citizen_kind != self.citizen_kind:
            return False
        topic = asked.topic
        return self.topic is None or (
            topic is not None and (topic == self.topic or topic.startswith(self.topic + "."))
        )


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """A municipality's policies, calendars and limits, of one version. `text_hours`: when text messages go out to
    citizens; None: day and night. `zone`: where the municipality's clock hangs; None: as the default calendar's.
    `statutory`: None: no statutory clock is kept."""

    version: int
    policies: Sequence[Policy]
    calendars: Mapping[str, Calendar]
    default_calendar: Calendar
    ladder: Sequence[Step]
    live_limit: timedelta = timedelta(minutes=60)
    back_dating_limit: timedelta = timedelta(minutes=15)
    pause_limit_working_days: int = 5
    attempts: AttemptPlan = _PLAN
    text_hours: Calendar | None = None
    zone: ZoneInfo | None = None
    capacity: CapacityPlan = _CAPACITY
    statutory: StatutoryRules | None = None

    def times(self, owner: str, reachable: Reachable | None) -> Times:
        """When an owner can get back to a citizen who can be reached then."""
        windows = week_of(reachable.windows, self.zone or self.default_calendar.zone) if reachable else None
        return Times(self.calendar(owner), windows)

    def policy(self, owner: str, asked: Asked) -> Policy:
        """The first that matches; the last one of a book matches everything."""
        return next(policy for policy in self.policies if policy.matches(owner, asked))

    def due_at(self, policy: Policy, owner: str, from_at: datetime) -> datetime:
        """The promised time of a contact received at `from_at`, in the owner's open hours or in clock time."""
        term, calendar = policy.term, self.calendar(owner)
        if term.clock_hours is not None:
            return from_at + timedelta(hours=term.clock_hours)
        if term.working_hours is not None:
            return calendar.add_open_time(from_at, timedelta(hours=term.working_hours))
        return calendar.close_of_working_day(from_at, term.working_days or 1)

    def stages(self, policy: Policy, owner: str, from_at: datetime, due_at: datetime) -> tuple[Stage, ...]:
        """Whom to tell and when, of a time that is counted from `from_at`: see `ladder`."""
        calendar, clock = self.calendar(owner), policy.term.clock_hours is not None
        whole = timedelta(0) if clock else calendar.open_time_between(from_at, due_at)
        if not whole:  # by the clock; or an agreed time with no open hour before it
            clock, whole = True, due_at - from_at
        promised = Promised(from_at, due_at, whole, calendar, clock)
        return climb(self.ladder, promised, self.default_calendar, self.text_hours)

    def calendar_of_role(self, owner: str, role: str) -> Calendar:
        """The open hours of those whom an owner's ladder tells."""
        return self.default_calendar if role == CONTACT_CENTRE_HEAD else self.calendar(owner)

    def counts_from(self, policy: Policy, owner: str, from_at: datetime) -> datetime:
        """When the promised time begins to run: working time with the next opening, clock time at once."""
        return from_at if policy.term.clock_hours is not None else self.calendar(owner).next_open(from_at)

    def calendar(self, owner: str) -> Calendar:
        """The open hours of an owner."""
        return self.calendars.get(owner, self.default_calendar)
