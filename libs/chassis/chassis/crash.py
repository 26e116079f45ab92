"""Crash points: named places after each durable step where a test kills the process. Development only."""

import os
import signal
from collections import Counter

POINTS = (
    "appended",
    "answered",
    "sent",
    "acknowledged",
    "stamped",
    "view-written",
    "offset-committed",
    "held",
    "timer-fired",
    "taken",
    "delivered",
)


class CrashPoints:
    """Passes every point but one; at that one, on its n-th passage, the process kills itself as `kill -9` would."""

    def __init__(self, setting: str | None = None) -> None:
        point, _, nth = (setting or "").partition(":")
        if point and point not in POINTS:
            raise ValueError(f"LOFTE_CRASH_AT: no point {point!r}; there are {', '.join(POINTS)}")
        self._point = point
        self._nth = int(nth or 1)
        self._passages: Counter[str] = Counter()

    def passed(self, point: str) -> None:
        """Say that the process is at `point`."""
        if point != self._point:
            return
        self._passages[point] += 1
        if self._passages[point] == self._nth:
            os.kill(os.getpid(), signal.SIGKILL)


NEVER = CrashPoints()
