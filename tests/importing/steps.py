"""The steps of an import, as a person takes them: draft, start, import, look at the figures."""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from chassis.testing.waiting import eventually

from tests.harness.people import Person, person
from tests.harness.running import System, running_system
from tests.importing import count

CODE, AGAIN = "9900", "9901"
GROUPINGS = ("none", "channel", "department", "topic")
Figures = dict[str, dict[str, dict[str, Any]]]


def lofte(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """The command line, to its end; it has to succeed."""
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "lofte_local", *map(str, arguments)]


@dataclass(frozen=True)
class Drafted:
    """A file, the folder with its drafts, and the mapping among them."""

    file: Path
    folder: Path
    mapping: Path

    @property
    def report(self) -> Path:
        return self.folder / f"{self.file.name}.{CODE}.rejected.csv"

    @property
    def progress(self) -> Path:
        return self.folder / f"{self.file.name}.{CODE}.progress.json"

    def importing(self, system: System) -> list[str]:
        told = ("import", self.file, "--mapping", self.mapping, "--to", self.folder)
        return command(*told, "--data-dir", system.stack.folder)


def draft(file: Path, folder: Path, *, zone: str) -> Drafted:
    """The drafts, and a second municipality like the first to import an export into."""
    lofte("import", "--prepare", file, "--municipality", CODE, "--zone", zone, "--to", folder)
    [mapping] = folder.glob("*.mapping.yaml")
    towns = folder / "municipalities"
    town = (towns / f"{CODE}.yaml").read_text("utf-8")
    (towns / f"{AGAIN}.yaml").write_text(town.replace(f'code: "{CODE}"', f'code: "{AGAIN}"'), "utf-8")
    return Drafted(file, folder, mapping)


@asynccontextmanager
async def town(drafted: Drafted, name: str, *, kafka: str, mongo: str) -> AsyncIterator[System]:
    """A running system that serves the drafted municipality."""
    async with running_system(
        name, kafka=kafka, mongo=mongo, municipalities=drafted.folder / "municipalities"
    ) as system:
        yield system


def import_killed(drafted: Drafted, system: System, *, rows: int) -> int:
    """Import until so many rows are dealt with, then kill -9; how many were by then."""
    process = subprocess.Popen(drafted.importing(system), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        while process.poll() is None:
            done = done_rows(drafted)
            if done >= rows:
                return done
        raise AssertionError(
            f"ended before it was killed: {process.stderr.read() if process.stderr else b''!r}"
        )
    finally:
        process.kill()
        process.wait()


def done_rows(drafted: Drafted) -> int:
    try:
        return int(json.loads(drafted.progress.read_text("utf-8"))["done"])
    except FileNotFoundError:
        return 0


def counted(drafted: Drafted) -> Figures:
    """What the file says by itself, its words said as the mapping says them."""
    fields = yaml.safe_load(drafted.mapping.read_text("utf-8"))["fields"]
    told = count.main(drafted.file, datetime.now(UTC))
    names: Mapping[str, Mapping[str, str]] = {
        "department": fields["routed_to"]["values"],
        "topic": fields["topic"]["values"],
    }
    return {
        by: {names.get(by, {}).get(group, group): row for group, row in told[by].items()} for by in GROUPINGS
    }


async def figures(reader: Person) -> Figures:
    """What the system says, of all years."""
    told: Figures = {}
    for by in GROUPINGS:
        period: dict[str, Any] = {"from": "2000-01-01", "to": "2040-01-01"}
        answer = await reader.get("metrics", "/summary", by=by, **period)
        assert answer.status_code == 200, answer.text
        told[by] = {row.pop("group") or "": row for row in answer.json()["rows"]}
    return told


async def equal_to(expected: Figures, reader: Person, *, seconds: float = 60) -> Figures:
    """The system's figures, as soon as they say what is expected; what differs, when they never do."""
    last: Figures = {}

    async def same() -> bool:
        nonlocal last
        last = await figures(reader)
        return not differences(expected, last)

    try:
        await eventually(same, seconds, every=0.5)
    except (AssertionError, TimeoutError):
        raise AssertionError("\n".join(differences(expected, last)[:40])) from None
    return last


def differences(expected: Figures, told: Figures) -> list[str]:
    """What is not as expected; figures that are not expected are not looked at."""
    found = []
    for by in GROUPINGS:
        if expected[by].keys() != told[by].keys():
            found.append(f"{by}: groups {sorted(expected[by].keys() ^ told[by].keys())}")
        for group in expected[by].keys() & told[by].keys():
            for name, value in expected[by][group].items():
                if told[by][group][name] != value:
                    found.append(f"{by} {group} {name}: {told[by][group][name]}, expected {value}")
    return found


def reader_of(system: System, code: str = CODE) -> Person:
    return person(system, "auditor", municipality=code)


def cpu_seconds(system: System) -> float:
    """What the five services have used so far."""
    pids = [system.stack.service(r.service, r.number).pid for r in system.replicas()]
    return sum(_used(pid) for pid in pids if pid is not None)


def _used(pid: int) -> float:
    parts = re.sub(r"\(.*\)", "()", Path(f"/proc/{pid}/stat").read_text()).split()
    return (int(parts[13]) + int(parts[14])) / os.sysconf("SC_CLK_TCK")
