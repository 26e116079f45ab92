"""A local stack: real Kafka, real MongoDB, the front door and the services as processes, in one data folder."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from lofte_local import ports as port_plan
from lofte_local.environment import frontdoor_environment, service_environment
from lofte_local.errors import LocalError
from lofte_local.interrupt import uninterrupted
from lofte_local.issuer import Issuer
from lofte_local.jobs import check_given_servers, make_topics, read_anchor
from lofte_local.kafka import KafkaServer
from lofte_local.locks import locked
from lofte_local.mongo import MongoServer
from lofte_local.process import Process
from lofte_local.settings import SERVICES, StackSettings, kept, settle
from lofte_local.waiting import says_ok

__all__ = ["Stack"]

_HOST = "127.0.0.1"


def _silent(_: str) -> None: ...


class Stack:
    """The stack in a folder. Any program may open it; what runs is found by the pid files in the folder."""

    def __init__(
        self, folder: Path, settings: StackSettings, *, temporary: bool = False, head_start: float = 0
    ) -> None:
        """`head_start`: real seconds between the services' start and the first minute of a new stack's clock."""
        self.folder = folder.resolve()
        self.settings = settings
        self.temporary = temporary
        self._head_start = timedelta(seconds=head_start)
        port = settings.base_port
        self.kafka = (
            None
            if settings.kafka
            else KafkaServer(
                self.folder / "kafka",
                port=port + port_plan.KAFKA,
                controller_port=port + port_plan.CONTROLLER,
            )
        )
        self.mongo = (
            None if settings.mongo else MongoServer(self.folder / "mongo", port=port + port_plan.MONGO)
        )
        self.url = f"http://{_HOST}:{port}"
        self._processes: dict[str, Process] = {}

    @classmethod
    def open(cls, folder: Path) -> "Stack":
        """The stack that this folder holds. Raises LocalError when it holds none."""
        settings = kept(folder)
        if settings is None:
            raise LocalError(
                f"There is no stack in {folder}: start one with ./lofte up, or name another with --base-port or --data-dir."
            )
        return cls(folder, settings)

    @classmethod
    def in_temporary_folder(
        cls, *, clock: str | None = None, replicas: int = 1, head_start: float = 0
    ) -> "Stack":
        """A new stack on free ports, whose folder goes when `running` ends."""
        base_port = port_plan.free_base_port(len(SERVICES), replicas)
        folder = Path(tempfile.mkdtemp(prefix="lofte-stack-"))
        settings = settle(folder, base_port=base_port, clock=clock, replicas=replicas)
        return cls(folder, settings, temporary=True, head_start=head_start)

    @property
    def kafka_address(self) -> str:
        return self.kafka.address if self.kafka else str(self.settings.kafka)

    @property
    def mongo_uri(self) -> str:
        return self.mongo.uri if self.mongo else str(self.settings.mongo)

    @property
    def topic_prefix(self) -> str:
        return self.settings.name

    def database(self, service: str) -> str:
        return f"{self.settings.name}_{service}"

    def service_url(self, service: str, replica: int = 1) -> str:
        return f"http://{_HOST}:{self._service_port(service, replica)}"

    def issuer(self) -> Issuer:
        return Issuer.open(self.folder, self.url)

    def token(
        self, role: str, municipality: str, *, department: str | None = None, subject: str | None = None
    ) -> str:
        """A bearer token of this stack's issuer."""
        return self.issuer().token(role, municipality, department=department, subject=subject)

    def replicas(self) -> Iterator[tuple[str, int]]:
        """(service, replica) of each service process, first replicas first."""
        for replica in range(1, self.settings.replicas + 1):
            for service in SERVICES:
                yield service, replica

    def service(self, service: str, replica: int = 1) -> Process:
        """The process of a replica: to look at, signal, kill."""
        return self._process(f"{service}-{replica}", [sys.executable, "-m", service])

    @property
    def frontdoor(self) -> Process:
        command = [sys.executable, "-m", "lofte_local.frontdoor", str(self.folder)]
        return self._process("frontdoor", command)

    def processes(self) -> list[Process]:
        """All that the stack consists of, in starting order."""
        servers = [server.process for server in (self.mongo, self.kafka) if server]
        return [*servers, self.frontdoor, *(self.service(*which) for which in self.replicas())]

    def environment(self, service: str, replica: int = 1) -> dict[str, str]:
        """The whole environment of a service process, or of a job (any other name)."""
        common = service_environment(
            self.settings,
            self.folder,
            kafka=self.kafka_address,
            mongo=self.mongo_uri,
            issuer=self.url,
            intake=self.service_url("intake"),
        )
        own = {
            "LOFTE_DATABASE": self.database(service),
            "LOFTE_REPLICA": f"{service}-{replica}",
            "LOFTE_HOST": _HOST,
        }
        if service in SERVICES:
            own["LOFTE_PORT"] = str(self._service_port(service, replica))
        return common | own

    def start(
        self,
        *,
        bound: bool = True,
        extra: Mapping[str, str] | None = None,
        say: Callable[[str], None] = _silent,
    ) -> None:
        """Start what does not run, in order, and return when all is ready. Stops all again and raises when it fails.

        Bound = the processes end when this program ends, however it ends. `extra` is added to the services' environment.
        """
        with self._locked():
            try:
                self.check_ports()
                check_given_servers(self.settings.kafka, self.settings.mongo)
                self.settings.keep(self.folder)  # only now: a mistyped address must not stick to the folder
                say("Kafka and MongoDB")
                self._start_servers(bound)
                say("topics")
                make_topics(self.environment("topics"))
                self._set_anchor()
                say("services")
                self._start_frontdoor(bound)
                for which in self.replicas():
                    self._launch(*which, bound=bound, extra=extra or {})
                self.frontdoor.wait_until(lambda: says_ok(f"{self.url}/health"), seconds=60)
                for which in self.replicas():
                    self.wait_for(*which)
            except BaseException:
                self._stop()
                raise

    def stop(self) -> None:
        """Stop all, services first. Does nothing when nothing runs."""
        if self.folder.exists():
            with self._locked():
                self._stop()

    @contextlib.contextmanager
    def running(
        self,
        *,
        keep: bool = False,
        extra: Mapping[str, str] | None = None,
        say: Callable[[str], None] = _silent,
    ) -> Iterator["Stack"]:
        """Start, and stop at the end, also when interrupted; a temporary folder goes too.

        With `keep` a stack that ended well goes on running, also after this program.
        """
        well = False
        try:
            self.start(bound=not keep, extra=extra, say=say)
            yield self
            well = True
        finally:
            if not (keep and well):
                with uninterrupted():
                    self.stop()
                    if self.temporary:
                        shutil.rmtree(self.folder, ignore_errors=True)

    def start_service(
        self, service: str, replica: int = 1, *, bound: bool = True, extra: Mapping[str, str] | None = None
    ) -> None:
        """Start one replica (again) and return when it is ready. Raises LocalError."""
        self._launch(service, replica, bound=bound, extra=extra or {})
        self.wait_for(service, replica)

    def wait_for(self, service: str, replica: int = 1, *, seconds: float = 60) -> None:
        """Return when the replica says that it is ready. Raises LocalError."""
        url = f"{self.service_url(service, replica)}/health/ready"
        self.service(service, replica).wait_until(lambda: says_ok(url), seconds=seconds)

    def run(self, service: str, *arguments: str) -> int:
        """Run a command of a service (`python -m SERVICE ARGUMENTS`) in its environment; its exit code."""
        environment = self.environment(service) | {"LOFTE_REPLICA": f"{service}-command-{os.getpid()}"}
        environment.pop("LOFTE_PORT", None)
        return subprocess.run([sys.executable, "-m", service, *arguments], env=environment).returncode  # noqa: S603

    def check_ports(self) -> None:
        """Raises LocalError when a port is taken that a process of ours, not running yet, will want."""
        taken = [
            f"{port} ({process.name})"
            for process, port in self.ports()
            if not process.alive and not port_plan.is_free(port)
        ]
        if taken:
            plural = len(taken) > 1
            raise LocalError(
                f"{'Ports' if plural else 'Port'} {', '.join(taken)} {'are' if plural else 'is'} taken: "
                "end what listens there, or choose another --base-port."
            )

    def ports(self) -> Iterator[tuple[Process, int]]:
        """Each port, with the process that listens there."""
        if self.mongo:
            yield self.mongo.process, self.mongo.port
        if self.kafka:
            yield self.kafka.process, self.kafka.port
            yield self.kafka.process, self.kafka.controller_port
        yield self.frontdoor, self.settings.base_port
        for which in self.replicas():
            yield self.service(*which), self._service_port(*which)

    def _service_port(self, service: str, replica: int) -> int:
        return self.settings.base_port + SERVICES.index(service) + 1 + port_plan.REPLICA_STEP * (replica - 1)

    def _process(self, name: str, command: Sequence[str]) -> Process:
        # One object per process: it is the parent that must reap a child of its own.
        if name not in self._processes:
            self._processes[name] = Process(name, command, self.folder)
        return self._processes[name]

    def _start_servers(self, bound: bool) -> None:
        if self.mongo:
            self.mongo.launch(bound=bound)  # it gets ready while Kafka does
        if self.kafka:
            self.kafka.start(bound=bound)
        if self.mongo:
            self.mongo.wait()

    def _set_anchor(self) -> None:
        """Once, at the first start, and as late as can be: the services' own start is part of the domain's day."""
        if self.settings.clock and not self.settings.anchor:
            self.settings = replace(self.settings, anchor=read_anchor(self.mongo_uri, self._head_start))
            self.settings.keep(self.folder)

    def _start_frontdoor(self, bound: bool) -> None:
        self.issuer()  # makes the key before two programs could
        self.frontdoor.environment = frontdoor_environment()
        self.frontdoor.start(bound=bound)

    def _launch(self, service: str, replica: int, *, bound: bool, extra: Mapping[str, str]) -> None:
        process = self.service(service, replica)
        process.environment = self.environment(service, replica) | dict(extra)
        process.start(bound=bound)

    def _stop(self) -> None:
        with uninterrupted():
            services = [self.service(service, replica) for service in SERVICES for replica in (1, 2)]
            for process in services:
                process.ask_to_stop()  # all at once: each may take its time to finish
            for process in (*services, self.frontdoor):
                process.stop()
            for server in (self.kafka, self.mongo):
                if server:
                    server.stop()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(locked(self.folder / "lock", wait=False))
            except BlockingIOError as error:
                raise LocalError(
                    f"Another command is starting or stopping the stack in {self.folder}: let it finish, or end it."
                ) from error
            yield
