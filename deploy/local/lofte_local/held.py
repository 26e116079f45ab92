"""`lofte held`: messages that a service set aside, since it could not work on them."""

from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

from lofte_local.asking import ask
from lofte_local.options import BasePort, DataDir, Service, known_service, open_stack
from lofte_local.settings import SERVICES
from lofte_local.stack import Stack

__all__ = ["app"]

app = typer.Typer(
    help="Messages that a service set aside: list, show, replay, discard.", invoke_without_command=True
)

HeldId = Annotated[str, typer.Argument(help="The id that `lofte held list` shows")]
Municipality = Annotated[str, typer.Option(help="The token's municipality")]
_COLUMNS = ("id", "state", "group", "topic", "key", "attempts", "reason")


@app.callback()
def held(context: typer.Context, base_port: BasePort = None, data_dir: DataDir = None) -> None:
    """Without a subcommand: list those of all services."""
    if context.invoked_subcommand is None:
        list_held(None, base_port=base_port, data_dir=data_dir)


@app.command("list")
def list_held(
    service: Annotated[str | None, typer.Argument(help="One service; all unless told")] = None,
    municipality: Municipality = "0581",
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """What is held, in one service or in all."""
    stack = open_stack(base_port, data_dir)
    table = Table("service", *(column.replace("_", " ") for column in _COLUMNS))
    for name in [known_service(service)] if service else SERVICES:
        for item in _all_held(stack, name, municipality):
            table.add_row(name, *(str(item.get(column, "")) for column in _COLUMNS))
    if table.row_count:
        Console().print(table)
    else:
        typer.echo("Nothing is held.")


@app.command()
def show(
    service: Service,
    held_id: HeldId,
    municipality: Municipality = "0581",
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """One held message, or run of messages, with its reason."""
    Console().print_json(
        data=_ask(
            open_stack(base_port, data_dir), known_service(service), "GET", f"/held/{held_id}", municipality
        )
    )


@app.command()
def replay(
    service: Service,
    held_id: HeldId,
    municipality: Municipality = "0581",
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Work on it again, with those behind it."""
    _ask(
        open_stack(base_port, data_dir),
        known_service(service),
        "POST",
        f"/held/{held_id}/replay",
        municipality,
    )
    typer.echo("Asked for; `lofte held list` shows when it is done.")


@app.command()
def discard(
    service: Service,
    held_id: HeldId,
    reason: Annotated[str, typer.Option(help="Why it may be thrown away; kept with it")],
    municipality: Municipality = "0581",
    base_port: BasePort = None,
    data_dir: DataDir = None,
) -> None:
    """Throw it away, for a reason."""
    path = f"/held/{held_id}/discard"
    _ask(
        open_stack(base_port, data_dir),
        known_service(service),
        "POST",
        path,
        municipality,
        {"reason": reason},
    )
    typer.echo("Discarded.")


def _all_held(stack: Stack, service: str, municipality: str) -> Iterator[dict[str, Any]]:
    path = "/held"
    while path:
        page = _ask(stack, service, "GET", path, municipality)
        yield from page["items"]
        path = f"/held?{urlencode({'cursor': page['next']})}" if page.get("next") else ""


def _ask(
    stack: Stack, service: str, method: str, path: str, municipality: str, body: dict[str, str] | None = None
) -> Any:
    token = stack.token("admin", municipality)
    return ask(service, stack.service_url(service), token, method, path, body)
