"""A process of the stack: it runs in its own session, writes a log, and is found again by its pid file."""

import ctypes
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lofte_local.errors import LocalError
from lofte_local.waiting import eventually

__all__ = ["Process"]

_PR_SET_PDEATHSIG = 1


class Process:
    """One named process whose pid file and log lie in a folder.

    A second `Process` with the same name and folder, in another program, sees and stops the same one.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.folder = folder
        self.environment = dict(os.environ if environment is None else environment)
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *, bound: bool = True) -> None:
        """Start it, unless it runs already. Bound = it ends when the program that started it ends, however it ends."""
        if self.alive:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # The kernel's signal follows the starting *thread*: a helper thread would end its children with itself.
        follow = bound and threading.current_thread() is threading.main_thread()
        with self.log.open("ab") as log:
            try:
                self._child = subprocess.Popen(  # noqa: S603 (our own commands)
                    self.command,
                    cwd=self.folder,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in the terminal reaches us, not the servers
                    preexec_fn=_end_with_parent() if follow else None,
                )
            except OSError as error:
                raise LocalError(f"{self.name} could not be started: {error}.") from error
        pid = self._child.pid
        self._pid_file.write_text(f"{pid} {_born(pid) or 0}\n")

    @property
    def pid(self) -> int | None:
        """The pid of the running process, or None."""
        try:
            pid, born = (int(word) for word in self._pid_file.read_text().split())
        except (OSError, ValueError):
            return None
        if self._child is not None and self._child.pid == pid:
            return pid if self._child.poll() is None else None
        return pid if _born(pid) == born else None

    @property
    def alive(self) -> bool:
        return self.pid is not None

    @property
    def was_stopped(self) -> bool:
        """Was it stopped on purpose, or never started? (Only `stop` takes the pid file away.)"""
        return not self._pid_file.exists()

    @property
    def exit_code(self) -> int | None:
        """How it ended, if this program started it; negative = by that signal."""
        return None if self._child is None else self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it runs."""
        pid = self.pid
        if pid is not None:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return

    def pause(self) -> None:
        """SIGSTOP, for fault tests; when this returns it does nothing any more. Each thread stops by itself, in its own time."""
        self.signal(signal.SIGSTOP)
        if (pid := self.pid) is not None:
            eventually(lambda: _stands(pid), seconds=10)

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a stopped process hears SIGTERM only when it goes on

    def stop(self, *, grace: float = 15) -> None:
        """Ask it to end, and kill it after the grace (seconds)."""
        self.ask_to_stop()
        if not eventually(lambda: not self.alive, seconds=grace):
            self.kill()
        self._pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it at once (SIGKILL), with what it may have started."""
        pid = self.pid
        if pid is None:
            return
        try:
            os.killpg(pid, signal.SIGKILL)  # its own session: the group carries its pid
        except ProcessLookupError:
            return
        eventually(lambda: not self.alive, seconds=10)

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Return when ready. Raises LocalError with the log's tail when it ends first or the deadline passes."""

        def end() -> str:
            return self.tail(without="/health/")  # our own asking whether it is ready

        eventually(lambda: not self.alive or ready(), seconds=seconds, every=0.1)
        if not self.alive:
            raise LocalError(f"{self.name} ended at once. Its log ({self.log}) ends with:\n{end()}")
        if not ready():
            raise LocalError(
                f"{self.name} was not ready within {seconds:.0f} s. Its log ({self.log}) ends with:\n{end()}"
            )

    def tail(self, lines: int = 12, *, without: str | None = None) -> str:
        """The end of its log, leaving out lines that contain a text."""
        try:
            with self.log.open("rb") as log:
                log.seek(max(0, self.log.stat().st_size - 65_536))
                text = log.read().decode(errors="replace")
        except OSError:
            return "(no log)"
        kept = [line[:400] for line in text.splitlines() if without is None or without not in line]
        return "\n".join(kept[-lines:]) or "(empty)"


def _stands(pid: int) -> bool:
    """Have all threads of a process stopped, or ended?"""
    try:
        told = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/stat")]
    except OSError:
        return False  # a thread ended meanwhile
    return all(text.rpartition(") ")[2][:1] in "TtXZ" for text in told)


def _born(pid: int) -> int | None:
    """When the process was started (ticks since boot), so that a reused pid is never taken for ours; None = gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before may hold spaces
    return None if fields[0] in "ZX" else int(fields[19])


def _end_with_parent() -> Callable[[], None]:
    libc = ctypes.CDLL(None)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # the parent ended between fork and here
            os.kill(os.getpid(), signal.SIGTERM)

    return prepare
