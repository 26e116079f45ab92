"""What follows from a command: facts may come in any order; the end is the same."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from callback.domain import moving
from callback.domain.books import PolicyBooks
from callback.domain.commands import (
    Command,
    Fire,
    Judge,
    NoteContact,
    NoteFacts,
    NoteReachable,
    NoteReopening,
    NoteRoute,
    OweAgain,
    Renew,
    RuleBroken,
    Withdraw,
)
from callback.domain.events import (
    CITIZEN,
    CallbackFellDue,
    ConversationEnded,
    ConversationLimitPassed,
    Delay,
    Event,
    FiringFoundNothing,
    PromiseBroken,
    PromiseMade,
    PromiseRenewed,
    Stage,
)
from callback.domain.facts import (
    Act,
    ContactNoted,
    Fact,
    ReachableNoted,
    ReopeningNoted,
    RouteNoted,
    Withdrawal,
    noted,
)
from callback.domain.following import follow, in_time, limit_passed, owner_now
from callback.domain.imported import take_over
from callback.domain.making import asked_of, make, promise_owed, resolved_in_conversation
from callback.domain.policy import Policy, PolicyBook
from callback.domain.promise import Clock, Promise, fold, timers


def decide(command: Command, promise: Promise, books: PolicyBooks, now: datetime) -> list[Event]:
    """What a command leads to: the fact itself, then all that follows from the facts known so far.

    Raises:
        BookNotAtHand: the promise was made under a book that must be fetched first.
    """
    book = books.current
    match command:
        case NoteContact():
            told: list[Event] = _note_contact(command, promise, book)
        case NoteReachable(reachable):
            told = [ReachableNoted(reachable)]
        case NoteRoute(route):
            told = (
                [] if any(known.number >= route.number for known in promise.routes) else [RouteNoted(route)]
            )
        case NoteReopening(route, reply):
            told = [*([] if promise.reopening else [ReopeningNoted(route)]), noted(reply)]
        case NoteFacts(facts):
            told = [noted(fact) for fact in facts if not _known(fact, promise)]
        case OweAgain():
            told = _owe_again(command, promise, book, now)
        case Renew():
            told = _renew(command, promise, books, now)
        case Withdraw(reason, by):
            terms, _ = _owed(promise)
            told = [noted(Withdrawal(reason, now, owner_now(promise, terms), by))]
        case Fire():
            return _fire(promise, book, now)
        case Judge(safe):
            return _judge(safe, promise, books, now)
    return told + _consequences(fold(promise, told), books, now)


def firing_cause(promise: Promise, now: datetime) -> str:
    """What names a firing: the same stage of the same due time fires once."""
    reached = _reached(promise, now)
    if promise.clock is None or not reached:
        return f"looked:{now.isoformat()}"
    # A time that was moved may be where it was before: what fired under the one may have to fire under the other.
    moved = f":{promise.clock.moves}" if promise.clock.moves else ""
    return f"due:{promise.clock.due_at.isoformat()}:{reached[-1].name}:{reached[-1].step}{moved}"


def judging_cause(promise: Promise, safe: datetime, now: datetime) -> str:
    """What names a judgement: one per due time, one per limit of a pause or of a conversation."""
    if not _can_be_judged(promise, safe):
        return f"looked:{now.isoformat()}"
    if promise.paused is not None:
        return f"pause:{promise.paused.limit_at.isoformat()}"
    if promise.clock is not None:
        return f"judge:{promise.clock.due_at.isoformat()}"
    return f"limit:{promise.contact.limit_at.isoformat() if promise.contact else '-'}"


def _note_contact(told: NoteContact, promise: Promise, book: PolicyBook) -> list[Event]:
    if promise.contact is not None:
        return []
    limit_at = told.received_at + book.live_limit
    judge_limit_at = limit_at + book.back_dating_limit
    return [
        ContactNoted(
            told.received_at,
            told.live,
            told.topic,
            limit_at,
            judge_limit_at,
            told.history,
            told.channel,
            told.citizen_kind,
            told.agreed_due_at,
        )
    ]


def _owe_again(told: OweAgain, promise: Promise, book: PolicyBook, now: datetime) -> list[Event]:
    """A new promise from the contact that asked again. It is not waited for: so much is known of the case."""
    if promise.terms is not None:
        return []
    route, events = told.route, list[Event]()
    at, contact = route.asked_at, None
    if told.channel is not None:
        contact = ContactNoted(at, False, route.topic, at, at, None, told.channel, told.citizen_kind)
        events.append(contact)
    return [*events, make(told.number, route, at, None, contact, book, now)]


def _known(fact: Fact, promise: Promise) -> bool:
    return isinstance(fact, Act) and fact in promise.facts


def _consequences(promise: Promise, books: PolicyBooks, now: datetime) -> list[Event]:
    events: list[Event] = []
    book = books.current
    if promise.terms is None and not promise.conversation_ended and resolved_in_conversation(promise):
        events.append(ConversationEnded(now))
    if promise.terms is None and promise.contact is not None and promise.contact.history is not None:
        events += take_over(promise.contact, promise.routes[0], book, now) if promise.routes else []
    elif promise.terms is None:
        made = promise_owed(promise, book, now)
        events += [made] if made else []
    return events + follow(fold(promise, events), books)


def _owed(promise: Promise) -> tuple[PromiseMade, Clock]:
    """What is promised, and its time.

    Raises:
        RuleBroken: nothing is, or nobody owes it any more.
    """
    if promise.terms is None or promise.clock is None:
        raise RuleBroken(
            "nothing-promised",
            "nothing is promised yet; a guide is in the conversation, or it was solved there",
        )
    if promise.ended:
        raise RuleBroken("promise-ended", "the promise has ended; nobody owes it any more")
    return promise.terms, promise.clock


def _renew(command: Renew, promise: Promise, books: PolicyBooks, now: datetime) -> list[Event]:
    """Agreed while the time before held: what was owed too long is broken, whatever is agreed then."""
    _owed(promise)
    events: list[Event] = []
    if promise.paused is not None and command.agreed_at > promise.paused.limit_at:
        passed = limit_passed(promise, books)
        events += [passed] if passed else []
        promise = fold(promise, events)
    terms, clock = _owed(promise)
    if promise.broken is not None or not in_time(command.agreed_at, promise):
        raise RuleBroken(
            "past-due", "the promised time is over; a promise is renewed before that, not after it"
        )
    book = books.of(terms.policy_version)
    time = moving.time_of(terms, book)
    due_at = command.due_at
    if command.term is not None:
        due_at = book.due_at(Policy("renewed", command.term), terms.owner, command.agreed_at)
    if due_at is None or due_at <= now:
        raise RuleBroken("not-ahead", "the agreed time has passed; agree on one that is still to come")
    renewed = PromiseRenewed(
        owner=owner_now(promise, terms),
        due_before=clock.due_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=time.stages(now, due_at),
        renewed_at=now,
        agreed_at=command.agreed_at,
        how=command.how,
        reason=command.reason,
        by=command.by,
        imported=terms.imported,
    )
    return [*events, renewed]


def _fire(promise: Promise, book: PolicyBook, now: datetime) -> list[Event]:
    """The highest stage reached is told, once; passed ones are written down as skipped. A citizen who was to be told by
    one of those is told now."""
    reached = _reached(promise, now)
    terms, clock = promise.terms, promise.clock
    if not reached or terms is None or clock is None:
        return [FiringFoundNothing(now)]
    owner = owner_now(promise, terms)
    highest, skipped = reached[-1], tuple(stage.name for stage in reached[:-1])
    staff = tuple(role for role in highest.receivers if role != CITIZEN)
    citizen = [stage for stage in reached if CITIZEN in stage.receivers and not _known_before(stage, terms)]
    if citizen:
        ahead_of = max((stage.ahead_of for stage in citizen if stage.ahead_of), default=None)
        stage = replace(highest.telling((*staff, CITIZEN)), ahead_of=ahead_of)
        delay = _delay(promise, terms, owner, book, max(now, ahead_of or now))
    else:
        stage, delay = highest.telling(staff), None
    return [CallbackFellDue(stage, owner, clock.due_at, now, skipped, terms.imported, delay)]


def _known_before(stage: Stage, terms: PromiseMade) -> bool:
    """A citizen whom another system kept waiting hears nothing from us of what was over when we took it over."""
    return terms.imported and stage.at <= terms.made_at


def _delay(promise: Promise, terms: PromiseMade, owner: str, book: PolicyBook, at: datetime) -> Delay:
    """The new time is what the present owner would promise then."""
    topic = promise.routes[-1].topic if promise.routes else None
    policy = book.policy(owner, asked_of(topic, promise.contact))
    expected_at = book.due_at(policy, owner, at)
    return Delay("late" if owner == terms.owner else "moved", expected_at)


def _reached(promise: Promise, now: datetime) -> Sequence[Stage]:
    return [stage for stage in promise.stages_ahead if stage.at <= now]


def _can_be_judged(promise: Promise, safe: datetime) -> bool:
    """The timer may be older than the promise: one made since it was read has a time of its own."""
    judge_at = timers(promise).judge_at
    return judge_at is not None and judge_at <= safe


def _judge(safe: datetime, promise: Promise, books: PolicyBooks, now: datetime) -> list[Event]:
    """Nothing more can come that counts in time: the limit of a pause is over as of then, and a promise still open is
    broken as of its due time."""
    if not _can_be_judged(promise, safe):
        return [FiringFoundNothing(now)]
    terms, clock = promise.terms, promise.clock
    if terms is None or clock is None:
        assert promise.contact is not None  # noqa: S101 - else there is no limit to judge
        events: list[Event] = [ConversationLimitPassed(promise.contact.limit_at)]
    elif promise.paused is not None:
        passed = limit_passed(promise, books)
        events = [passed] if passed else []
    else:
        events = [PromiseBroken(_owner_at(promise, terms, clock), clock.due_at, now, terms.imported)]
    return events + _consequences(fold(promise, events), books, now)


def _owner_at(promise: Promise, terms: PromiseMade, clock: Clock) -> str:
    """Who had to act when the time passed, however late that is judged."""
    routed = [route for route in promise.routes if route.routed_at <= clock.due_at]
    return routed[-1].owner if routed else terms.owner
