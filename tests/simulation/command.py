"""`make simulate SEEDS=10000`, or `SEED=n` to replay one. Ends with 1 and the trace's end at the first seed that fails."""

import argparse
import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator

from .planted import BUGS, Planted
from .scenario import Outcome, simulate, simulate_all

_CHUNK = 50
_TELL_EVERY = 5.0
_LAST_LINES = 60


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="replay this one alone, with its whole trace")
    parser.add_argument("--bug", choices=sorted(BUGS), help="plant a bug, and see which seed catches it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    given = parser.parse_args()
    if given.seed is not None:
        _quiet()
        outcome = simulate(given.seed, BUGS.get(given.bug, Planted))
        _tell(outcome, outcome.lines, given.bug)
        return 1 if outcome.failure else 0
    began, done, told_at, cpu = time.monotonic(), 0, 0.0, 0.0
    for outcome in _played(range(given.first, given.first + given.seeds), given.bug, given.jobs):
        done += 1
        cpu += outcome.cpu_seconds
        elapsed = time.monotonic() - began
        if outcome.failure is not None:
            _tell(outcome, outcome.lines[-_LAST_LINES:], given.bug)
            return 1
        if elapsed - told_at >= _TELL_EVERY:
            told_at = elapsed
            print(f"{done} of {given.seeds} seeds, {done / elapsed:.1f} seeds/s, all well", flush=True)
    elapsed = time.monotonic() - began
    each = f"{1000 * cpu / max(done, 1):.0f} ms CPU each"
    print(f"{done} seeds, all well; {done / elapsed:.1f} seeds/s in {given.jobs} processes, {each}")
    return 0


def _played(seeds: range, bug: str | None, jobs: int) -> Iterator[Outcome]:
    chunks = [(seeds[place : place + _CHUNK], bug) for place in range(0, len(seeds), _CHUNK)]
    with multiprocessing.get_context("spawn").Pool(jobs, _quiet) as pool:
        for outcomes in pool.imap(_play, chunks):
            yield from outcomes


def _play(chunk: tuple[range, str | None]) -> list[Outcome]:
    seeds, bug = chunk
    plant: Callable[[], Planted] = BUGS[bug] if bug is not None else Planted
    outcomes: list[Outcome] = []
    for outcome in simulate_all(seeds, plant):
        # Only the trace of one that fails is worth its way.
        outcomes.append(outcome if outcome.failure else outcome.without_lines())
        if outcome.failure:
            break
    return outcomes


def _tell(outcome: Outcome, lines: object, bug: str | None) -> None:
    planted = f' BUG="{bug}"' if bug else ""
    for line in lines if isinstance(lines, list) else ():
        print(line)
    print(f"seed {outcome.seed}: {outcome.failure or 'all well'}; trace {outcome.hash}")
    if outcome.failure:
        print(f"replay it: make simulate SEED={outcome.seed}{planted}")


def _quiet() -> None:
    logging.disable(logging.WARNING)
