"""`lofte import`: a file by its mapping, with a bar, a report, and an end that can be gone on from."""

import asyncio
import base64
import json
import os
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lofte_local.errors import LocalError
from lofte_local.importing.faults import REASONS
from lofte_local.importing.mapping import Mapping, read_mapping
from lofte_local.importing.progress import Progress as Kept
from lofte_local.importing.rows import RowReader
from lofte_local.importing.sending import Intake, Sender
from lofte_local.importing.source import Source, digest
from lofte_local.interrupt import interruptible
from lofte_local.options import open_stack

__all__ = ["import_file"]

_SUBJECT = "import"
_INTERRUPTED = 130


def import_file(
    file: Path,
    mapping: Path | None,
    to: Path | None,
    intake: str | None,
    *,
    base_port: int | None,
    data_dir: Path | None,
) -> None:
    """Import a file by its mapping, or go on; reports lie in `to`, else beside the file. Raises LocalError."""
    console = Console()
    if mapping is None:
        raise LocalError("Which column is what? Give --mapping MAPPING.yaml; --prepare drafts one.")
    told = read_mapping(mapping)
    source = Source(file, told.csv.encoding, told.csv.delimiter)
    if missing := sorted(told.columns - set(source.header)):
        raise LocalError(f"{file} has no column {', '.join(missing)}: correct {mapping}.")
    where = _given(intake, told) if intake else _of_stack(told, base_port, data_dir)
    folder = to or file.parent
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise LocalError(f"{folder} cannot be written to: give a folder for the reports with --to.")
    what = f"{digest(file)} {digest(mapping)} {where.url} {where.subject}"
    kept = Kept(folder, f"{file.name}.{told.municipality}", what)
    with interruptible():
        try:
            sender = _run(source, told, where, kept, console)
        except KeyboardInterrupt:
            console.print(f"Stopped after row {kept.done}; the same command goes on.")
            raise typer.Exit(_INTERRUPTED) from None
    _tell(sender, kept, console)


def _run(source: Source, told: Mapping, where: Intake, kept: Kept, console: Console) -> Sender:
    total = sum(1 for _ in source.rows())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("rows"),
        TimeElapsedColumn(),
    )
    if kept.done:
        console.print(f"Going on after row {kept.done} of {total}.")
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"importing into {told.municipality}", total=total)
        sender = Sender(
            RowReader(told), told.source, where, kept, lambda done: bar.update(task, completed=done)
        )
        try:
            asyncio.run(sender.send(source.rows()))
        except ExceptionGroup as group:
            # One of the requests that were under way at once; the others were told to stop.
            known = group.subgroup(LocalError)
            raise (known.exceptions[0] if known else group) from None
    return sender


def _tell(sender: Sender, kept: Kept, console: Console) -> None:
    rejected = kept.rejected
    console.print(
        f"{kept.done - rejected.total()} of {kept.done} rows are imported, {sender.sent} of them now."
    )
    if not rejected:
        return
    table = Table("rejected", "reason", "meaning")
    for reason, count in rejected.most_common():
        table.add_row(str(count), reason, REASONS.get(reason, ""))
    console.print(table)
    console.print(f"Each with its line and remedy: {kept.report}", soft_wrap=True)


def _of_stack(told: Mapping, base_port: int | None, data_dir: Path | None) -> Intake:
    stack = open_stack(base_port, data_dir)
    token = stack.token("system", told.municipality, subject=_SUBJECT)
    return Intake(stack.service_url("intake"), token, told.municipality, _SUBJECT)


def _given(url: str, told: Mapping) -> Intake:
    token = os.environ.get("LOFTE_TOKEN", "")
    try:
        claims = token.split(".")[1]
        subject = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"]
    except (IndexError, ValueError, KeyError, TypeError):
        raise LocalError(
            "LOFTE_TOKEN holds no token: set it to one of role system for the municipality."
        ) from None
    return Intake(url, token, told.municipality, str(subject))
