"""The promise: made, kept or broken. Facts may come in any order; the end is the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
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
    PromiseWithdrawn,
    ReopeningNoted,
    Route,
    RouteNoted,
    Stage,
)
from callback.domain.imported import take_over
from callback.domain.policy import PolicyBook


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


@dataclass(frozen=True, slots=True)
class Timers:
    """When the promise wants to be looked at again; None: not."""

    next_at: datetime | None
    judge_at: datetime | None


@dataclass(frozen=True, slots=True)
class Promise:
    """All that the rules read of one promise. `terms` is None until it is made."""

    contact: ContactNoted | None = None
    routes: tuple[Route, ...] = ()
    acts: tuple[Act, ...] = ()
    reopening: Route | None = None
    conversation_ended: bool = False
    limit_passed: bool = False
    terms: PromiseMade | None = None
    stages_passed: int = 0
    kept: PromiseKept | None = None
    broken: PromiseBroken | None = None
    answered_late: PromiseAnsweredLate | None = None
    withdrawn: PromiseWithdrawn | None = None

    @property
    def ended(self) -> bool:
        """Nobody owes the citizen anything any more."""
        return any(end is not None for end in (self.kept, self.answered_late, self.withdrawn))

    @property
    def answered(self) -> bool:
        """Somebody got back to the citizen, in time or late."""
        return self.terms is not None and any(_counts(act, self.terms) for act in self.acts)

    @property
    def next_stage(self) -> Stage | None:
        if self.terms is None or self.ended or self.answered or self.stages_passed >= len(self.terms.stages):
            return None
        return self.terms.stages[self.stages_passed]


INITIAL = Promise()


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
            noted = [] if promise.terms else [_make(number, route, route.asked_at, None, book, now)]
        case Fire():
            return _fire(promise, now)
        case Judge(safe):
            return _judge(safe, promise, book, now)
    return noted + _consequences(_fold(promise, noted), book, now)


def evolve(promise: Promise, event: Event) -> Promise:
    """The promise after an event; the past cannot be rejected."""
    match event:
        case ContactNoted():
            return replace(promise, contact=event)
        case RouteNoted(route):
            return replace(promise, routes=(*promise.routes, route))
        case ReopeningNoted(route):
            return replace(promise, reopening=route)
        case ActNoted(act):
            return replace(promise, acts=(*promise.acts, act))
        case ConversationEnded():
            return replace(promise, conversation_ended=True)
        case ConversationLimitPassed():
            return replace(promise, limit_passed=True)
        case PromiseMade():
            return replace(promise, terms=event)
        case CallbackFellDue(skipped=skipped):
            return replace(promise, stages_passed=promise.stages_passed + len(skipped) + 1)
        case FiringFoundNothing():
            return promise
        case PromiseKept():
            return replace(promise, kept=event)
        case PromiseBroken():
            return replace(promise, broken=event)
        case PromiseAnsweredLate():
            return replace(promise, answered_late=event)
        case PromiseWithdrawn():
            return replace(promise, withdrawn=event)


def timers(promise: Promise) -> Timers:
    """The timers that every commit of a promise carries, from the state after it."""
    if promise.ended:
        return Timers(None, None)
    if promise.terms is None:
        waits = promise.contact is not None and promise.contact.live
        waits = waits and not promise.conversation_ended and not promise.limit_passed
        return Timers(None, promise.contact.judge_limit_at if promise.contact and waits else None)
    stage = promise.next_stage
    return Timers(stage.at if stage else None, None if promise.broken else promise.terms.judge_at)


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
    if promise.terms is None and not promise.conversation_ended and _resolved_in_conversation(promise):
        events.append(ConversationEnded(now))
    if promise.terms is None and promise.contact is not None and promise.contact.history is not None:
        events += take_over(promise.contact, promise.routes[0], book, now) if promise.routes else []
    elif promise.terms is None:
        made = _promise_owed(promise, book, now)
        events += [made] if made else []
    return events + _answer(_fold(promise, events))


def _promise_owed(promise: Promise, book: PolicyBook, now: datetime) -> PromiseMade | None:
    """Written: at receipt, under the first route. Live: from the first route to a department, else at the limit.

    What was solved in the conversation and comes back has no promise on record: the owner who has it then makes one,
    from when the citizen asked again. Whatever is read first changes nothing: a hand-over after the reopening carries
    that later time.
    """
    contact, routes = promise.contact, promise.routes
    if contact is None or not routes:
        return None
    if not contact.live:
        return _make(1, routes[0], contact.received_at, None, book, now)
    specialist = next((route for route in routes if not route.owner.startswith("group.")), None)
    if (
        specialist is not None
        and specialist.asked_at == contact.received_at
        and specialist.routed_at <= contact.limit_at
    ):
        return _make(1, specialist, contact.received_at, None, book, now)
    if _resolved_in_conversation(promise):
        again = promise.reopening
        return _make(1, again, again.asked_at, again.routed_at, book, now) if again else None
    if promise.limit_passed:
        then = [route for route in routes if route.routed_at <= contact.limit_at]
        return _make(1, then[-1] if then else routes[0], contact.received_at, contact.limit_at, book, now)
    return None


def _make(
    number: int, route: Route, from_at: datetime, after: datetime | None, book: PolicyBook, now: datetime
) -> PromiseMade:
    policy = book.policy(route.owner, route.topic)
    due_at = book.due_at(policy, route.owner, from_at)
    return PromiseMade(
        number=number,
        owner=route.owner,
        policy=policy.name,
        policy_version=book.version,
        from_at=from_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=book.stages(policy, route.owner, from_at, due_at),
        route_number=route.number,
        after=after,
        made_at=now,
    )


def _answer(promise: Promise) -> list[Event]:
    """An act in time keeps the promise; after it was broken, the first act answers late. A late act alone waits for
    the judgement: an earlier one may still be on its way."""
    if promise.terms is None or promise.ended:
        return []
    due_at, imported = promise.terms.due_at, promise.terms.imported
    counting = [act for act in promise.acts if _counts(act, promise.terms)]
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


def _counts(act: Act, terms: PromiseMade) -> bool:
    """The conversation in which the promise was given does not keep it."""
    return act.route_number >= terms.route_number and (terms.after is None or act.at > terms.after)


def _resolved_in_conversation(promise: Promise) -> bool:
    contact = promise.contact
    if contact is None or not contact.live:
        return False
    return any(act.how == "resolved" and act.at <= contact.limit_at for act in promise.acts)


def _fire(promise: Promise, now: datetime) -> list[Event]:
    """The highest stage reached is told, once; passed ones are written down as skipped."""
    reached = _reached(promise, now)
    if not reached or promise.terms is None:
        return [FiringFoundNothing(now)]
    skipped = tuple(stage.name for stage in reached[:-1])
    terms = promise.terms
    return [CallbackFellDue(reached[-1], _owner(promise, terms), terms.due_at, now, skipped, terms.imported)]


def _reached(promise: Promise, now: datetime) -> Sequence[Stage]:
    if promise.terms is None or promise.next_stage is None:
        return ()
    return [stage for stage in promise.terms.stages[promise.stages_passed :] if stage.at <= now]


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
        return events + _answer(_fold(promise, events))
    assert promise.contact is not None  # noqa: S101 - else there is no limit to judge
    events = [ConversationLimitPassed(promise.contact.limit_at)]
    return events + _consequences(_fold(promise, events), book, now)


def _fold(promise: Promise, events: Sequence[Event]) -> Promise:
    for event in events:
        promise = evolve(promise, event)
    return promise
