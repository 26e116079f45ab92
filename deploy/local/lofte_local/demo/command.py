"""`lofte demo`: start a stack of its own, play a Monday on it, tell what happened, and whether all of it really did."""

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from chassis.clock import Clock, make_clock
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lofte_local.demo.client import Client
from lofte_local.demo.day import Day
from lofte_local.demo.fate import Shown, choose_shown, summary, timers_missing, wait_for_the_end
from lofte_local.demo.generator import DEFAULT_SEED, plan_day
from lofte_local.demo.player import Played, play
from lofte_local.demo.report import print_report
from lofte_local.demo.rules import MARGIN, read_rules
from lofte_local.demo.story import Example, print_fates, print_story
from lofte_local.errors import LocalError
from lofte_local.stack import Stack
from lofte_local.timeline import CaseEvent, story

__all__ = ["CLOCK", "run"]

CLOCK = "2026-03-02T07:30+01:00x600"

_HEAD_STARTS = (20.0, 90.0)
"""Real seconds between the services' start and 7:30; the second for a machine that needed longer than the first."""

_AT_THE_LATEST = time(8, 15)
"""Ready later than this, the first calls could not be answered far from their limit."""

_INTERRUPTED = 130
_WIDTH = 110

MakeStack = Callable[[str, float], Stack]


def run(make_stack: MakeStack, *, keep: bool = False, seed: int = DEFAULT_SEED) -> int:
    """Play the day of this seed; 0 when all that was planned really happened, 1 when not, 130 when interrupted.

    Args:
        make_stack: a new stack, not yet started, with a domain clock and so many real seconds before its start.
        keep: leave the stack running when the day was played.
    """
    console = make_console()
    day = plan_day(seed)
    try:
        for head_start in _HEAD_STARTS:
            try:
                return _play_on(make_stack(CLOCK, head_start), day, console, keep=keep)
            except _ReadyTooLate:
                console.print(
                    "The services were not ready when the day began; once more, with more time to start."
                )
    except KeyboardInterrupt:
        console.print("Interrupted; everything is stopped.")
        return _INTERRUPTED
    raise LocalError(
        "The services were not ready when the day began: this machine is too busy for the demo now."
    )


def make_console() -> Console:
    """Where nobody says how wide a line may be, wide enough for the report."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDTH)


class _ReadyTooLate(Exception):
    """The day had begun when the services were ready."""


def _play_on(stack: Stack, day: Day, console: Console, *, keep: bool) -> int:
    """Raises _ReadyTooLate. However it ends, but for `keep`, the stack is stopped."""
    status = console.status("starting")
    status.start()
    try:
        with stack.running(keep=keep, say=lambda step: status.update(f"starting: {step}")):
            status.stop()
            code = asyncio.run(_play_and_tell(stack, day, console))
            if not keep:
                status.update("stopping")
                status.start()
    finally:
        status.stop()
    if keep:
        _say_how_to_go_on(stack, console)
    return code


async def _play_and_tell(stack: Stack, day: Day, console: Console) -> int:
    clock = _clock_of(stack)
    zone = read_rules(day.municipality, day.date).municipality.time_zone
    if clock.now() > datetime.combine(day.date, _AT_THE_LATEST, zone):
        raise _ReadyTooLate
    console.print(
        f"Löfte runs: {stack.url}. One Monday at a contact centre, a minute for ten hours (seed {day.seed}):"
    )
    async with Client(stack, day.municipality) as client:
        played = await _play(day, client, clock, console, zone)
        with console.status("waiting until the last promises are judged"):
            ended = await wait_for_the_end(day, played, client, clock)
        # Two runs differ in what the machine's speed decides, and in nothing else: it is told in this line.
        console.print(
            f"{played.steps} acts with {client.requests} requests; the slowest ended {_minutes(played.latest)} "
            f"domain minutes ({clock.real_seconds(played.latest):.1f} s) after its time ({played.slowest})."
        )
        shown = choose_shown(day)
        stories = await _stories(stack, day, played, shown)
        examples = [
            Example(each.fate, played.references.get(number, "?"), stories.get(number, ()))
            for each, number in ((each, each.errand.number) for each in shown)
        ]
        print_story(console, played.references.get(day.hero, "?"), stories.get(day.hero, ()), zone)
        print_fates(console, ended.states, examples, zone)
        groups = {by: await summary(day, client, by) for by in ("channel", "topic", "department")}
        print_report(console, day, ended.whole, groups)
    missing = [*_refused(played), *ended.missing]
    for each in shown:
        missing += timers_missing(each, stories.get(each.errand.number, ()))
    if missing and played.latest > MARGIN / 2:
        missing.append(
            "time: this machine was too busy for a day a minute long, acts came too late; run it again when less runs"
        )
    for what in missing:
        console.print(f"[red]missing:[/] {what}", soft_wrap=True)
    if not missing:
        console.print(
            "[green]Everything happened as it was played[/]: each promise, each timer, each figure."
        )
    return 1 if missing else 0


async def _play(day: Day, client: Client, clock: Clock, console: Console, zone: ZoneInfo) -> Played:
    """With a bar that shows the domain time."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("acts"),
        TimeElapsedColumn(),
    )
    steps = sum(1 + len(errand.acts) for errand in day.errands)
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=steps)

        async def tell_the_time() -> None:
            while True:
                progress.update(bar, description=f"{clock.now().astimezone(zone):%a %H:%M}")
                await asyncio.sleep(0.1)

        telling = asyncio.create_task(tell_the_time())
        try:
            return await play(day, client, clock, lambda: progress.advance(bar))
        finally:
            telling.cancel()


async def _stories(
    stack: Stack, day: Day, played: Played, shown: Sequence[Shown]
) -> Mapping[int, Sequence[CaseEvent]]:
    numbers = {day.hero, *(each.errand.number for each in shown)}
    found: dict[int, Sequence[CaseEvent]] = {}
    for number in sorted(numbers & played.cases.keys()):
        found[number] = await story(stack.kafka_address, stack.topic_prefix, played.cases[number])
    return found


def _refused(played: Played) -> list[str]:
    """The first few, and how many more."""
    few = [f"refused: {what}" for what in played.refused[:5]]
    more = len(played.refused) - len(few)
    return [*few, *([f"{more} more were refused"] if more else [])]


def _clock_of(stack: Stack) -> Clock:
    settings = stack.settings
    return make_clock(settings.clock, datetime.fromisoformat(settings.anchor) if settings.anchor else None)


def _minutes(late: timedelta) -> int:
    return round(late.total_seconds() / 60)


def _say_how_to_go_on(stack: Stack, console: Console) -> None:
    where = f"--data-dir {shlex.quote(str(stack.folder))}"
    console.print(f"The stack goes on running, at ten domain hours a minute: {stack.url}", soft_wrap=True)
    for what, command in (
        ("look at it", f"./lofte status {where}"),
        ("a case", f"./lofte story REFERENCE {where}"),
        ("a token", f"./lofte token --role guide --municipality 0581 {where}"),
        ("stop it", f"./lofte down {where}"),
    ):
        console.print(f"  {what + ':':<12}{command}", soft_wrap=True)
