"""Ctrl-C, SIGTERM and a closed terminal all mean: stop cleanly, and only once."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

__all__ = ["interruptible", "uninterrupted"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Each of the three raises KeyboardInterrupt; also where a shell started us with SIGINT ignored. Main thread only."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in _SIGNALS}
    try:
        yield
    finally:
        _restore(before)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """For bounded cleaning up: a Ctrl-C then waits until it is done, so that no process is left behind.

    A second Ctrl-C, while the first one is cleaned up after, says nothing new. Elsewhere than in the main thread: nothing.
    """
    interrupted = isinstance(sys.exception(), KeyboardInterrupt)
    came: list[int] = []
    try:
        before = {number: signal.signal(number, lambda it, _: came.append(it)) for number in _SIGNALS}
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        _restore(before)
        if came and not interrupted:
            signal.raise_signal(came[0])


def _restore(before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None]) -> None:
    for number, handler in before.items():
        if handler is not None:  # None: set by other than Python, which cannot set it again
            signal.signal(number, handler)
