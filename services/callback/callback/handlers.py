"""Load, decide, append: the only writer to callback's log."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Commit, Timers
from chassis.errors import NotYetVisible, RuleViolation
from chassis.handling import Decider, Decision, Handled, handle
from chassis.store import EventStore

from callback import domain
from callback.books import kept_book
from callback.domain import BookNotAtHand, Command, Fire, Judge, PolicyBooks, Promise, Renew, Withdraw

T = TypeVar("T")
S = TypeVar("S")
E = TypeVar("E")

_FACTS: tuple[type[domain.Event], ...] = (
    domain.ActNoted,
    domain.AttemptNoted,
    domain.PauseNoted,
    domain.ResumeNoted,
    domain.ReplyNoted,
    domain.WithdrawalNoted,
)


def decider() -> Decider[Promise, domain.Event]:
    """Callback's rules, its timers, and the codec of its private events."""
    inside = (
        domain.ContactNoted,
        domain.ReachableNoted,
        domain.RouteNoted,
        domain.ReopeningNoted,
        *_FACTS,
        domain.ConversationEnded,
        domain.ConversationLimitPassed,
        domain.FiringFoundNothing,
    )
    codec: Codec[domain.Event] = Codec(
        [
            *inside,
            domain.PromiseMade,
            domain.CallbackFellDue,
            domain.PromisePaused,
            domain.PromiseResumed,
            domain.PromiseRenewed,
            domain.PromiseReopened,
            domain.PromiseKept,
            domain.PromiseBroken,
            domain.PromiseAnsweredLate,
            domain.PromiseWithdrawn,
        ]
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


async def promises_of(promises: Promises, municipality: str, case_id: str) -> Sequence[Sequence[Commit]]:
    """The commits of each of a case's promises, the first one first.

    Raises:
        NotYetVisible: callback has not heard of the case.
    """
    found: list[Sequence[Commit]] = []
    while commits := await promises.store.load(
        municipality, stream_of(municipality, case_id, len(found) + 1)
    ):
        found.append(commits)
    if not found:
        raise NotYetVisible("callback does not know this case; if it is new, ask again in a moment")
    return found


async def change(
    promises: Promises,
    municipality: str,
    case_id: str,
    command: Renew | Withdraw,
    cause: Cause,
    *,
    may: Callable[[Promise], None],
) -> Handled[Promise]:
    """Renew or withdraw the latest promise of a case. `may` raises NotAllowed for whom the owner is none of their
    business.

    Raises:
        NotYetVisible: callback has not heard of the case.
        RuleViolation: the promise is not in a state for it.
        NotFound: the promise was made under a policy book that nobody kept.
    """
    found = await promises_of(promises, municipality, case_id)
    # A repeat goes where it went the first time, whatever has been promised since.
    asked = [any(commit.cause.caused_by == cause.caused_by for commit in commits) for commits in found]
    number = asked.index(True) + 1 if True in asked else len(found)

    stream = stream_of(municipality, case_id, number)
    return await _handle(promises, municipality, stream, case_id, command, cause, may=may)


async def fire(
    promises: Promises, municipality: str, stream: str, case_id: str, *, version: int | None = None
) -> Handled[Promise]:
    """The time of a stage has come; the same stage of the same due time fires once.

    Raises:
        VersionMismatch: the stream is not at `version` any more: the timers of a newer commit govern.
    """

    def cause(promise: Promise) -> Cause:
        return Cause(domain.firing_cause(promise, promises.clock.now()), "callback")

    return await _handle(promises, municipality, stream, case_id, Fire(), cause, version=version)


async def judge(
    promises: Promises,
    municipality: str,
    stream: str,
    case_id: str,
    safe: datetime,
    *,
    version: int | None = None,
) -> Handled[Promise]:
    """Everything that was told before `safe` has been read: if that is enough, the promise is kept or broken.

    Raises:
        VersionMismatch: the stream is not at `version` any more: the timers of a newer commit govern.
    """

    def cause(promise: Promise) -> Cause:
        return Cause(domain.judging_cause(promise, safe, promises.clock.now()), "callback")

    return await _handle(promises, municipality, stream, case_id, Judge(safe), cause, version=version)


async def _handle(
    promises: Promises,
    municipality: str,
    stream: str,
    case_id: str,
    command: Command,
    cause: Cause | Callable[[Promise], Cause],
    new: bool = False,
    may: Callable[[Promise], None] = lambda _: None,
    version: int | None = None,
) -> Handled[Promise]:
    def decide(promise: Promise) -> Sequence[domain.Event]:
        may(promise)
        return domain.decide(command, promise, promises.books[municipality], promises.clock.now())

    return await handled(
        promises, promises.decider, municipality, stream, case_id, cause, decide, new=new, version=version
    )


async def handled(
    promises: Promises,
    rules: Decider[S, E],
    municipality: str,
    stream: str,
    case_id: str,
    cause: Cause | Callable[[S], Cause],
    decide: Callable[[S], Sequence[E]],
    *,
    new: bool = False,
    version: int | None = None,
) -> Handled[S]:
    """Load, decide, append, with the policy books that the rules ask for.

    Raises:
        RuleViolation: the rules say no.
        NotFound: they ask for a book that nobody kept.
    """

    def decision(state: S, _: int) -> Decision[E]:
        try:
            return Decision(decide(state))
        except domain.RuleBroken as broken:
            raise RuleViolation(broken.code, broken.detail) from None

    def ask() -> Awaitable[Handled[S]]:
        return handle(
            promises.store,
            rules,
            promises.clock,
            municipality=municipality,
            stream=stream,
            correlation_id=case_id,
            cause=cause,
            decide=decision,
            if_match=version,
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
