"""The statutory clock in the log: a stream for each case, beside its promises'; and what is done to it."""

from collections.abc import Callable, Sequence
from functools import cache

from chassis.commit import Cause, Codec, Commit, Timers
from chassis.handling import Decider, Handled

from callback.domain import Fire, FiringFoundNothing, owner_of, statutory
from callback.domain.statutory import StatutoryClock, StatutoryCommand, StatutoryEvent
from callback.handlers import Promises, handled, promises_of

_NOUN = "statutory"


@cache
def decider() -> Decider[StatutoryClock, StatutoryEvent]:
    """The rules of a case's statutory clock. Only what somebody is told of is published."""
    inside = (
        statutory.StatutoryClockStarted,
        statutory.DelayNoticeGiven,
        statutory.DecisionRequested,
        statutory.DecisionRequestRefused,
        statutory.StatutoryClockEnded,
        FiringFoundNothing,
    )
    codec: Codec[StatutoryEvent] = Codec([*inside, statutory.StatutoryStageReached])
    return Decider(statutory.NO_CLOCK, statutory.evolve, codec, timers=_timers, inside=inside)


def _timers(clock: StatutoryClock) -> Timers:
    timers = statutory.timers(clock)
    return Timers(timers.next_at, timers.judge_at)


def stream_of(municipality: str, case_id: str) -> str:
    """The stream of a case's statutory clock."""
    return f"{municipality}.{_NOUN}-{case_id}"


def is_of_clock(municipality: str, stream: str) -> bool:
    """Whether a stream is that of a statutory clock."""
    return stream.startswith(f"{municipality}.{_NOUN}-")


async def commits_of(promises: Promises, municipality: str, case_id: str) -> list[Commit]:
    """What was written down of a case's statutory clock; nothing: none was started."""
    return [*await promises.store.load(municipality, stream_of(municipality, case_id))]


async def change(
    promises: Promises,
    municipality: str,
    case_id: str,
    command: StatutoryCommand,
    cause: Cause,
    *,
    may: Callable[[str | None], None],
) -> Handled[StatutoryClock]:
    """What somebody does to the statutory clock of a case. `may` raises NotAllowed for whom the owner is none of their
    business.

    Raises:
        NotYetVisible: callback has not heard of the case.
        RuleViolation: not as the clock stands, or none is kept here.
        NotFound: it was started under a policy book that nobody kept.
    """
    owner = await _owner(promises, municipality, case_id)
    stream = stream_of(municipality, case_id)
    return await _handle(promises, municipality, stream, case_id, command, owner, cause, may=may)


async def fire(
    promises: Promises, municipality: str, stream: str, case_id: str, *, version: int | None = None
) -> Handled[StatutoryClock]:
    """The time of a stage has come; each fires once.

    Raises:
        VersionMismatch: the stream is not at `version` any more: the timers of a newer commit govern.
    """

    def cause(clock: StatutoryClock) -> Cause:
        return Cause(statutory.firing_cause(clock, promises.clock.now()), "callback")

    owner = await _owner(promises, municipality, case_id)
    return await _handle(promises, municipality, stream, case_id, Fire(), owner, cause, version=version)


async def _owner(promises: Promises, municipality: str, case_id: str) -> str | None:
    found = await promises_of(promises, municipality, case_id)
    return owner_of([promises.decider.fold(commits) for commits in found])


async def _handle(
    promises: Promises,
    municipality: str,
    stream: str,
    case_id: str,
    command: StatutoryCommand,
    owner: str | None,
    cause: Cause | Callable[[StatutoryClock], Cause],
    *,
    may: Callable[[str | None], None] = lambda _: None,
    version: int | None = None,
) -> Handled[StatutoryClock]:
    def decide(clock: StatutoryClock) -> Sequence[StatutoryEvent]:
        may(owner)
        return statutory.decide(command, clock, promises.books[municipality], owner, promises.clock.now())

    return await handled(promises, decider(), municipality, stream, case_id, cause, decide, version=version)
