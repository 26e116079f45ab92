"""Wait for a condition with a deadline: nothing in the tests sleeps."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], T | Awaitable[T]], deadline: float = 10.0, every: float = 0.02
) -> T:
    """The first truthy answer of `condition`; its last error, or an AssertionError, when `deadline` seconds are over."""
    until = time.monotonic() + deadline
    while True:
        failure: BaseException | None = None
        answer: object = None
        try:
            answer = condition()
            if inspect.isawaitable(answer):
                answer = await answer
        except AssertionError as error:
            failure = error
        if failure is None and answer:
            return answer  # type: ignore[return-value]
        if time.monotonic() > until:
            raise failure or AssertionError(f"not within {deadline} s; the last answer was {answer!r}")
        await asyncio.sleep(every)
