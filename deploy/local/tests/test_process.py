"""A process of the stack is found again, stopped, and never mistaken for another."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lofte_local.errors import LocalError
from lofte_local.process import Process
from lofte_local.waiting import eventually

DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]


def test_another_program_finds_and_stops_it(tmp_path: Path) -> None:
    process = Process("sleeper", ["sleep", "60"], tmp_path)
    process.start()
    other = Process("sleeper", [], tmp_path)
    assert other.pid == process.pid is not None
    other.stop()
    assert not process.alive
    assert process.was_stopped


def test_a_deaf_or_stopped_process_is_ended_too(tmp_path: Path) -> None:
    process = Process("deaf", DEAF, tmp_path)
    process.start()
    assert eventually(lambda: "deaf" in process.tail(), seconds=10)
    process.pause()
    process.stop(grace=0.2)
    assert not process.alive


def test_a_pid_that_another_has_now_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "old.pid").write_text(f"{os.getpid()} 1\n")
    process = Process("old", ["true"], tmp_path)
    assert process.pid is None
    process.stop()  # or this very test would end here


def test_what_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    process = Process("broken", ["sh", "-c", "echo no port >&2; exit 3"], tmp_path)
    process.start()
    with pytest.raises(LocalError, match="no port"):
        process.wait_until(lambda: False, seconds=10)
    assert process.exit_code == 3
    assert not process.was_stopped


def test_what_never_gets_ready_is_told_with_its_log(tmp_path: Path) -> None:
    process = Process("slow", DEAF, tmp_path)
    process.start()
    try:
        assert eventually(lambda: "deaf" in process.tail(), seconds=10)
        with pytest.raises(LocalError, match="not ready within 0 s"):
            process.wait_until(lambda: False, seconds=0.1)
    finally:
        process.kill()


def test_a_command_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="could not be started"):
        Process("none", [str(tmp_path / "nothing")], tmp_path).start()


@pytest.mark.parametrize(("bound", "survives"), [(True, False), (False, True)])
def test_a_bound_process_ends_with_the_program_that_started_it(
    tmp_path: Path, bound: bool, survives: bool
) -> None:
    program = (
        "import os, pathlib; from lofte_local.process import Process;"
        f"Process('child', ['sleep', '60'], pathlib.Path({str(tmp_path)!r})).start(bound={bound}); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    child = Process("child", [], tmp_path)
    try:
        assert eventually(lambda: child.alive == survives, seconds=10)
    finally:
        child.stop()
