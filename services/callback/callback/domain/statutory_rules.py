"""What a municipality writes of the statutory clock: how long, and who is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from callback.domain.working_days import WorkingDays


@dataclass(frozen=True, slots=True)
class StatutoryStep:
    """At this time these are told: when a request is `possible`, `working_days_before` the last day of the weeks, or else
    when that is over."""

    to: tuple[str, ...]
    possible: bool = False
    working_days_before: int | None = None


@dataclass(frozen=True, slots=True)
class StatutoryRules:
    """A party may ask for a decision after `months`, and is answered within `weeks`."""

    months: int
    weeks: int
    steps: Sequence[StatutoryStep]
    days: WorkingDays
