"""What the demo prints: the fate of the promises, and the day's figures as the services tell them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from lofte_local.demo.day import Day
from lofte_local.demo.fate import Ended, Shown
from lofte_local.timeline import CaseEvent

__all__ = ["print_fates", "print_report"]

_FATES = (
    ("kept", "kept", "the citizen was reached or answered in time"),
    ("answered-late", "answered late", "broken, then answered; never counted as kept"),
    ("broken", "broken and still open", "nobody has answered; the ladder goes on"),
    ("open", "open", "not due yet"),
)
_COLUMNS = (
    ("cases", "cases"),
    ("contacts", "contacts"),
    ("solved_at_first_contact", "first contact"),
    ("forwarded", "forwarded"),
    ("returned", "returned"),
    ("promises_made", "promises"),
    ("promises_kept", "kept"),
    ("promises_broken", "broken"),
    ("promises_answered_late", "of these late"),
    ("promises_open", "open"),
)
_NO_GROUP = {"topic": "(topic not told)", "department": "(no department)", "channel": "(no channel)"}


def print_fates(
    console: Console,
    ended: Ended,
    shown: Sequence[tuple[Shown, str, Sequence[CaseEvent]]],
    zone: ZoneInfo,
) -> None:
    """How many promises ended how, and an example of each with the timers that fired. `shown`: with its reference."""
    table = Table(title=f"The promises: {len(ended.promises)} made", title_justify="left")
    table.add_column("fate", no_wrap=True)
    table.add_column("promises", justify="right")
    table.add_column("meaning")
    states = ended.states
    for state, name, meaning in _FATES:
        table.add_row(name, str(states[state]), meaning)
    console.print(table)
    examples = Table(title="For example, by timers that fired", title_justify="left")
    for name in ("case", "fate", "what happened to the promise"):
        examples.add_column(name, no_wrap=name != "what happened to the promise")
    for example, reference, events in shown:
        examples.add_row(reference, example.fate, _in_words(events, zone))
    console.print(examples)


def print_report(
    console: Console, day: Day, whole: Mapping[str, Any], groups: Mapping[str, Mapping[str, Any]]
) -> None:
    """The day's figures. `groups`: the summary by channel, topic and department."""
    console.print(
        f"[bold]The day's report, {day.date:%A %-d %B %Y}[/], with the post of the weekend (GET /summary)"
    )
    for by, answer in groups.items():
        table = Table(title=f"by {by}", title_justify="left")
        table.add_column(by, no_wrap=True)
        for _, heading in _COLUMNS:
            table.add_column(heading, justify="right")
        for row in answer["rows"]:
            name = _NO_GROUP[by] if row["group"] is None else day.names.get(row["group"], row["group"])
            table.add_row(name, *_cells(row))
        table.add_section()
        table.add_row("all", *_cells(whole), style="bold")
        console.print(table)
    console.print(
        f"Solved at first contact {_share(whole['solved_at_first_contact'], whole['cases'])} % "
        f"(economic aid {_of_topic(groups['topic'], 'social.economic-aid')} %, "
        f"school start {_of_topic(groups['topic'], 'school.start')} %); "
        f"promises kept, of those that needed one: {whole['kept_share']:.0%}."
    )


def _cells(row: Mapping[str, Any]) -> list[str]:
    cells = [str(row[name]) if row[name] else "-" for name, _ in _COLUMNS]
    if row["solved_at_first_contact"]:
        cells[2] += f" ({_share(row['solved_at_first_contact'], row['cases'])} %)"
    return cells


def _of_topic(answer: Mapping[str, Any], topic: str) -> int:
    row = next(row for row in answer["rows"] if row["group"] == topic)
    return _share(row["solved_at_first_contact"], row["cases"])


def _share(part: int, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _in_words(events: Sequence[CaseEvent], zone: ZoneInfo) -> str:
    said = []
    for event in events:
        facts = dict(event.facts)
        match event.name:
            case "PromiseMade":
                due = datetime.fromisoformat(facts["due_at"])
                said.append(f"promised before {due.astimezone(zone):%a %H:%M}")
            case "CallbackDue":
                words = {"reminder": "reminded", "due": "due", "overdue": f"overdue to {facts.get('to', '')}"}
                said.append(
                    f"{words.get(facts['stage'], facts['stage'])} {event.at.astimezone(zone):%a %H:%M}"
                )
            case "PromiseKept" | "PromiseBroken" | "PromiseAnsweredLate":
                verb = {"PromiseKept": "kept", "PromiseBroken": "judged broken"}.get(
                    event.name, "answered late"
                )
                said.append(f"{verb} {event.at.astimezone(zone):%a %H:%M}")
    return ", ".join(said)
