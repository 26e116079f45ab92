"""History in: what another system knew of a contact that is imported. No personal data is in it."""

from datetime import UTC, datetime
from typing import Literal

from chassis.clock import Clock
from chassis.errors import InvalidInput, NotAllowed
from chassis.http import Line, Moment, RequestModel, not_future
from municipality import Municipality

from intake.domain import History

_LATEST_PROMISE = datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond it lies no promise but a slip of the pen."""


class NewHistory(RequestModel):
    """How a contact went in the system that it comes from. `answered`: `answered_at` says when; `withdrawn`: closed
    without an answer; `open`: neither answered nor closed. Without `promise_due_at` nothing was promised."""

    outcome: Literal["answered", "withdrawn", "open"]
    routed_to: Line | None = None
    promise_due_at: Moment | None = None
    answered_at: Moment | None = None
    closed_at: Moment | None = None


def checked(
    told: NewHistory,
    occurred_at: datetime | None,
    role: str,
    municipality: Municipality,
    clock: Clock,
) -> History:
    """The history as the rules read it.

    Raises:
        NotAllowed: only another system tells history.
        InvalidInput: a field that does not fit the others, an unknown owner, a time to come.
    """
    if role != "system":
        raise NotAllowed("history is told by other systems alone: role system")
    if occurred_at is None:
        raise InvalidInput("occurred_at", "missing; an imported contact says when it came")
    if told.routed_to is not None and municipality.owner(told.routed_to) is None:
        raise InvalidInput("history.routed_to", "no such owner in this municipality; see its file")
    if told.outcome == "answered" and told.answered_at is None:
        raise InvalidInput("history.answered_at", "missing; say when the citizen was answered")
    if told.outcome != "answered" and told.answered_at is not None:
        raise InvalidInput(
            "history.answered_at", "only of what was answered; leave it out, or correct the outcome"
        )
    if told.outcome == "open" and told.closed_at is not None:
        raise InvalidInput("history.closed_at", "not of what is open; leave it out, or correct the outcome")
    if told.promise_due_at is not None and told.promise_due_at > _LATEST_PROMISE:
        raise InvalidInput("history.promise_due_at", "after the year 2200; correct it or leave it out")
    for field, moment in (("answered_at", told.answered_at), ("closed_at", told.closed_at)):
        if moment is not None:
            not_future(f"history.{field}", moment, clock)
    return History(told.outcome, told.routed_to, told.promise_due_at, told.answered_at, told.closed_at)
