"""An event loop without a clock or a socket: time leaps to the next timer, and a seed says which ready callback is next."""

import asyncio
import contextlib
import heapq
import itertools
from asyncio import events
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, TypeVar

from aiokafka.errors import KafkaError
from chassis.errors import LofteError

T = TypeVar("T")

MOST_STEPS = 60_000


class Abandoned(BaseException):
    """The simulation is over: nothing is to be caught, retried or finished any more."""


class Process:
    """What can be killed or frozen: all callbacks that run in its context belong to it, its children's too."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.frozen = False
        self.parked: list[Ready] = []


Ready = tuple[Any, tuple[Any, ...], Context]
"""A callback that is to be run, its arguments, and the context in which."""
RUNNING_IN: ContextVar[Process | None] = ContextVar("process", default=None)


class Timer:
    """A callback that is to be run at a time."""

    __slots__ = ("args", "at", "callback", "context", "is_cancelled")

    def __init__(self, callback: Any, args: tuple[Any, ...], context: Context, at: float) -> None:
        self.callback = callback
        self.args = args
        self.context = context
        self.at = at
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self.at

    def ring(self) -> None:
        # It may have been cancelled since its time came.
        if not self.is_cancelled:
            self.callback(*self.args)


class _Task(asyncio.Task[T]):
    """Numbered by its loop, so that a set of tasks has the same order in every run: by itself it has that of their
    addresses, and numbered through all runs, one that depends on what ran before."""

    def __new__(cls, *_: Any, loop: "SimulatedLoop", **__: Any) -> "_Task[T]":
        task = super().__new__(cls)
        task.number = next(loop.numbers)  # type: ignore[attr-defined]
        return task

    def __hash__(self) -> int:
        return self.number  # type: ignore[attr-defined, no-any-return]


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs what is ready in an order drawn from `chance`; with nothing ready, time goes on to the next timer.

    `slack`: real seconds by which all timers may ring late together, as on a machine that has other things to do.
    Callbacks of a dead process are never run, those of a frozen one when it thaws.
    """

    def __init__(self, chance: Random) -> None:
        self._draw = chance.random
        self._now = 0.0
        self._ready: list[Ready] = []
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self.numbers = itertools.count()
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopped = False
        self.slack = 0.0
        self.steps = 0
        self.failures: list[BaseException | str] = []
        self.broken: BaseException | None = None

    # --- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._stopped

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        self._ready.append((callback, args, context if context is not None else copy_context()))

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        handle = Timer(callback, args, context if context is not None else copy_context(), when)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Any:  # type: ignore[override]
        return self.call_at(self._now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Any, *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = _Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        failure = context.get("exception") or str(context.get("message"))
        # A server's answer to a process that died meanwhile is heard by nobody.
        if not isinstance(failure, LofteError | KafkaError):
            self.failures.append(failure)

    # --- what a simulation asks of it

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end; whatever else is under way is left where it is, see `abandon`."""
        with self._current():
            task = self.create_task(main)
            ready, draw, running_in = self._ready, self._draw, RUNNING_IN
            while not task.done():
                if not ready:
                    self._leap()
                    continue
                place = int(draw() * len(ready))
                handle, ready[place] = ready[place], ready[-1]
                ready.pop()
                callback, args, context = handle
                process = context.get(running_in)
                if process is not None and (process.dead or process.frozen):
                    if not process.dead:
                        process.parked.append(handle)
                    continue
                self.steps += 1
                if self.steps > MOST_STEPS:
                    raise AssertionError(f"the simulation has taken {MOST_STEPS} steps and does not end")
                context.run(callback, *args)
                if self.broken is not None:
                    raise self.broken
            return task.result()

    def spawn(self, process: Process, work: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        """A task of a process."""
        context = copy_context()
        context.run(RUNNING_IN.set, process)
        return self.create_task(work(), context=context)

    def thaw(self, process: Process) -> None:
        """Let a frozen process go on with all that it missed."""
        process.frozen = False
        self._ready += process.parked
        process.parked = []

    def abandon(self) -> None:
        """Take down every coroutine that is still under way; whatever it does then is nobody's business any more."""
        self._stopped = True
        for task in self._tasks:
            if task.done():
                continue
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            coro: Any = task.get_coro()
            with contextlib.suppress(BaseException), self._current():
                while True:  # it may await something on its way out
                    coro.throw(Abandoned())
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()

    def _leap(self) -> None:
        timers = self._timers
        if not timers:
            raise RuntimeError("nothing is ready and no timer is set: all of the simulation waits for itself")
        until = max(self._now, timers[0][0] + self.slack)
        self._now = until
        while timers and timers[0][0] <= until:
            timer = heapq.heappop(timers)[2]
            self._ready.append((timer.ring, (), timer.context))

    @contextlib.contextmanager
    def _current(self) -> Generator[None]:
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            yield
        finally:
            events._set_running_loop(before)
