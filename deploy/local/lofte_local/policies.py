"""`lofte policies`: what a draft of a municipality's file would promise otherwise."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import typer
import yaml
from rich.console import Console
from rich.table import Table

from lofte_local.asking import ask
from lofte_local.errors import LocalError
from lofte_local.options import BasePort, DataDir, open_stack

__all__ = ["app"]

app = typer.Typer(help="Promise policies: compare a draft with what is promised.", no_args_is_help=True)

_COLUMNS = ("case", "owner", "policy", "due", "in the draft", "due then")
_FORM = "%Y-%m-%d %H:%M"


@app.callback()
def policies() -> None:
    """Promise policies."""


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="Draft of the municipality's file (YAML)", dir_okay=False)],
    *,
    municipality: Annotated[
        str | None, typer.Option(help="Four-digit code; the file's name unless told", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, to be read by a program")] = False,
    callback: Annotated[
        str | None,
        typer.Option(
            help="URL of a callback elsewhere; its token (role head, auditor or admin) in LOFTE_TOKEN",
            show_default=False,
        ),
    ] = None,
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Which open promises would have another time, had they been made under the draft? None is moved.

    Exit code 1: callback would not start with the draft, such as when promises.version was not raised.
    """
    try:
        draft = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"{file} cannot be read: give the draft as a YAML file in UTF-8.") from error
    code = municipality or file.stem
    if not (code.isdigit() and len(code) == 4):
        raise LocalError(
            "Which municipality? Name the draft after its code, such as 0581.yaml, or give --municipality."
        )
    if callback is None:
        stack = open_stack(base_port, data_dir)
        url, token = stack.service_url("callback"), stack.token("head", code)
    else:
        url, token = callback, os.environ.get("LOFTE_TOKEN", "")
        if not token:
            raise LocalError("LOFTE_TOKEN holds no token: set it to one of role head, auditor or admin.")
    pages = list(_pages(url, token, draft))
    told = pages[-1] | {
        "looked_at": sum(page["looked_at"] for page in pages),
        "touched": [one for page in pages for one in page["touched"]],
    }
    del told["next"]
    if json:
        Console().print_json(data=told)
    else:
        _show(told, ZoneInfo(yaml.safe_load(draft)["zone"]))
    raise typer.Exit(1 if told["start_refused"] else 0)


def _pages(url: str, token: str, draft: str) -> Iterator[dict[str, Any]]:
    query: dict[str, str | int] = {"limit": 200}
    while True:
        page = ask("callback", url, token, "POST", f"/policies/compare?{urlencode(query)}", {"file": draft})
        yield page
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


def _show(told: dict[str, Any], zone: ZoneInfo) -> None:
    def local(moment: str) -> str:
        return datetime.fromisoformat(moment).astimezone(zone).strftime(_FORM)

    touched = told["touched"]
    if touched:
        table = Table(*_COLUMNS)
        for one in touched:
            due, then = local(one["due_at"]), local(one["draft_due_at"])
            table.add_row(one["case_id"], one["owner"], one["policy"], due, one["draft_policy"], then)
        Console().print(table)
    typer.echo(
        f"{len(touched)} of {told['looked_at']} open promises would have another time under version "
        f"{told['policy_version']}. None is moved."
    )
    if told["start_refused"]:
        typer.echo(f"callback would not start with it: {told['start_refused']}")
