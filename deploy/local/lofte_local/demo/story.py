"""What the demo prints of single cases: one story in full, the fate of the promises with an example of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from lofte_local.timeline import CaseEvent

__all__ = ["Example", "print_fates", "print_story"]

_FATES = (
    ("kept", "kept", "the citizen was reached or answered in time"),
    ("answered-late", "answered late", "broken, then answered: never counted as kept"),
    ("broken", "broken, still open", "nobody has answered: the ladder goes on"),
    ("open", "open", "not due yet"),
)
_FORM = "%a %H:%M"
_STAGES = {"reminder": "reminded", "due": "due"}
_ENDS = {
    "PromiseKept": "kept",
    "PromiseBroken": "judged broken",
    "PromiseAnsweredLate": "answered late",
}


@dataclass(frozen=True)
class Example:
    """A case that stands for a fate."""

    fate: str
    reference: str
    events: Sequence[CaseEvent]


def print_story(console: Console, reference: str, events: Sequence[CaseEvent], zone: ZoneInfo) -> None:
    """Every event in time order, with the service that told it, as `lofte story` tells it."""
    console.print(f"[bold]The story of case {reference}[/]")
    table = Table(
        *(Column(name, no_wrap=True) for name in ("time", "service", "what happened")),
        "facts",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for event in events:
        facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.facts_in(zone, _FORM))
        table.add_row(event.at.astimezone(zone).strftime("%a %H:%M:%S"), event.service, event.name, facts)
    console.print(table)


def print_fates(console: Console, states: Counter[str], examples: Sequence[Example], zone: ZoneInfo) -> None:
    """How many promises ended how, and an example of each with the timers that fired."""
    console.print(f"[bold]The promises[/]: {states.total()} made")
    table = Table(
        "fate", Column("promises", justify="right"), "meaning", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for state, name, meaning in _FATES:
        table.add_row(name, str(states[state]), meaning)
    console.print(table)
    table = Table(
        Column("for example", no_wrap=True),
        Column("case", no_wrap=True),
        "what its timers fired, and how it ended",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for example in examples:
        table.add_row(example.fate, example.reference, _in_words(example.events, zone))
    console.print(table)


def _in_words(events: Sequence[CaseEvent], zone: ZoneInfo) -> str:
    said = []
    for event in events:
        facts, at = dict(event.facts_in(zone, _FORM)), event.at.astimezone(zone)
        if event.name == "PromiseMade":
            said.append(f"promised before {facts['due_at']}")
        elif event.name == "CallbackDue":
            said.append(f"{_STAGES.get(facts['stage'], 'overdue, ' + facts.get('to', ''))} {at:%a %H:%M}")
        elif event.name in _ENDS:
            said.append(f"{_ENDS[event.name]} {at:%a %H:%M}")
    return ", ".join(said)
