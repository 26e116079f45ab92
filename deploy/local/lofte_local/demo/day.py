"""A planned day: who contacts us when, what is done about it, and how each promise must end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

__all__ = ["Act", "ActKind", "Actor", "Day", "Errand", "Fate", "Promised"]

ActKind = Literal["claim", "note", "citizen-contacted", "forward", "return", "resolve", "ask-again"]
Fate = Literal["open", "kept", "broken", "answered-late"]


@dataclass(frozen=True)
class Actor:
    """Whose token is used."""

    role: str
    subject: str
    department: str | None = None


@dataclass(frozen=True)
class Act:
    """Something done about an errand at a domain time; `ask-again` is the citizen's own: a further contact.

    `with_previous`: said in the same breath as the act before, so the case's version is known from its answer.
    """

    at: datetime
    kind: ActKind
    by: Actor
    body: Mapping[str, Any]
    with_previous: bool = False


@dataclass(frozen=True)
class Promised:
    """The promise that the errand will get: by whom, since when, its stages, and how it must stand at the day's end."""

    owner: str
    from_at: datetime
    due_at: datetime
    stages: Sequence[tuple[str, int, datetime]]
    fate: Fate


@dataclass(frozen=True)
class Errand:
    """One case. `received_at` is told as `occurred_at`, so that a busy machine moves no deadline; it is taken down at
    `taken_at`, which is later only for what lay over the weekend."""

    number: int
    received_at: datetime
    taken_at: datetime
    body: Mapping[str, Any]
    by: Actor
    live: bool
    acts: Sequence[Act]
    promised: Promised | None
    topic: str | None
    first_contact: bool
    story: str = ""

    @property
    def contacts(self) -> int:
        return 1 + sum(act.kind == "ask-again" for act in self.acts)

    @property
    def forwarded(self) -> int:
        return sum(act.kind == "forward" for act in self.acts)

    @property
    def returned(self) -> int:
        return sum(act.kind == "return" for act in self.acts)


@dataclass(frozen=True)
class Day:
    """The whole plan, errands in the order in which they are taken down."""

    municipality: str
    date: date
    seed: int
    errands: Sequence[Errand]
    hero: int
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> Errand:
        """The errand whose story is told."""
        return next(errand for errand in self.errands if errand.number == self.hero)

    def fates(self) -> Mapping[int, Fate]:
        """How the promise of each errand that gets one must stand at the end."""
        return {errand.number: errand.promised.fate for errand in self.errands if errand.promised}

    def figures(self) -> Mapping[str, int]:
        """What the summary of the whole day must say."""
        fates = list(self.fates().values())
        return {
            "cases": len(self.errands),
            "contacts": sum(errand.contacts for errand in self.errands),
            "solved_at_first_contact": sum(errand.first_contact for errand in self.errands),
            "forwarded": sum(errand.forwarded for errand in self.errands),
            "returned": sum(errand.returned for errand in self.errands),
            "promises_made": len(fates),
            "promises_kept": fates.count("kept"),
            "promises_broken": fates.count("broken") + fates.count("answered-late"),
            "promises_answered_late": fates.count("answered-late"),
            "promises_open": fates.count("open"),
        }
