"""Wait for a condition with a deadline: nothing in the tests sleeps."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")


@overload
async def eventually(
    condition: Callable[[], Awaitable[T | None]], deadline: float = ..., every: float = ...
) -> T: ...


@overload
async def eventually(condition: Callable[[], T | None], deadline: float = ..., every: float = ...) -> T: ...


async def eventually(condition: Callable[[], Any], deadline: float = 10.0, every: float = 0.02) -> Any:
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
            return answer
        if time.monotonic() > until:
            raise failure or AssertionError(f"not within {deadline} s; the last answer was {answer!r}")
        await asyncio.sleep(every)
