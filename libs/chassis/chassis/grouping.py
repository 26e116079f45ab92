"""Group work: what callers ask for at the same time is done in one go, and each is told its own result."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Grouper(Generic[T, R]):
    """Collects concurrent calls into groups for `work`, which answers a result or an exception for each, in order.

    While `in_flight` groups are under way further calls wait, at most `largest` to a group: the database's pool is
    never asked for more than it has. A cancelled caller does not cancel its group.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]],
        *,
        largest: int = 500,
        in_flight: int = 4,
    ) -> None:
        self._work = work
        self._largest = largest
        self._free = in_flight
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._running: set[asyncio.Task[None]] = set()
        self._woken = False

    async def __call__(self, item: T) -> R:
        """Do `item` with whatever else is asked for now."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if not self._woken:
            # One turn of the loop lets the callers that are ready now join the group.
            self._woken = True
            asyncio.get_running_loop().call_soon(self._start)
        return await future

    def _start(self) -> None:
        self._woken = False
        while self._waiting and self._free:
            self._free -= 1
            group, self._waiting = self._waiting[: self._largest], self._waiting[self._largest :]
            task = asyncio.create_task(self._run(group))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, group: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._work([item for item, _ in group])
        except BaseException as error:
            results = [error] * len(group)
        finally:
            self._free += 1
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)
        self._start()
