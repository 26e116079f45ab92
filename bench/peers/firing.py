"""What the peers' timers do when they fire: one line into a file, for all of them the same."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.probing import ROOT, Sample

_TRIES = 3

FILE = "BENCH_FIRED"
"""Names the file that a peer's worker writes to."""


def note(due: float) -> None:
    """Now is when what was due at `due` (seconds since 1970) fired. A line that short is written whole."""
    file = os.open(os.environ[FILE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{due} {time.time()}\n".encode())
    os.close(file)


def read(path: Path) -> Sequence[tuple[float, float]]:
    """(due, fired) of each so far."""
    if not path.exists():
        return []
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(float(due), float(fired)) for due, fired in lines]


def late(path: Path, count: int, patience: float) -> Sequence[float]:
    """Seconds that each was late, once `count` have fired. Raises SystemExit when they do not within `patience`."""
    deadline = time.monotonic() + patience
    while len(fired := read(path)) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"of {count} timers only {len(fired)} fired within {patience:.0f} s")
        time.sleep(0.25)
    return [at - due for due, at in fired]


REDIS = "BENCH_REDIS"
"""Names the Redis that a peer's worker works from."""


@contextmanager
def worker(redis: str, *command: str) -> Iterator[Path]:
    """`python -m` such a worker while the block runs; the file in which it notes what fired."""
    with tempfile.TemporaryDirectory(prefix="lofte-worker-") as folder:
        fired = Path(folder, "fired")
        environment = {**os.environ, REDIS: redis, FILE: str(fired)}
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            yield fired
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """Ask a peer's process to stop, and kill it where it takes its time."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class DueTooSoon(Exception):
    """What was to be pending fell due while it was still being scheduled."""


async def in_time(once: Callable[[float], Awaitable[Sample]], pace: float) -> Sample:
    """The sample that `once` takes, when given enough seconds a timer for scheduling."""
    for _ in range(_TRIES):
        try:
            return await once(pace)
        except DueTooSoon:
            pace *= 3
    raise SystemExit(f"timers could not be scheduled within {pace:.3f} s each: the machine is too busy")
