"""The story of one case: every event, with its time and the service that told it."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Column, Table

from lofte_local.timeline import CaseEvent

__all__ = ["print_story"]


def print_story(console: Console, reference: str, events: Sequence[CaseEvent], zone: ZoneInfo) -> None:
    """In time order, as `lofte story` tells it."""
    table = Table(
        *(Column(name, no_wrap=True) for name in ("time", "service", "what happened")),
        "facts",
        title=f"The story of case {reference}",
        title_justify="left",
    )
    for event in events:
        facts = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in event.facts)
        table.add_row(event.at.astimezone(zone).strftime("%a %H:%M:%S"), event.service, event.name, facts)
    console.print(table)
