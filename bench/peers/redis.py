"""A Redis of our own for the peers, once as durable as our log and once as it comes."""

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lofte_local.ports import free_ports

from bench.peers.packages import debian, environment

MISSING = "missing: Redis; `apt-get install redis-server`, then run the bench again"
_PACKAGES = (
    "redis-server",
    "redis-tools",
    "libjemalloc2",
    "liblua5.1-0",
    "lua-bitop",
    "lua-cjson",
    "liblzf1",
    "libhiredis0.14",
)
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
AS_IT_COMES: tuple[str, ...] = ()
"""Snapshots now and then; what was written since is lost with the machine, and with a `kill -9`."""


@dataclass(frozen=True)
class Redis:
    """Where it listens."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def running(*options: str) -> Iterator[Redis | None]:
    """The server while the block runs; None where there is no Redis."""
    binary = debian("redis", _PACKAGES, "redis-server")
    if binary is None:
        yield None
        return
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="lofte-redis-") as folder:
        given = ["--port", str(port), "--bind", "127.0.0.1", "--dir", folder, *options]
        server = subprocess.Popen([binary, *given], env=environment(binary), stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield Redis(port, server.pid)
        finally:
            server.terminate()
            server.wait(30)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if time.monotonic() > deadline:
            raise SystemExit("Redis did not start")
        time.sleep(0.05)
