"""`lofte import`, `lofte export` and `lofte calendar`. What they need is loaded when they run: no other command waits for it."""

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from lofte_local.options import BasePort, DataDir, open_stack
from lofte_local.paths import MUNICIPALITIES

__all__ = ["calendar", "export", "import_file"]


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, plain or gzip")],
    *,
    mapping: Annotated[Path | None, typer.Option(help="Which column is what; --prepare drafts it")] = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Draft a mapping and a municipality from the file")
    ] = False,
    municipality: Annotated[str, typer.Option(help="With --prepare: its four-digit code")] = "9900",
    zone: Annotated[
        str | None, typer.Option(help="With --prepare: the time zone of the file's times")
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder of what is written; with --prepare the present one, else FILE's"),
    ] = None,
    intake: Annotated[
        str | None, typer.Option(help="URL of an intake elsewhere; its token in LOFTE_TOKEN")
    ] = None,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Import contacts from another system's CSV file; go on where an earlier run was stopped."""
    importing = importlib.import_module("lofte_local.importing")
    if prepare:
        importing.prepare(file, code=municipality, zone=zone, folder=to or Path(), console=Console())
    else:
        importing.import_file(file, mapping, to, intake, base_port=base_port, data_dir=data_dir)


def export(
    municipality: Annotated[str, typer.Option(help="Four-digit code")],
    to: Annotated[Path, typer.Option(help="Folder of the files")],
    *,
    personal_data: Annotated[
        bool, typer.Option("--personal-data", help="Also what citizens said; each reading is kept")
    ] = False,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Write a municipality's events and cases; without what citizens said, unless it is asked for."""
    stack = open_stack(base_port, data_dir)
    exporting = importlib.import_module("lofte_local.exporting")
    exporting.export(stack, municipality, to, personal_data=personal_data)


def calendar(
    file: Annotated[Path, typer.Argument(help="iCalendar (.ics)")],
    *,
    municipality: Annotated[str, typer.Option(help="Four-digit code")],
    calendar: Annotated[str, typer.Option(help="Its name in the municipality's file, such as office")],
    says: Annotated[Literal["closed", "open"], typer.Option(help="What an event means")] = "closed",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day; today unless told")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day; two years on unless told")
    ] = None,
    municipalities: Annotated[
        Path, typer.Option(help="Folder of the municipalities' files; the clone's unless told")
    ] = MUNICIPALITIES,
) -> None:
    """Print what an iCalendar file tells as exceptions of a calendar, to be pasted into the municipality's file."""
    ics = importlib.import_module("lofte_local.ics")
    first = since or datetime.now(UTC)
    last = until or first + timedelta(days=2 * 365)
    found = ics.exceptions_in(municipalities, municipality, file, calendar, says, first.date(), last.date())
    typer.echo(found or "      # nothing that the calendar does not have already", nl=not found)
