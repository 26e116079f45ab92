"""What follows from a receiver's answer: done, again after a pause, held, or no more at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

GONE = 410
LONGEST_PAUSE = 24 * 3600.0
"""Seconds; a receiver that asks for more is asked again after this."""
PATIENT_FAILURES = 3
LONGEST_REST = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: a status as in HTTP, or why there is none. `retry_after`: it asked to be left alone for so
    long. `own`: a failure of this delivery alone, that says nothing of others to the same place. `postponed`: it was not
    tried, and may go out so many seconds from now."""

    status: int | None
    retry_after: timedelta | None = None
    fault: str | None = None
    own: bool = False
    postponed: float | None = None

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """For people; nothing that the receiver wrote is in it."""
        return self.fault or f"answered {self.status}"


@dataclass(frozen=True, slots=True)
class Done:
    """It was taken."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """It was tried for long enough: somebody has to look."""


@dataclass(frozen=True, slots=True)
class Disable:
    """The receiver is gone and wants nothing more."""


def judge(
    answer: Answer, attempts: int, pauses: Sequence[float], chance: float
) -> Done | Again | Hold | Disable:
    """What follows from an answer.

    Args:
        attempts: how many were made, this one counted.
        pauses: seconds after the first failed attempt, the second, ...; after the last one it is held.
        chance: 0 to 1; spreads the attempts of those that failed together over a fifth more or less.
    """
    if answer.delivered:
        return Done()
    if answer.status == GONE:
        return Disable()
    if attempts > len(pauses):
        return Hold()
    pause = pauses[attempts - 1] * (0.8 + 0.4 * chance)
    asked = answer.retry_after.total_seconds() if answer.retry_after else 0.0
    return Again(min(max(pause, asked), LONGEST_PAUSE))


def rest(answer: Answer, failures: int) -> float:
    """Seconds for which a subscription is let alone after its n-th failure in a row, whatever the case.

    The first few cost nothing: one case that its receiver cannot take delays no other. A receiver that is away is not
    asked again for each of its cases at once.
    """
    if answer.retry_after is not None:
        return min(answer.retry_after.total_seconds(), LONGEST_PAUSE)
    if failures < PATIENT_FAILURES:
        return 0.0
    return min(2.0 ** min(failures - PATIENT_FAILURES, 10), LONGEST_REST)
