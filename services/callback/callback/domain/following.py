"""What follows from the facts of a case, once a promise is made: each leads to something once, in the order in which
they happened, whenever they are read."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from callback.domain import moving
from callback.domain.attempts import tried
from callback.domain.books import PolicyBooks
from callback.domain.events import (
    Event,
    PromiseAnsweredLate,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
)
from callback.domain.facts import Act, Attempt, Fact, Pause, Reply, Resume, Withdrawal
from callback.domain.policy import PolicyBook
from callback.domain.promise import WITHDRAWN, Clock, Pausing, Promise, evolve

REOPENED_WITHIN = timedelta(days=30)
"""A reply that comes later than this after the promise was withdrawn owes nothing."""


def follow(promise: Promise, books: PolicyBooks) -> list[Event]:
    """All that the facts known so far lead to.

    A late act, and a withdrawal after the due time, wait for the judgement: an earlier act may be on its way.

    Raises:
        BookNotAtHand: the promise was made under a book that must be fetched first.
    """
    events: list[Event] = []
    while (found := _next(promise, books)) is not None:
        events.append(found)
        promise = evolve(promise, found)
    return events


def owner_now(promise: Promise, terms: PromiseMade) -> str:
    """Who must act now: the owner of the latest route."""
    return promise.routes[-1].owner if promise.routes else terms.owner


def owner_of(promises: Sequence[Promise]) -> str | None:
    """Who must act on the case of these promises now, as far as callback has heard."""
    owners = [
        promise.routes[-1].owner if promise.routes else promise.terms.owner if promise.terms else None
        for promise in promises
    ]
    return next((owner for owner in reversed(owners) if owner is not None), None)


def _next(promise: Promise, books: PolicyBooks) -> Event | None:
    terms, clock = promise.terms, promise.clock
    if terms is None or clock is None:
        return None
    for place, fact in enumerate(promise.facts):
        found = _from_fact(place, fact, promise, terms, clock, books)
        if found is not None:
            return found
    return None


def _from_fact(
    place: int, fact: Fact, promise: Promise, terms: PromiseMade, clock: Clock, books: PolicyBooks
) -> Event | None:
    if isinstance(fact, Reply):
        return _reopened(fact, promise, terms, clock, books)
    if promise.ended:
        return None
    if promise.paused is not None and place >= promise.pauses_heard and fact.at > promise.paused.limit_at:
        return limit_passed(promise, books)
    match fact:
        case Act() if promise.counts(fact):
            return _answered(fact, promise, terms, clock)
        case Attempt() if _tried(place, promise, books.of(terms.policy_version), terms):
            return _withdrawn(fact.at, fact.owner, "tried", None, promise, terms, clock)
        case Withdrawal() if clock.from_at is None or fact.at > clock.from_at:
            return _withdrawn(fact.at, fact.owner, fact.reason, fact.by, promise, terms, clock)
        case Pause():
            return _paused(place, fact, promise, terms, clock, books)
        case Resume() if promise.paused is not None and place >= promise.pauses_heard:
            at = max(fact.at, promise.paused.paused_at)
            book, owner = books.of(terms.policy_version), owner_now(promise, terms)
            return moving.resume(promise.paused, at, fact.cause, clock, terms, owner, book)
    return None


def limit_passed(promise: Promise, books: PolicyBooks) -> Event | None:
    """The limit of a pause is over and nobody resumed before it: the clock runs again from then on."""
    terms, clock, paused = promise.terms, promise.clock, promise.paused
    if terms is None or clock is None or paused is None:
        return None
    book, owner = books.of(terms.policy_version), owner_now(promise, terms)
    return moving.resume(paused, paused.limit_at, "limit", clock, terms, owner, book)


def in_time(at: datetime, promise: Promise) -> bool:
    """Whether the promise's time was not over then. While the clock stands it is not."""
    if promise.clock is None:
        return False
    return at <= (promise.paused.limit_at if promise.paused else promise.clock.due_at)


def _answered(act: Act, promise: Promise, terms: PromiseMade, clock: Clock) -> Event | None:
    if promise.broken is not None:
        return PromiseAnsweredLate(act.owner, clock.due_at, act.at, act.how, terms.imported)
    if in_time(act.at, promise):
        return PromiseKept(act.owner, clock.due_at, act.at, act.how, terms.imported)
    return None


def _withdrawn(
    at: datetime,
    owner: str,
    reason: str,
    by: str | None,
    promise: Promise,
    terms: PromiseMade,
    clock: Clock,
) -> Event | None:
    """What was owed too long was broken first, whatever is said of it then."""
    if promise.broken is None and not in_time(at, promise):
        return None
    return PromiseWithdrawn(owner, clock.due_at, at, reason, by, terms.imported)


def _tried(place: int, promise: Promise, book: PolicyBook, terms: PromiseMade) -> bool:
    return tried(attempts_of(promise, place + 1), book.attempts, book.calendar(terms.owner))


def attempts_of(promise: Promise, until: int | None = None) -> list[Attempt]:
    """The attempts that are in a row: the citizen has not asked again since, and nobody has got back to them."""
    found: list[Attempt] = []
    from_at = promise.clock.from_at if promise.clock else None
    for fact in promise.facts[:until]:
        if isinstance(fact, Reply | Act):
            found = []
        elif isinstance(fact, Attempt) and (from_at is None or fact.at > from_at):
            found += [fact] if promise.terms and fact.route_number >= promise.terms.route_number else []
    return found


def _paused(
    place: int, fact: Pause, promise: Promise, terms: PromiseMade, clock: Clock, books: PolicyBooks
) -> Event | None:
    """One that begins when the time is over, or before another time was agreed, moves nothing. One that lasted when
    the clock began to run stands from then on."""
    if (
        place < promise.pauses_heard
        or promise.paused
        or promise.broken
        or fact.route_number < terms.route_number
    ):
        return None
    if promise.renewals and fact.at < promise.renewals[-1].renewed_at:
        return None
    runs_since = [
        at for at in (clock.from_at, *(pause.ended_at for pause in promise.pauses)) if at is not None
    ]
    start = max(fact.at, *runs_since) if runs_since else fact.at
    ends = next((other.at for other in promise.facts[place + 1 :] if isinstance(other, Resume)), None)
    if start > clock.due_at or (start > fact.at and ends is not None and ends <= start):
        return None
    book = books.of(terms.policy_version)
    return moving.pause(fact, place, start, clock, terms, owner_now(promise, terms), book)


def _stood_then(pause: Pausing, withdrawn: PromiseWithdrawn) -> bool:
    return (
        pause.cause == WITHDRAWN and pause.ended_at is not None and pause.ended_at >= withdrawn.withdrawn_at
    )


def _reopened(
    fact: Reply, promise: Promise, terms: PromiseMade, clock: Clock, books: PolicyBooks
) -> Event | None:
    withdrawn = promise.withdrawn
    if (
        withdrawn is None
        or not withdrawn.withdrawn_at < fact.noted_at <= withdrawn.withdrawn_at + REOPENED_WITHIN
    ):
        return None
    stood = [pause.paused_at for pause in promise.pauses[-1:] if _stood_then(pause, withdrawn)]
    owner, book = owner_now(promise, terms), books.of(terms.policy_version)
    return moving.reopen(
        fact, withdrawn.withdrawn_at, min(stood, default=withdrawn.withdrawn_at), clock, terms, owner, book
    )
