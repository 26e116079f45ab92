"""What the demo prints of a day's figures, as the services tell them."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from lofte_local.demo.day import Day

__all__ = ["print_report"]

_COLUMNS = (
    ("cases", "cases"),
    ("contacts", "con-\ntacts"),
    ("solved_at_first_contact", "first\ncontact"),
    ("share", "share"),
    ("forwarded", "for-\nwarded"),
    ("returned", "re-\nturned"),
    ("promises_made", "pro-\nmises"),
    ("promises_kept", "kept"),
    ("promises_broken", "bro-\nken"),
    ("promises_answered_late", "of it\nlate"),
    ("promises_open", "open"),
)
_NO_GROUP = {"topic": "(not told)", "department": "(topic not told)", "channel": "(none)"}


def print_report(
    console: Console, day: Day, whole: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]
) -> None:
    """The day's figures. `groups`: the summary by channel, topic and department."""
    console.print(f"[bold]The day's report[/]: {day.date:%A %-d %B %Y}, with the post of the weekend")
    for by, answer in groups.items():
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column(f"by {by}")
        for _, heading in _COLUMNS:
            table.add_column(heading, justify="right", no_wrap=True)
        for row in answer["rows"]:
            name = _NO_GROUP[by] if row["group"] is None else day.names.get(row["group"], row["group"])
            table.add_row(name, *_cells(row))
        table.add_section()
        table.add_row("all", *_cells(whole), style="bold")
        console.print(table)
    topics = {row["group"]: row for row in groups["topic"]["rows"]}
    console.print(
        f"Solved at first contact: {_share(whole)} of all, "
        f"{_share(topics.get('social.economic-aid', {}))} in economic aid, "
        f"{_share(topics.get('school.start', {}))} in school start. "
        f"Promises kept, where one was needed: {whole.get('kept_share') or 0:.0%}."
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [_share(row) if name == "share" else str(row.get(name) or "-") for name, _ in _COLUMNS]


def _share(row: Mapping[str, Any]) -> str:
    return f"{row['solved_at_first_contact'] / row['cases']:.0%}" if row.get("cases") else "-"
