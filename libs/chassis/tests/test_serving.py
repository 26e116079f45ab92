"""The loops beside the server: what fails is tried again, with growing pauses."""

import asyncio
from datetime import timedelta
from itertools import pairwise

from chassis.serving import kept_running, until_done
from chassis.testing.clock import ManualClock


async def test_a_loop_that_fails_or_ends_is_run_again_after_growing_pauses() -> None:
    clock, runs = ManualClock(), []

    async def loop() -> None:
        runs.append(clock.monotonic())
        if len(runs) % 2:
            raise ValueError("as it happens")

    task = asyncio.create_task(kept_running("loop", loop, clock))
    for _ in range(80):
        await asyncio.sleep(0)
        clock.advance(timedelta(seconds=1))
    task.cancel()
    await asyncio.wait([task])
    pauses = [later - earlier for earlier, later in pairwise(runs)]
    assert pauses[:5] == [1, 2, 4, 8, 16]
    assert max(pauses) <= 30
    assert task.cancelled()


async def test_a_loop_that_ends_as_cancelled_by_nobody_is_run_again() -> None:
    """aiokafka cancels what its `stop` then waits for: whoever calls that is cancelled too, and nobody told it to end."""
    clock, runs = ManualClock(), []

    async def loop() -> None:
        runs.append(clock.monotonic())
        raise asyncio.CancelledError

    task = asyncio.create_task(kept_running("loop", loop, clock))
    for _ in range(10):
        await asyncio.sleep(0)
        clock.advance(timedelta(seconds=1))
    assert runs[:3] == [0, 1, 3]
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_loop_that_fails_while_it_is_told_to_end_is_not_run_again() -> None:
    clock, runs = ManualClock(), []

    async def loop() -> None:
        runs.append(clock.monotonic())
        try:
            await clock.sleep(1)
        finally:
            raise OSError("away")

    task = asyncio.create_task(kept_running("loop", loop, clock))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert (runs, task.done()) == ([0], True)
    assert isinstance(task.exception(), OSError)


async def test_a_step_is_tried_until_it_is_done() -> None:
    clock, tries = ManualClock(), []

    async def step() -> None:
        tries.append(clock.monotonic())
        if len(tries) < 3:
            raise OSError("away")

    task = asyncio.create_task(until_done("step", step, clock))
    for _ in range(10):
        await asyncio.sleep(0)
        clock.advance(timedelta(seconds=1))
    await task
    assert tries == [0, 1, 3]
