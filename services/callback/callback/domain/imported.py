"""A promise that another system made: taken over with its time, and judged by the times that the system told."""

from datetime import datetime

from callback.domain.events import (
    Event,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
)
from callback.domain.facts import ContactNoted, Route
from callback.domain.policy import Asked, PolicyBook

IMPORTED = "imported"
"""What stands in the place of a policy."""


def take_over(contact: ContactNoted, route: Route, book: PolicyBook, now: datetime) -> list[Event]:
    """The promise, and how it ended. One that was open is an ordinary promise from here on, with the stages of our
    policy: those that have passed are told once, by the highest."""
    history = contact.history
    if history is None or history.due_at is None:
        return []
    due_at, owner = history.due_at, route.owner
    ended = _ended(contact, owner, due_at, now)
    policy = book.policy(owner, Asked(route.topic, contact.channel, contact.citizen_kind))
    made = PromiseMade(
        number=1,
        owner=owner,
        policy=IMPORTED,
        policy_version=book.version,
        from_at=contact.received_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=() if ended else book.stages(policy, owner, contact.received_at, due_at),
        route_number=route.number,
        after=None,
        made_at=now,
        imported=True,
    )
    return [made, *ended]


def _ended(contact: ContactNoted, owner: str, due_at: datetime, now: datetime) -> list[Event]:
    history = contact.history
    if history is not None and history.withdrawn_at is not None:
        return [PromiseWithdrawn(owner, due_at, history.withdrawn_at, "cancelled", imported=True)]
    answered_at = history.answered_at if history else None
    if answered_at is None:
        return []
    if answered_at <= due_at:
        return [PromiseKept(owner, due_at, answered_at, "imported", imported=True)]
    return [
        PromiseBroken(owner, due_at, now, imported=True),
        PromiseAnsweredLate(owner, due_at, answered_at, "imported", imported=True),
    ]
