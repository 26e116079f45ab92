"""Temporal with PostgreSQL: its server as one process, built once by Go; workflows that sleep until they are due.

`python -m bench.peers.temporal` builds it (some minutes); without that the rows say what is missing.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lofte_local.ports import free_ports

from bench.peers import firing
from bench.peers.packages import FOLDER
from bench.peers.postgres import Postgres

VERSION = "v1.29.1"
MISSING = "missing: Temporal's server; with Go installed build it by `python -m bench.peers.temporal`, then run again"
_BINARIES = FOLDER / f"temporal-{VERSION}"
_COMMANDS = ("server", "tools/sql")
_DATABASES = {"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}


@dataclass
class Temporal:
    """The server; `address` is of its front end."""

    address: str
    folder: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it; who talks to it waits for it."""
        command = [
            str(_BINARIES / "server"),
            "--root",
            str(self.folder),
            "--config",
            ".",
            "--env",
            "bench",
            "start",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def running(postgres: Postgres | None) -> Iterator[Temporal | None]:
    """The server while the block runs; None where it was not built, or there is no PostgreSQL."""
    if postgres is None or not all((_BINARIES / Path(name).name).exists() for name in _COMMANDS):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="lofte-temporal-") as folder:
        ports = free_ports(8)
        for database, schema in _DATABASES.items():
            _sql(postgres, database, "create-database")
            _sql(postgres, database, "setup-schema", "-v", "0.0")
            _sql(postgres, database, "update-schema", "--schema-name", schema)
        Path(folder, "bench.yaml").write_text(json.dumps(_configuration(postgres, ports)))
        server = Temporal(f"127.0.0.1:{ports[0]}", Path(folder))
        server.start()
        try:
            yield server
        finally:
            if server.process is not None:
                firing.end(server.process)


def _sql(postgres: Postgres, database: str, *command: str) -> None:
    where = [
        "--pl",
        "postgres12",
        "--ep",
        "127.0.0.1",
        "-p",
        str(postgres.port),
        "-u",
        "bench",
        "--pw",
        "bench",
    ]
    done = subprocess.run(
        [_BINARIES / "sql", *where, "--db", database, *command], check=False, capture_output=True
    )
    if done.returncode != 0:
        raise SystemExit(
            f"Temporal's schema could not be made:\n{(done.stdout + done.stderr).decode()[-2000:]}"
        )


def _configuration(postgres: Postgres, ports: list[int]) -> dict[str, object]:
    def store(database: str) -> dict[str, object]:
        sql = {
            "pluginName": "postgres12",
            "databaseName": database,
            "connectAddr": f"127.0.0.1:{postgres.port}",
            "connectProtocol": "tcp",
            "user": "bench",
            "password": "bench",
            "maxConns": 20,
            "maxIdleConns": 20,
        }
        return {"sql": sql}

    roles = ("frontend", "history", "matching", "worker")
    cluster = {
        "enabled": True,
        "initialFailoverVersion": 1,
        "rpcName": "frontend",
        "rpcAddress": f"127.0.0.1:{ports[0]}",
    }
    return {
        "log": {"stdout": True, "level": "error"},
        "persistence": {
            "defaultStore": "default",
            "visibilityStore": "visibility",
            "numHistoryShards": 4,
            "datastores": {"default": store("temporal"), "visibility": store("temporal_visibility")},
        },
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
        "services": {
            role: {
                "rpc": {"grpcPort": ports[place], "membershipPort": ports[place + 4], "bindOnLocalHost": True}
            }
            for place, role in enumerate(roles)
        },
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {"active": cluster},
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "archival": {"history": {"state": "disabled"}, "visibility": {"state": "disabled"}},
        "publicClient": {"hostPort": f"127.0.0.1:{ports[0]}"},
    }


def main() -> None:
    """Build the server and its tool for schemas, where they are not yet."""
    if all((_BINARIES / Path(name).name).exists() for name in _COMMANDS):
        return
    go = shutil.which("go")
    if go is None:
        sys.stderr.write("Temporal is left out of the figures: install Go to have it built\n")
        return
    began = time.monotonic()
    sys.stderr.write(f"building Temporal {VERSION}, once\n")
    wanted = [f"go.temporal.io/server/cmd/{name}@{VERSION}" for name in _COMMANDS]
    built = subprocess.run([go, "install", *wanted], env={**os.environ, "GOBIN": str(_BINARIES)}, check=False)
    said = (
        f"built in {time.monotonic() - began:.0f} s"
        if built.returncode == 0
        else "it cannot be built: its rows are left out"
    )
    sys.stderr.write(f"{said}\n")


if __name__ == "__main__":
    main()
