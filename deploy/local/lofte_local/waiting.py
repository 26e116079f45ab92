"""Waiting for a condition, never for a time."""

import socket
import time
from collections.abc import Callable

import httpx

__all__ = ["answers", "eventually", "says_ok"]


def eventually(condition: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """True as soon as the condition holds; False when it does not within the deadline (seconds)."""
    deadline = time.monotonic() + seconds
    while True:
        if condition():
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(every)


def answers(host: str, port: int) -> bool:
    """Does anybody accept connections there?"""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def says_ok(url: str, *, seconds: float = 2) -> bool:
    """Does a GET there answer 200?"""
    try:
        return httpx.get(url, timeout=seconds, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
