"""Seven bugs that somebody could write, planted by wrapping what is injected: the simulation has to catch each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import callback.domain
from chassis.clock import Clock
from chassis.commit import Commit
from chassis.errors import OutcomeUnknown
from chassis.handling import Decider
from chassis.ids import fresh_id
from chassis.outbox import Outbox
from chassis.reacting import Raw
from chassis.store import EventStore

if TYPE_CHECKING:
    from .world import World


class Planted:
    """No bug: everything is as it was given. A bug wraps one of these."""

    def store(self, service: str, store: EventStore, world: "World") -> EventStore:
        return store

    def outbox(self, service: str, outbox: Outbox) -> Outbox:
        return outbox

    def held(self, service: str, held: Any) -> Any:
        return held

    def timer_clock(self, clock: Clock) -> Clock:
        return clock

    def promise_rules(self, rules: Decider[Any, Any]) -> Decider[Any, Any]:
        return rules

    def safe(self, safe: Callable[[], datetime | None], clock: Clock) -> Callable[[], datetime | None]:
        return safe


class Wrapped:
    """Everything of `inner` but what a subclass does itself."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class SkippedGuard(Planted):
    """casework does not look whether a request was handled before."""

    class _Store(Wrapped):
        async def append(self, commit: Commit) -> None:
            cause = commit.cause
            if cause.caused_by.startswith("request:"):
                cause = replace(cause, caused_by=f"{cause.caused_by}:{fresh_id()}")
            await self._inner.append(replace(commit, cause=cause))

    def store(self, service: str, store: EventStore, world: "World") -> EventStore:
        return self._Store(store) if service == "casework" else store  # type: ignore[return-value]


class LostStamp(Planted):
    """The stamp of one commit never arrives, however often it is tried, and nobody notices."""

    class _Outbox(Wrapped):
        def __init__(self, inner: Any, lost: set[Any]) -> None:
            super().__init__(inner)
            self._lost = lost

        async def stamp(self, ids: Sequence[Any]) -> None:
            if len(ids) > 1 and not self._lost:
                self._lost.add(ids[-1])
            await self._inner.stamp([one for one in ids if one not in self._lost])

    def __init__(self) -> None:
        self._lost: set[Any] = set()

    def outbox(self, service: str, outbox: Outbox) -> Outbox:
        return self._Outbox(outbox, self._lost)  # type: ignore[return-value]


class EarlyTimer(Planted):
    """callback's clock is fast when it looks for what is due."""

    class _Clock(Wrapped):
        def now(self) -> datetime:
            early: datetime = self._inner.now() + timedelta(hours=1)
            return early

    def timer_clock(self, clock: Clock) -> Clock:
        return self._Clock(clock)  # type: ignore[return-value]


class DroppedHeldMessage(Planted):
    """A message that is to be held is said to be, and is not."""

    class _Held(Wrapped):
        async def hold(self, group: str, raw: Raw, reason: str, attempts: int) -> bool:
            return True

    def held(self, service: str, held: Any) -> Any:
        return self._Held(held)


class DoubleFire(Planted):
    """A firing whose outcome nobody knows is written once more, without looking."""

    class _Store(Wrapped):
        async def append(self, commit: Commit) -> None:
            try:
                await self._inner.append(commit)
            except OutcomeUnknown:
                if not commit.cause.caused_by.startswith("due:"):
                    raise
                cause = replace(commit.cause, caused_by=f"{commit.cause.caused_by}:again")
                await self._inner.append(replace(commit, cause=cause, first_version=commit.last_version + 1))

    def store(self, service: str, store: EventStore, world: "World") -> EventStore:
        return self._Store(store) if service == "callback" else store  # type: ignore[return-value]


class MovedDueTime(Planted):
    """A new route moves the time that was promised."""

    def promise_rules(self, rules: Decider[Any, Any]) -> Decider[Any, Any]:
        def evolve(promise: callback.domain.Promise, event: Any) -> callback.domain.Promise:
            after: callback.domain.Promise = rules.evolve(promise, event)
            if isinstance(event, callback.domain.RouteNoted) and after.clock is not None:
                by = timedelta(hours=3)
                due_at, judge_at = after.clock.due_at + by, after.clock.judge_at + by
                after = replace(after, clock=replace(after.clock, due_at=due_at, judge_at=judge_at))
            return after

        return replace(rules, evolve=evolve)


class BreachOnLag(Planted):
    """A breach is judged by the clock alone, whatever has not been read yet."""

    def safe(self, safe: Callable[[], datetime | None], clock: Clock) -> Callable[[], datetime | None]:
        return clock.now


BUGS: Mapping[str, Callable[[], Planted]] = {
    "skipped guard": SkippedGuard,
    "lost stamp": LostStamp,
    "early timer": EarlyTimer,
    "dropped held message": DroppedHeldMessage,
    "double fire": DoubleFire,
    "moved due time": MovedDueTime,
    "breach on lag": BreachOnLag,
}
