"""The options that every command takes, and the stack that they name."""

from pathlib import Path
from typing import Annotated

import typer

from lofte_local.errors import LocalError
from lofte_local.settings import SERVICES, default_folder
from lofte_local.stack import Stack

__all__ = ["BasePort", "DataDir", "Service", "folder_of", "known_service", "open_stack"]

BasePort = Annotated[
    int | None,
    typer.Option("--base-port", help="The stack's first port (8100 unless told)", show_default=False),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", help="The stack's data folder (.local/stack, or .local/stack-PORT)", show_default=False
    ),
]
Service = Annotated[str, typer.Argument(help=", ".join(SERVICES))]


def folder_of(base_port: int | None, data_dir: Path | None) -> Path:
    return (data_dir or default_folder(base_port)).expanduser().resolve()


def open_stack(base_port: int | None, data_dir: Path | None) -> Stack:
    """The stack that is meant. Raises LocalError when there is none, or another than the port says."""
    stack = Stack.open(folder_of(base_port, data_dir))
    if base_port not in (None, stack.settings.base_port):
        raise LocalError(
            f"The stack in {stack.folder} has base port {stack.settings.base_port}, not {base_port}: leave one of the two out."
        )
    return stack


def known_service(name: str) -> str:
    """Raises LocalError when there is no such service."""
    if name not in SERVICES:
        raise LocalError(f"There is no service {name}: choose {', '.join(SERVICES)}.")
    return name
