"""`python -m bench`: measures, prints, and writes bench/RESULTS.md."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace

from lofte_local.stack import Stack

from bench import machine, profiling, tables
from bench.figures import commands, due, intake, kills, pending, processes, rebuild, relay, views, whole
from bench.house import QUICK, House, Size
from bench.peers import postgres
from bench.probes.promising import always_open
from bench.tables import Table

# The whole knows the parts; the rebuild is last, because it leaves a history on the topics.
SECTIONS = {
    "measured": ("processes", "commands", "intake", "relay", "views", "whole", "rebuild"),
    "timers": ("due", "kills", "pending"),
}
"""By the mark in bench/RESULTS.md between which they are written."""
_FIGURES = [figure for figures in SECTIONS.values() for figure in figures]
_TIMERS = {"due": due, "kills": kills, "pending": pending}
_ALONE = {"commands": commands, "relay": relay, "views": views}
_WITH_SERVICES = {"processes": processes, "intake": intake, "rebuild": rebuild}


def say(line: str) -> None:
    """How far it is, for who waits."""
    print(line, file=sys.stderr, flush=True)


async def measure_timers(only: Sequence[str], size: Size) -> list[Table]:
    """The tables of those figures that are of timers, on a stack whose municipality is open at all hours."""
    stack = await asyncio.to_thread(always_open)
    with postgres.running() as peer, stack.running(say=lambda what: say(f"starting {what}")):
        house = House(stack, size, peer, say)
        done = []
        for figure in only:
            say(figure)
            done.append(await _TIMERS[figure].measure(house))
    return done


async def measure(only: Sequence[str], size: Size) -> list[Table]:
    """The tables of the other figures."""
    stack = await asyncio.to_thread(Stack.in_temporary_folder)
    done: dict[str, Table] = {}
    with postgres.running() as peer, stack.running(say=lambda what: say(f"starting {what}")):
        if peer is None:
            say(f"{postgres.MISSING}; its rows are left out now")
        house = House(stack, size, peer, say)
        for figure in only:
            say(figure)
            if figure in _ALONE:
                await house.start()
                done[figure] = await _ALONE[figure].measure(house)
            elif figure in _WITH_SERVICES:
                done[figure] = await _WITH_SERVICES[figure].measure(house)
            else:
                parts = {step: cpu for table in done.values() for step, cpu in table.parts.items()}
                done[figure] = await whole.measure(house, parts)
    return list(done.values())


def _facts(size: Size) -> str:
    facts = ", ".join(f"{name} {value}" for name, value in machine.facts().items())
    return f"Machine: {facts}. Medians of {size.runs} runs taken in turns, least and most in brackets."


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=[*_FIGURES, "timers"],
        help="one figure, may be repeated; timers: all of timers",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small, once, and not written: do all figures work?"
    )
    parser.add_argument("--runs", type=int, help="of each figure but the rebuild")
    parser.add_argument("--count", type=int, help="contacts of a run")
    parser.add_argument("--rebuild", type=int, metavar="EVENTS", help="on the topics for the rebuild")
    parser.add_argument("--print-only", action="store_true", help="leave bench/RESULTS.md as it is")
    parser.add_argument(
        "--profile", metavar="SERVICE", choices=profiling.SERVICES, help="where its time goes"
    )
    given = parser.parse_args()
    size = QUICK if given.quick else Size()
    named = {"runs": given.runs, "contacts": given.count, "rebuilt": given.rebuild}
    size = replace(size, **{name: value for name, value in named.items() if value})
    if given.profile:
        print(asyncio.run(profiling.profile(given.profile, size, say)))
        return
    only = {name for asked in given.only or _FIGURES for name in SECTIONS.get(asked, (asked,))}
    for section, figures in SECTIONS.items():
        chosen = [figure for figure in figures if figure in only]
        if not chosen:
            continue
        taking = measure_timers if section == "timers" else measure
        text = tables.render(asyncio.run(taking(chosen, size)), _facts(size))
        print(text)
        if not (given.print_only or given.quick or len(chosen) < len(figures)):
            tables.write(text, mark=section)


if __name__ == "__main__":
    main()
