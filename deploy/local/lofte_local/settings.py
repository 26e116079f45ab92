"""What a stack is: decided at its first start and kept in its data folder."""

import json
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lofte_local.errors import LocalError
from lofte_local.files import write_secret
from lofte_local.paths import CLONE

__all__ = ["DEFAULT_BASE_PORT", "SERVICES", "StackSettings", "default_folder", "kept", "settle"]

SERVICES = ("intake", "routing", "casework", "callback", "metrics")
DEFAULT_BASE_PORT = 8100
_FILE = "stack.json"
_HIGHEST_BASE_PORT = 65_000


@dataclass(frozen=True)
class StackSettings:
    """The name begins its topics and databases; addresses are of given servers, None = the stack's own."""

    name: str
    base_port: int
    replicas: int = 1
    kafka: str | None = None
    mongo: str | None = None
    clock: str | None = None
    municipalities: str | None = None  # folder of their files; None = those that the clone ships
    anchor: str | None = None  # the real instant at which the clock starts; set once, at the first start

    def keep(self, folder: Path) -> None:
        # A given MongoDB's URI may hold a password.
        write_secret(folder / _FILE, (json.dumps(asdict(self), indent=2) + "\n").encode())


def default_folder(base_port: int | None) -> Path:
    """Where a stack's data lies when nobody says: one folder per base port, in the clone."""
    if base_port in (None, DEFAULT_BASE_PORT):
        return CLONE / ".local" / "stack"
    return CLONE / ".local" / f"stack-{base_port}"


def kept(folder: Path) -> StackSettings | None:
    """The settings of the stack in this folder, or None. Raises LocalError when they cannot be read."""
    path = folder / _FILE
    try:
        return StackSettings(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise LocalError(
            f"{path} cannot be read ({error}): delete the folder, or give another --data-dir."
        ) from error


def settle(
    folder: Path,
    *,
    base_port: int | None = None,
    kafka: str | None = None,
    mongo: str | None = None,
    replicas: int | None = None,
    clock: str | None = None,
    municipalities: Path | None = None,
) -> StackSettings:
    """The settings to start with: what the folder's stack is, or a new one. Raises LocalError when they differ.

    A folder's data belongs to its servers: commits in one database whose events went to another broker would be lost.
    """
    if base_port is not None and not 1024 <= base_port <= _HIGHEST_BASE_PORT:
        raise LocalError(
            f"--base-port {base_port} is not possible: choose one from 1024 to {_HIGHEST_BASE_PORT}."
        )
    if replicas not in (None, 1, 2):
        raise LocalError("--replicas is 1 or 2.")
    served = str(municipalities.resolve()) if municipalities else None
    known = kept(folder)
    if known is None:
        return StackSettings(
            # Given servers may be shared, so the name must be nobody else's; own servers hold this stack alone.
            name=f"lofte-{secrets.token_hex(4)}" if kafka or mongo else "lofte",
            base_port=base_port or DEFAULT_BASE_PORT,
            replicas=replicas or 1,
            kafka=kafka,
            mongo=mongo,
            clock=clock,
            municipalities=served,
        )
    for option, wanted, had in (
        ("--base-port", base_port, known.base_port),
        ("--kafka", kafka, known.kafka),
        ("--mongo", mongo, known.mongo),
        ("clock", clock, known.clock),
    ):
        if wanted is not None and wanted != had:
            raise LocalError(
                f"The stack in {folder} was made with another {option}: leave that out, or give another --data-dir."
            )
    return replace(known, replicas=replicas or known.replicas, municipalities=served or known.municipalities)
