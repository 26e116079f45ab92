"""Whether a task was told to end. A CancelledError does not say so: aiokafka's `stop` raises that of what it cancelled."""

import asyncio


def told_to_end() -> bool:
    """Whether the present task was cancelled, also where what it awaited has swallowed that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
