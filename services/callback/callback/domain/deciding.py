"""What follows from a command: facts may come in any order; the end is the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callback.domain.books import PolicyBooks
from callback.domain.events import (
    Act,
    ActNoted,
    CallbackFellDue,
    ContactNoted,
    ConversationEnded,
    ConversationLimitPassed,
    Event,
    FiringFoundNothing,
    History,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    ReopeningNoted,
    Route,
    RouteNoted,
    Stage,
)
from callback.domain.imported import take_over
from callback.domain.making import make, promise_owed, resolved_in_conversation
from callback.domain.policy import PolicyBook
from callback.domain.promise import Promise, counts, fold, timers


@dataclass(frozen=True, slots=True)
class NoteContact:
    """The contact that opened the case."""

    received_at: datetime
    live: bool
    topic: str | None
    history: History | None = None


@dataclass(frozen=True, slots=True)
class NoteRoute:
    route: Route


@dataclass(frozen=True, slots=True)
class NoteAct:
    """Somebody got back to the citizen, under some route."""

    act: Act


@dataclass(frozen=True, slots=True)
class NoteReopening:
    """A case was reopened with the promises that it had."""

    route: Route


@dataclass(frozen=True, slots=True)
class OweAgain:
    """A case was reopened so late that it owes a new promise."""

    number: int
    route: Route


@dataclass(frozen=True, slots=True)
class Fire:
    """The time of a stage has come."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything that was told before `safe` has been read."""

    safe: datetime


Command = NoteContact | NoteRoute | NoteReopening | NoteAct | OweAgain | Fire | Judge


def decide(command: Command, promise: Promise, books: PolicyBooks, now: datetime) -> list[Event]:
    """What a command leads to: the fact itself, then all that follows from the facts known so far.

    Raises:
        BookNotAtHand: the promise was made under a book that must be fetched first.
    """
    book = books.current
    match command:
        case NoteContact():
            noted: list[Event] = _note_contact(command, promise, book)
        case NoteRoute(route):
            noted = (
                [] if any(known.number >= route.number for known in promise.routes) else [RouteNoted(route)]
            )
        case NoteReopening(route):
            noted = [] if promise.reopening else [ReopeningNoted(route)]
        case NoteAct(act):
            noted = [] if act in promise.acts else [ActNoted(act)]
        case OweAgain(number, route):
            noted = [] if promise.terms else [make(number, route, route.asked_at, None, book, now)]
        case Fire():
            return _fire(promise, now)
        case Judge(safe):
            return _judge(safe, promise, book, now)
    return noted + _consequences(fold(promise, noted), book, now)


def firing_cause(promise: Promise, now: datetime) -> str:
    """What names a firing: the same stage of the same due time fires once."""
    reached = _reached(promise, now)
    if promise.terms is None or not reached:
        return f"looked:{now.isoformat()}"
    return f"due:{promise.terms.due_at.isoformat()}:{reached[-1].name}:{reached[-1].step}"


def judging_cause(promise: Promise, safe: datetime, now: datetime) -> str:
    """What names a judgement: one per due time, one per limit of a conversation."""
    if not _can_be_judged(promise, safe):
        return f"looked:{now.isoformat()}"
    if promise.terms is not None:
        return f"judge:{promise.terms.due_at.isoformat()}"
    return f"limit:{promise.contact.limit_at.isoformat() if promise.contact else '-'}"


def _note_contact(told: NoteContact, promise: Promise, book: PolicyBook) -> list[Event]:
    if promise.contact is not None:
        return []
    limit_at = told.received_at + book.live_limit
    judge_limit_at = limit_at + book.back_dating_limit
    return [ContactNoted(told.received_at, told.live, told.topic, limit_at, judge_limit_at, told.history)]


def _consequences(promise: Promise, book: PolicyBook, now: datetime) -> list[Event]:
    events: list[Event] = []
    if promise.terms is None and not promise.conversation_ended and resolved_in_conversation(promise):
        events.append(ConversationEnded(now))
    if promise.terms is None and promise.contact is not None and promise.contact.history is not None:
        events += take_over(promise.contact, promise.routes[0], book, now) if promise.routes else []
    elif promise.terms is None:
        made = promise_owed(promise, book, now)
        events += [made] if made else []
    return events + _answer(fold(promise, events))


def _answer(promise: Promise) -> list[Event]:
    """An act in time keeps the promise; after it was broken, the first act answers late. A late act alone waits for
    the judgement: an earlier one may still be on its way."""
    if promise.terms is None or promise.ended:
        return []
    due_at, imported = promise.terms.due_at, promise.terms.imported
    counting = [act for act in promise.acts if counts(act, promise.terms)]
    if promise.broken is not None:
        late = next(iter(counting), None)
        return [PromiseAnsweredLate(late.owner, due_at, late.at, late.how, imported)] if late else []
    in_time = next((act for act in counting if act.at <= due_at), None)
    return [PromiseKept(in_time.owner, due_at, in_time.at, in_time.how, imported)] if in_time else []


def _owner(promise: Promise, terms: PromiseMade) -> str:
    """Who must act now: the owner of the latest route."""
    return promise.routes[-1].owner if promise.routes else terms.owner


def _owner_at(promise: Promise, terms: PromiseMade) -> str:
    """Who had to act when the time passed, however late that is judged."""
    routed = [route for route in promise.routes if route.routed_at <= terms.due_at]
    return routed[-1].owner if routed else terms.owner


def _fire(promise: Promise, now: datetime) -> list[Event]:
    """The highest stage reached is told, once; passed ones are written down as skipped."""
    reached = _reached(promise, now)
    if not reached or promise.terms is None:
        return [FiringFoundNothing(now)]
    skipped = tuple(stage.name for stage in reached[:-1])
    terms = promise.terms
    return [CallbackFellDue(reached[-1], _owner(promise, terms), terms.due_at, now, skipped, terms.imported)]


def _reached(promise: Promise, now: datetime) -> Sequence[Stage]:
    return [stage for stage in promise.stages_ahead if stage.at <= now]


def _can_be_judged(promise: Promise, safe: datetime) -> bool:
    """The timer may be older than the promise: one made since it was read has a time of its own."""
    judge_at = timers(promise).judge_at
    return judge_at is not None and judge_at <= safe


def _judge(safe: datetime, promise: Promise, book: PolicyBook, now: datetime) -> list[Event]:
    """Nothing more can come that counts in time: a promise still open is broken as of its due time."""
    if not _can_be_judged(promise, safe):
        return [FiringFoundNothing(now)]
    if promise.terms is not None:
        terms = promise.terms
        events: list[Event] = [PromiseBroken(_owner_at(promise, terms), terms.due_at, now, terms.imported)]
        return events + _answer(fold(promise, events))
    assert promise.contact is not None  # noqa: S101 - else there is no limit to judge
    events = [ConversationLimitPassed(promise.contact.limit_at)]
    return events + _consequences(fold(promise, events), book, now)
