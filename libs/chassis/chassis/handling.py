"""How every command is handled: load, decide, append. One function, so that no handler can forget a guard."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Commit, Timers
from chassis.errors import Conflict, KeyReused, VersionMismatch
from chassis.store import EventStore

S = TypeVar("S")
E = TypeVar("E")

_ATTEMPTS = 25


@dataclass(frozen=True, slots=True)
class Decider(Generic[S, E]):
    """A service's rules for one kind of stream: where it begins, how an event changes it, how events are stored.

    `timers` is given for streams that fire: one pure function of the state, asked after every decision. `inside` are
    the events that are never published.
    """

    initial: S
    evolve: Callable[[S, E], S]
    codec: Codec[E]
    timers: Callable[[S], Timers] | None = None
    inside: tuple[type[E], ...] = ()

    def fold(self, commits: Iterable[Commit]) -> S:
        """The state after `commits`, oldest first."""
        state = self.initial
        for commit in commits:
            for stored in commit.events:
                state = self.evolve(state, self.codec.restore(stored))
        return state


@dataclass(frozen=True, slots=True)
class Decision(Generic[E]):
    """What a command leads to: events (none: nothing is written), the answer, and what must be unique."""

    events: Sequence[E]
    result: Mapping[str, Any] | None = None
    unique: str | None = None


@dataclass(frozen=True, slots=True)
class Handled(Generic[S]):
    """The stream after the command, and the answer; for a `repeated` cause as it was the first time."""

    state: S
    version: int
    result: Mapping[str, Any] | None
    repeated: bool = False


async def handle(
    store: EventStore,
    decider: Decider[S, E],
    clock: Clock,
    *,
    municipality: str,
    stream: str,
    correlation_id: str,
    cause: Cause | Callable[[S], Cause],
    decide: Callable[[S, int], Decision[E]],
    if_match: int | None = None,
    on_mismatch: Callable[[S, int], VersionMismatch] | None = None,
    new: bool = False,
) -> Handled[S]:
    """Handle one command on one stream, effectively once.

    Args:
        cause: why; or how to name it from the state, for a firing.
        decide: from the state and the number of the attempt (0, 1, ...) to a Decision; raises a Refusal to say no.
        if_match: the version that the caller has seen; None: whatever it is now.
        on_mismatch: makes the 412 from the present state and version.
        new: the stream is just named and hardly exists: the first attempt appends without loading.

    Raises:
        KeyReused: the cause was handled before, with another body.
        VersionMismatch: `if_match` is not the present version.
        Conflict: other writers were first, again and again.
    """
    for attempt in range(_ATTEMPTS):
        commits = [] if new and attempt == 0 else await store.load(municipality, stream)
        state = decider.fold(commits)
        version = commits[-1].last_version if commits else 0
        why = cause if isinstance(cause, Cause) else cause(state)
        earlier = next((commit for commit in commits if commit.cause.caused_by == why.caused_by), None)
        if earlier is not None:
            if why.body_hash is not None and earlier.cause.body_hash != why.body_hash:
                raise KeyReused("Idempotency-Key: used before for another request; take a new key")
            # Told as it was then: a repeat gets the same answer.
            then = [commit for commit in commits if commit.last_version <= earlier.last_version]
            return Handled(decider.fold(then), earlier.last_version, earlier.result, repeated=True)
        if if_match is not None and if_match != version:
            raise (
                on_mismatch(state, version)
                if on_mismatch
                else VersionMismatch(f"the version is now {version}")
            )
        decision = decide(state, attempt)
        if not decision.events:
            return Handled(state, version, decision.result)
        for event in decision.events:
            state = decider.evolve(state, event)
        commit = Commit(
            municipality=municipality,
            stream=stream,
            first_version=version + 1,
            events=[decider.codec.store(event) for event in decision.events],
            cause=why,
            correlation_id=correlation_id,
            committed_at=clock.now(),
            result=decision.result,
            unique=decision.unique,
            timers=decider.timers(state) if decider.timers else None,
            inside=all(isinstance(event, decider.inside) for event in decision.events),
        )
        try:
            await store.append(commit)
        except Conflict:
            # A little apart, so that the same writers do not meet again.
            if attempt > 2:
                await clock.sleep(random.uniform(0, 0.005 * attempt))  # noqa: S311
            continue
        return Handled(state, version + len(decision.events), decision.result)
    raise Conflict(f"{stream}: other writers were first {_ATTEMPTS} times")
