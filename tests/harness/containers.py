"""Kafka and MongoDB for the tests from a container engine of this machine, where it has the images; none is ever fetched.

Asking costs a look at a socket. Only where an engine has the image is testcontainers loaded at all.
"""

import http.client
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import pytest
from lofte_local.kafka import BROKER_SETTINGS, KafkaServer
from lofte_local.mongo import MongoServer, mongod_options
from lofte_local.waiting import eventually

__all__ = ["KAFKA", "MONGO", "engine_with", "kafka", "mongo"]

KAFKA = "local.test/kafka:4.1.0"
MONGO = "local.test/mongo:6.0.5"
"""As deploy/cluster/images.sh makes them."""

_SOCKET = "unix:///var/run/docker.sock"
_UP_WITHIN = 120


def engine_with(image: str, *, within: float = 2.0) -> str | None:
    """The URL of the engine (DOCKER_HOST, else the usual socket), if it answers and has the image; else None."""
    url = os.environ.get("DOCKER_HOST", _SOCKET)
    path = url.removeprefix("unix://")
    if path == url or not os.path.exists(path):  # an engine elsewhere would listen elsewhere too
        return None
    asked = _OverSocket(path, within)
    try:
        asked.request("GET", f"/images/{image}/json")
        return url if asked.getresponse().status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        asked.close()


@contextmanager
def mongo(engine: str, server: MongoServer) -> Iterator[None]:
    """A container in the place of the process that `server` describes: at the same port, with the same options."""
    options = mongod_options(server.port, test_commands=server.test_commands)
    with _running(engine, MONGO, {server.port: server.port}, command=["mongod", "--bind_ip_all", *options]):
        _wait(server, "MongoDB")
        yield


@contextmanager
def kafka(engine: str, server: KafkaServer) -> Iterator[None]:
    """A container in the place of the process that `server` describes: at the same port, with the same settings."""
    told = {"ADVERTISED": server.address, "SETTINGS": BROKER_SETTINGS}
    with _running(engine, KAFKA, {9092: server.port}, environment=told):
        _wait(server, "Kafka")
        yield


@contextmanager
def _running(
    engine: str,
    image: str,
    ports: dict[int, int],
    *,
    command: list[str] | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[None]:
    os.environ["DOCKER_HOST"] = engine
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import DockerContainer

    testcontainers_config.ryuk_disabled = True  # it would be an image to fetch
    container = DockerContainer(image, env=environment)
    for inside, outside in ports.items():
        # On loopback alone: nobody has to sign in. (Its own method binds to every address.)
        container.ports[str(inside)] = ("127.0.0.1", outside)  # type: ignore[assignment]
    if command:
        container.with_command(command)
    with container:
        yield


def _wait(server: MongoServer | KafkaServer, name: str) -> None:
    if not eventually(server.ready, seconds=_UP_WITHIN, every=0.1):
        pytest.exit(f"{name} in its container did not get ready within {_UP_WITHIN} s.", returncode=1)


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, within: float) -> None:
        super().__init__("localhost", timeout=within)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
