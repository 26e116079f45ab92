"""What the figures were measured on, and who used how much of it."""

import os
import platform
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def facts() -> Mapping[str, str]:
    """The machine's facts."""
    cpu = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    revision = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "processor": cpu[1] if cpu else platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory[1]) / 2**20:.0f} GiB" if memory else "?",
        "kernel": platform.release(),
        "Python": platform.python_version(),
        "commit": revision.stdout.strip() or "?",
    }


def cpu_seconds(pid: int) -> float:
    """User and system time so far of a process, its threads, and all that it started, ended or not."""
    spent = 0.0
    family = [pid]
    while family:
        process = Path(f"/proc/{family.pop()}")
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            family += [
                int(child) for task in process.glob("task/*/children") for child in task.read_text().split()
            ]
        except OSError:
            # It ended while we looked: its parent tells its time from now on.
            continue
        spent += sum(map(int, fields[11:15])) / _TICKS
    return spent


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def quantile(values: Sequence[float], share: float) -> float:
    """By nearest rank; `share` from 0 to 1."""
    ranked = sorted(values)
    return ranked[min(int(share * len(ranked)), len(ranked) - 1)]
