"""Load, decide, append: the only writer to callback's log."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Timers
from chassis.handling import Decider, Decision, Handled, handle
from chassis.store import EventStore

from callback import domain
from callback.books import kept_book
from callback.domain import BookNotAtHand, Command, Fire, Judge, PolicyBooks, Promise

T = TypeVar("T")


def decider() -> Decider[Promise, domain.Event]:
    """Callback's rules, its timers, and the codec of its private events."""
    codec: Codec[domain.Event] = Codec(
        [
            domain.ContactNoted,
            domain.RouteNoted,
            domain.ReopeningNoted,
            domain.ActNoted,
            domain.ConversationEnded,
            domain.ConversationLimitPassed,
            domain.PromiseMade,
            domain.CallbackFellDue,
            domain.FiringFoundNothing,
            domain.PromiseKept,
            domain.PromiseBroken,
            domain.PromiseAnsweredLate,
            domain.PromiseWithdrawn,
        ]
    )
    inside = (
        domain.ContactNoted,
        domain.RouteNoted,
        domain.ReopeningNoted,
        domain.ActNoted,
        domain.ConversationEnded,
        domain.ConversationLimitPassed,
        domain.FiringFoundNothing,
    )
    return Decider(domain.INITIAL, domain.evolve, codec, timers=_timers, inside=inside)


def _timers(promise: Promise) -> Timers:
    timers = domain.timers(promise)
    return Timers(timers.next_at, timers.judge_at)


@dataclass(frozen=True, slots=True)
class Promises:
    """What the handlers work with. `books`: the policies of each municipality, by its code; those of another version
    that a promise was made under are fetched into it."""

    store: EventStore
    clock: Clock
    books: MutableMapping[str, PolicyBooks]
    decider: Decider[Promise, domain.Event]


def stream_of(municipality: str, case_id: str, number: int) -> str:
    """The stream of a case's n-th promise."""
    return f"{municipality}.promise-{case_id}-{number}"


async def note(
    promises: Promises,
    municipality: str,
    case_id: str,
    number: int,
    command: Command,
    cause: Cause,
    *,
    new: bool = False,
) -> Handled[Promise]:
    """Take note of a fact about a promise, and of what follows from it. `new`: nothing was noted about it yet.

    Raises:
        KeyError: no policies for the municipality.
        NotFound: the promise was made under a policy book that nobody kept.
    """
    return await _handle(
        promises, municipality, stream_of(municipality, case_id, number), case_id, command, cause, new
    )


async def fire(promises: Promises, municipality: str, stream: str, case_id: str) -> Handled[Promise]:
    """The time of a stage has come; the same stage of the same due time fires once."""

    def cause(promise: Promise) -> Cause:
        return Cause(domain.firing_cause(promise, promises.clock.now()), "callback")

    return await _handle(promises, municipality, stream, case_id, Fire(), cause)


async def judge(
    promises: Promises, municipality: str, stream: str, case_id: str, safe: datetime
) -> Handled[Promise]:
    """Everything that was told before `safe` has been read: if that is enough, the promise is kept or broken."""

    def cause(promise: Promise) -> Cause:
        return Cause(domain.judging_cause(promise, safe, promises.clock.now()), "callback")

    return await _handle(promises, municipality, stream, case_id, Judge(safe), cause)


async def _handle(
    promises: Promises,
    municipality: str,
    stream: str,
    case_id: str,
    command: Command,
    cause: Cause | Callable[[Promise], Cause],
    new: bool = False,
) -> Handled[Promise]:
    def decide(promise: Promise, _: int) -> Decision[domain.Event]:
        return Decision(domain.decide(command, promise, promises.books[municipality], promises.clock.now()))

    def ask() -> Awaitable[Handled[Promise]]:
        return handle(
            promises.store,
            promises.decider,
            promises.clock,
            municipality=municipality,
            stream=stream,
            correlation_id=case_id,
            cause=cause,
            decide=decide,
            new=new,
        )

    return await with_books(promises, municipality, ask)


async def with_books(promises: Promises, municipality: str, ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` answers, once every policy book that it misses has been fetched.

    Raises:
        NotFound: nobody kept such a book.
    """
    while True:
        try:
            return await ask()
        except BookNotAtHand as missing:
            book = await kept_book(promises.store, municipality, missing.version)
            promises.books[municipality] = promises.books[municipality].with_book(book)
