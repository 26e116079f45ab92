"""Why a statutory clock stands as it does: sentences that a clerk can check against the entries of its ledger."""

from datetime import datetime

from callback.domain.statutory.clock import StatutoryClock
from callback.domain.statutory.events import DECIDED, DecisionRequested, StatutoryClockStarted
from callback.domain.verdict import told


def because(clock: StatutoryClock) -> str:
    """How it stands, and by which fact. Nothing of it says anything of a promise."""
    if clock.started is None:
        return "No statutory clock has been started."
    return f"{_matter(clock, clock.started)}{_request(clock, clock.request) if clock.request else ''}"


def _matter(clock: StatutoryClock, started: StatutoryClockStarted) -> str:
    ended = clock.ended
    if ended is None:
        return f"Not decided: a decision is due on {started.last_day} at the latest."
    if ended.how != DECIDED:
        return f"The party withdrew the matter at {told(ended.ended_at)}."
    return f"Decided at {told(ended.ended_at)}, {_before(ended.ended_at, started.due_at)} {started.last_day} was over."


def _request(clock: StatutoryClock, request: DecisionRequested) -> str:
    asked = f" The party asked for a decision in writing, received at {told(request.received_at)}"
    if clock.refused is not None:
        at = clock.refused.refused_at
        return f"{asked}: refused at {told(at)}, {_before(at, request.due_at)} {request.last_day} was over."
    if clock.ended is not None:
        at = clock.ended.ended_at
        return f"{asked}: the matter ended {_before(at, request.due_at)} {request.last_day} was over."
    return f"{asked}: it is to be answered on {request.last_day} at the latest."


def _before(at: datetime, due_at: datetime) -> str:
    return "before" if at < due_at else "after"
