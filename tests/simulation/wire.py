"""The wire between a process and the servers: everything takes time on it, may be lost on it, or may be cut."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chassis.errors import OutcomeUnknown, Unavailable
from pymongo.errors import AutoReconnect

from .loop import RUNNING_IN, SimulatedLoop

UNREACHABLE_FOR = 0.5
"""Real seconds until a caller gives up on a server that is away."""
_SOME = 0.15
"""The share of what passes that takes a few milliseconds; the rest is as fast as the wire is short."""


@dataclass
class Wire:
    """How good the connections are now. `away`: the servers that cannot be reached; `lost`: the share of requests,
    and as many of the answers, that get lost; `slow`: the share that takes long.
    """

    loop: SimulatedLoop
    chance: Random
    away: set[str] = field(default_factory=set)
    lost: float = 0.0
    slow: float = 0.0

    async def pass_on(self, server: str, failure: Callable[[], Exception]) -> None:
        """A request on its way to a server, or its answer on the way back. Raises `failure()`."""
        if (luck := self.luck(server)) is not None:
            await self.meet(luck, failure)

    def luck(self, server: str) -> float | None:
        """What what passes now is to `meet`; None: nothing, as most does."""
        if server in self.away:
            return -1.0
        luck = self.chance.random()
        return luck if luck <= self.lost + self.slow + _SOME else None

    async def meet(self, luck: float, failure: Callable[[], Exception]) -> None:
        """Be lost, or late. Raises `failure()`."""
        if luck < 0.0:
            await self.wait(UNREACHABLE_FOR)
        if luck < self.lost or luck < 0.0:
            raise failure()
        await self.wait(self.chance.random() * (2.0 if luck < self.lost + self.slow else 0.004))

    def on_server(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that has reached its server: it belongs to no process."""
        context = copy_context()
        context.run(RUNNING_IN.set, None)
        return self.loop.create_task(work, context=context)

    async def wait(self, seconds: float) -> None:
        future = self.loop.create_future()
        self.loop.call_later(seconds, _done, future)
        await future


class Remote:
    """An object behind the wire: its coroutines take time and may fail before they were done, or after.

    Whoever is told of a failure cannot know which; a process that dies meanwhile hears nothing.
    """

    def __init__(
        self, inner: Any, server: str, wire: Wire, failure: Callable[[], Exception] | None = None
    ) -> None:
        self._inner = inner
        self._server = server
        self._wire = wire
        self._failure = failure or unavailable

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if inspect.iscoroutinefunction(found):
            wire, server, failure = self._wire, self._server, self._failure

            async def remote(*args: Any, **kwargs: Any) -> Any:
                if (luck := wire.luck(server)) is not None:
                    await wire.meet(luck, failure)
                result = await found(*args, **kwargs)
                if (luck := wire.luck(server)) is not None:
                    await wire.meet(luck, failure)
                return result

            self.__dict__[name] = remote
            return remote
        if name == "find":
            return lambda *args: Remote(found(*args), self._server, self._wire, self._failure)
        if name == "with_options":
            return lambda **_: self
        return found


def unavailable() -> Exception:
    return Unavailable("MongoDB: simulated")


def unknown() -> Exception:
    return OutcomeUnknown("MongoDB: simulated; nobody can say whether the write holds")


def driver_failed() -> Exception:
    """As the driver says it, for what translates the driver's errors itself."""
    return AutoReconnect("simulated")


def process_name() -> str:
    """Who does it: a process, or somebody outside."""
    process = RUNNING_IN.get()
    return process.name if process is not None else "-"


def _done(future: Any) -> None:
    if not future.done():
        future.set_result(None)
