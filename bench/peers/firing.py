"""What the peers' timers do when they fire: one line into a file, for all of them the same."""

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

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


def end(worker: "subprocess.Popen[bytes]") -> None:
    """Ask a peer's process to stop, and kill it where it takes its time."""
    worker.terminate()
    try:
        worker.wait(10)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
