"""A PostgreSQL of our own for the peers: a fresh cluster in a temporary folder, with its durable defaults."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lofte_local.ports import free_ports

MISSING = "PostgreSQL is missing: `apt-get install postgresql`, then run the bench again"


@dataclass(frozen=True)
class Postgres:
    """Where it listens; user `bench`, database `postgres`."""

    port: int
    pid: int


def find() -> Path | None:
    """The folder with initdb and postgres, the newest where there are several."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def _user() -> str | None:
    """It refuses to run as root: then another user must do."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def running() -> Iterator[Postgres | None]:
    """The server while the block runs; None where PostgreSQL is not installed."""
    binaries = find()
    if binaries is None:
        yield None
        return
    user, (port,) = _user(), free_ports(1)
    with tempfile.TemporaryDirectory(prefix="lofte-postgres-") as folder:
        if user:
            shutil.chown(folder, user)
        data = f"{folder}/data"
        subprocess.run(
            [str(binaries / "initdb"), "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8"],
            user=user,
            cwd=folder,
            check=True,
            capture_output=True,
        )
        options = [
            "-p",
            str(port),
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
        ]
        with Path(folder, "log").open("wb") as log:
            server = subprocess.Popen(
                [str(binaries / "postgres"), "-D", data, *options],
                user=user,
                cwd=folder,
                stdout=log,
                stderr=log,
            )
        try:
            _wait(binaries, port, Path(folder, "log"))
            yield Postgres(port, server.pid)
        finally:
            server.send_signal(2)  # the fast shutdown
            server.wait(30)


def _wait(binaries: Path, port: int, log: Path) -> None:
    deadline = time.monotonic() + 30
    ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ready, check=False).returncode != 0:
        if time.monotonic() > deadline:
            raise SystemExit(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
        time.sleep(0.1)
