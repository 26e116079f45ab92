"""A real Apache Kafka of one node (KRaft), from its own jars: for local stacks and tests."""

import asyncio
import hashlib
import logging
import shutil
import subprocess
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from lofte_local.errors import LocalError
from lofte_local.locks import locked
from lofte_local.paths import KAFKA_LIBS, KAFKA_POM
from lofte_local.ports import is_free
from lofte_local.process import Process
from lofte_local.waiting import answers

__all__ = ["BROKER_SETTINGS", "KafkaServer", "answers_kafka", "find_java", "jars", "jars_are_here"]

_HOST = "127.0.0.1"
_ADDRESSES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller_port}
# Relative to the server's folder: an absolute path could hold a comma or a letter that this file format cannot.
log.dirs=data
"""
BROKER_SETTINGS = """\
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.ms=-1
log.retention.bytes=-1
log.segment.bytes=67108864
num.network.threads=2
num.io.threads=4
"""
"""How a small broker behaves, wherever it runs."""


class KafkaServer:
    """One broker on loopback with its data, settings and log in a folder. Blocking; usable from any thread."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        controller_port: int,
        libs: Path = KAFKA_LIBS,
        settings: str = "",
        format_options: Sequence[str] = (),
    ) -> None:
        """`settings` are lines that replace or add to ours; `format_options` make users when data are first there."""
        self.folder = folder
        self.port = port
        self.controller_port = controller_port
        self.address = f"{_HOST}:{port}"
        self._libs = libs
        self._settings = folder / "server.properties"
        self._more = settings
        self._format_options = format_options
        self.process = Process("kafka", [], folder)

    def start(self, *, bound: bool = True, seconds: float = 60) -> None:
        """Start and wait until it answers. Raises LocalError."""
        self.launch(bound=bound)
        self.wait(seconds=seconds)

    def launch(self, *, bound: bool = True) -> None:
        """Start without waiting (the first time this formats the data folder)."""
        if self.process.alive:
            return
        java = find_java()
        classpath = f"{jars(self._libs)}/*"
        for port in (self.port, self.controller_port):
            if not is_free(port):
                raise LocalError(
                    f"Port {port}, wanted by Kafka, is taken: end what listens there, or choose other ports."
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(
            _ADDRESSES.format(host=_HOST, port=self.port, controller_port=self.controller_port)
            + BROKER_SETTINGS
            + self._more,
            encoding="ascii",
        )
        if not (self.folder / "data" / "meta.properties").exists():
            self._format(java, classpath)
        self.process.command = [
            java,
            "-Xmx512m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp",
            classpath,
            "kafka.Kafka",
            str(self._settings.name),
        ]
        self.process.start(bound=bound)

    def wait(self, *, seconds: float = 60) -> None:
        """Return when it serves requests. Raises LocalError, and stops it, when it does not."""
        try:
            self.process.wait_until(self.ready, seconds=seconds)
        except BaseException:
            self.stop(grace=2)
            raise

    def ready(self) -> bool:
        return answers(_HOST, self.port) and answers_kafka(self.address)

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

    def _format(self, java: str, classpath: str) -> None:
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        outcome = subprocess.run(  # noqa: S603 (our own command)
            [
                java,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                *("-cp", classpath, "kafka.tools.StorageTool"),
                # With "=": one id in 64 begins with a dash and would be read as an option.
                *("format", "--standalone", f"--cluster-id={cluster}", f"--config={self._settings.name}"),
                *self._format_options,
            ],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        if outcome.returncode != 0:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            tail = "\n".join((outcome.stdout + outcome.stderr).splitlines()[-8:])
            raise LocalError(f"Kafka's data folder {self.folder} could not be prepared:\n{tail}")


def find_java() -> str:
    """The java command. Raises LocalError."""
    java = shutil.which("java")
    if java is None:
        raise LocalError(
            "Java is missing: apt-get install default-jre-headless (17 or newer), or give --kafka ADDRESS."
        )
    return java


def jars(libs: Path = KAFKA_LIBS) -> Path:
    """The folder with Kafka's jars, fetched once per clone by Maven. Raises LocalError."""
    folder = _jars_folder(libs)
    if folder.exists():
        return folder
    with locked(libs / "lock"):  # two first starts at once: one fetches, the other waits and finds
        if not folder.exists():
            _fetch(folder)
    return folder


def jars_are_here(libs: Path = KAFKA_LIBS) -> bool:
    """Were the jars fetched before?"""
    return _jars_folder(libs).exists()


def _jars_folder(libs: Path) -> Path:
    return libs / hashlib.sha256(KAFKA_POM.read_bytes()).hexdigest()[:12]  # another pom is another folder


def _fetch(folder: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise LocalError(
            "Maven is missing (it fetches Kafka's jars once): apt-get install maven, or give --kafka ADDRESS."
        )
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        shutil.copy(KAFKA_POM, temporary)  # Maven writes beside its pom
        part = Path(temporary) / "libs"
        outcome = subprocess.run(  # noqa: S603 (our own command)
            [maven, "-q", "-B", "-f", "pom.xml", "dependency:copy-dependencies", "-DoutputDirectory=libs"],
            cwd=temporary,
            capture_output=True,
            text=True,
            timeout=600,
        )
        if outcome.returncode != 0 or not any(part.glob("kafka_2.13-*.jar")):
            lines = [line for line in (outcome.stdout + outcome.stderr).splitlines() if line.strip()]
            said = lines[0][:300] if lines else f"exit code {outcome.returncode}"
            raise LocalError(
                f"Maven could not fetch Kafka's jars ({said}): check the network and Maven's settings, or give --kafka ADDRESS."
            )
        part.rename(folder)


def answers_kafka(address: str) -> bool:
    """Does a broker serve metadata at this address?"""
    return _in_own_loop(_serves_metadata(address))


async def _serves_metadata(address: str) -> bool:
    # Not ready yet is an expected answer here: the client's own error lines would only alarm.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=address, request_timeout_ms=5000, client_id="lofte-local-probe"
    )
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        return bool(cluster["brokers"])
    except (KafkaError, OSError, ValueError):
        return False
    finally:
        await admin.close()
        logging.getLogger("aiokafka").setLevel(logging.NOTSET)


def _in_own_loop(work: Coroutine[Any, Any, bool]) -> bool:
    """Run it in a loop of its own thread, so that callers may be inside a loop or not."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
