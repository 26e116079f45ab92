"""Where a service's time goes under the end-to-end load: py-spy beside the process, which need not know of it."""

import asyncio
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from lofte_local.settings import SERVICES
from lofte_local.stack import Stack

from bench.figures.whole import Meter, once
from bench.house import House, Size
from bench.probing import ROOT

__all__ = ["SERVICES", "profile", "summary"]

FOLDER = ROOT / ".local" / "profiles"
_LOOP = (
    "uvloop",
    "asyncio/runners",
    "runpy",
    "__main__.py",
    "chassis/starting.py",
    "chassis/service.py",
    "/main.py",
)


async def profile(service: str, size: Size, say: Callable[[str], None]) -> str:
    """Runs the load, records the service; the text, which is written beside the stacks (`.raw`, for flame graphs)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    stacks = FOLDER / f"{service}.raw"
    stack = await asyncio.to_thread(Stack.in_temporary_folder)
    with stack.running(say=lambda what: say(f"starting {what}")):
        house, pid = House(stack, size, None, say), stack.service(service).pid
        meter = Meter(house)
        await once(house, meter, size.contacts // 3)
        spy = Path(sys.executable).with_name("py-spy")
        recording = subprocess.Popen(  # noqa: ASYNC220
            [str(spy), "record", "-p", str(pid), "-f", "raw", "-r", "250", "-d", "3600", "-o", str(stacks)],
            stdout=subprocess.DEVNULL,
        )
        rate, cpu = await once(house, meter, size.contacts)
        recording.send_signal(signal.SIGINT)
        recording.wait()
        await meter.close()
    spent = ", ".join(f"{name} {each:.2f}" for name, each in cpu.items())
    text = f"{rate:.0f} contacts/s while recorded; CPU milliseconds each: {spent}\n\n{summary(stacks.read_text())}"
    stacks.with_suffix(".txt").write_text(text)
    return f"{text}\n\nwritten to {stacks.with_suffix('.txt')}"


def summary(stacks: str) -> str:
    """Shares by task, by function alone, and with all that it calls. A thread that waits for a core counts as working."""
    own, whole, tasks = Counter[str](), Counter[str](), Counter[str]()
    total = 0
    for line in stacks.splitlines():
        path, _, times = line.rpartition(" ")
        frames = [_short(frame) for frame in path.split(";")]
        total += int(times)
        own[frames[-1]] += int(times)
        whole.update(dict.fromkeys(frames, int(times)))
        inner = [frame for frame in frames if not any(part in frame for part in _LOOP)]
        tasks[inner[0] if inner else "the loop itself: polls, reads, writes"] += int(times)
    parts = []
    for title, counted, most in (
        ("by task, or callback of the loop", tasks, 15),
        ("function alone", own, 30),
        ("with all that it calls", whole, 60),
    ):
        shares = [f"  {100 * times / total:5.1f} %  {name}" for name, times in counted.most_common(most)]
        parts.append("\n".join([f"{title}:", *shares]))
    return "\n\n".join(parts)


def _short(frame: str) -> str:
    """`function (package/module.py)`."""
    frame = re.sub(r":\d+\)$", ")", frame)
    return re.sub(r"\(.*(?:site-packages|python3\.\d+|services/\w+|libs/\w+)/", "(", frame)
