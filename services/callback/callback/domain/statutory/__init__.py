"""The statutory clock of a matter that a party has initiated, by the Administrative Procedure Act (2017:900).

Section 11: a party who has to wait much longer is told so, and why. Section 12: where the matter is not decided within six
months the party may ask in writing, once, that it is; within four weeks of that the authority decides the matter, or
refuses the request in a decision of its own. The clock stands beside the promise: neither reads or moves the other.
"""

from callback.domain.statutory.clock import NO_CLOCK, StatutoryClock, evolve, in_time, timers
from callback.domain.statutory.deciding import decide, firing_cause
from callback.domain.statutory.events import (
    DECIDED,
    REFUSED,
    WITHDRAWN,
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
from callback.domain.statutory.verdict import because

__all__ = [
    "DECIDED",
    "NO_CLOCK",
    "REFUSED",
    "WITHDRAWN",
    "DecisionRequestRefused",
    "DecisionRequested",
    "DelayNoticeGiven",
    "EndClock",
    "NoteDelay",
    "RequestDecision",
    "StartClock",
    "StatutoryClock",
    "StatutoryClockEnded",
    "StatutoryClockStarted",
    "StatutoryCommand",
    "StatutoryEvent",
    "StatutoryStageReached",
    "because",
    "decide",
    "evolve",
    "firing_cause",
    "in_time",
    "timers",
]
