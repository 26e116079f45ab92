"""What the plan must know of the municipality: where a contact goes, what is promised, when it is still safe to act.

It asks the services' own rules, so that a changed municipality file changes the plan and not its truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from callback.books import policy_book
from callback.domain import Asked, PolicyBook
from municipality import Municipality, WrittenBook, read_folder
from routing.domain import Facts, RuleBook, route
from routing.main import rule_book

from lofte_local.paths import MUNICIPALITIES

__all__ = ["MARGIN", "Rules", "Terms", "Window", "read_rules"]

MARGIN = timedelta(minutes=60)
"""Domain time that every act keeps from every deadline and limit: 6 real seconds, so that two runs tell the same."""

_OPENS, _LAST_ACT = time(8, 0), time(16, 50)

Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Terms:
    """A promise as it will be made."""

    owner: str
    from_at: datetime
    due_at: datetime
    stages: tuple[tuple[str, int, datetime], ...]


@dataclass(frozen=True)
class Rules:
    municipality: Municipality
    routing: RuleBook
    promising: PolicyBook
    day: date

    def at(self, clock: str, *, days: int = 0) -> datetime:
        """A local wall-clock time of the day, or so many days from it."""
        moment = datetime.combine(self.day + timedelta(days=days), time.fromisoformat(clock))
        return moment.replace(tzinfo=self.municipality.time_zone)

    @property
    def opens(self) -> datetime:
        return datetime.combine(self.day, _OPENS, self.municipality.time_zone)

    @property
    def last_act(self) -> datetime:
        """After this nobody begins anything."""
        return datetime.combine(self.day, _LAST_ACT, self.municipality.time_zone)

    def first_owner(self, body: Mapping[str, Any]) -> str:
        """To whom routing will give a contact."""
        facts = Facts(
            channel=body["channel"],
            citizen_kind=body["citizen"]["kind"],
            topic=body.get("topic"),
            menu_choice=body.get("menu_choice"),
            asked_for=body.get("asked_for"),
        )
        return route(facts, self.routing).owner

    def terms(self, owner: str, topic: str | None, from_at: datetime) -> Terms:
        """What an owner will promise for a topic."""
        policy = self.promising.policy(owner, Asked(topic))
        due_at = self.promising.due_at(policy, owner, from_at)
        stages = self.promising.stages(policy, owner, from_at, due_at)
        return Terms(owner, from_at, due_at, tuple((stage.name, stage.step, stage.at) for stage in stages))

    def in_time(self, terms: Terms, earliest: datetime) -> Window | None:
        """When the citizen can be answered so that the promise is kept, far from each of its stages."""
        return self._clear(terms, earliest, terms.due_at)

    def too_late(self, terms: Terms, earliest: datetime) -> Window | None:
        """When the citizen can be answered late, far from each stage."""
        return self._clear(terms, max(earliest, terms.due_at), None)

    def _clear(self, terms: Terms, earliest: datetime, before: datetime | None) -> Window | None:
        """The first stretch of the centre's day that keeps the margin from every stage."""
        start = max(earliest, self.opens)
        for _, _, at in sorted(terms.stages, key=lambda stage: stage[2]):
            if at + MARGIN <= start:
                continue
            end = min(at - MARGIN, self.last_act)
            if start <= end:
                return start, end
            start = at + MARGIN
            if before is not None and start >= before:
                return None
        return (start, self.last_act) if start <= self.last_act else None


def read_rules(code: str, day: date) -> Rules:
    """The rules of a municipality that the clone ships. Raises KeyError when there is none of this code."""
    municipality = read_folder(MUNICIPALITIES)[code]
    return Rules(municipality, rule_book(municipality), policy_book(WrittenBook.of(municipality)), day)
