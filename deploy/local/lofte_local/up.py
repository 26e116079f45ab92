"""`lofte up`: start a stack, and stay with it or leave it running."""

import os
import time

from rich.console import Console

from lofte_local.doctor import Finding, diagnose
from lofte_local.errors import LocalError
from lofte_local.interrupt import interruptible, uninterrupted
from lofte_local.issuer import refuse_beside_real_issuer
from lofte_local.process import Process
from lofte_local.stack import Stack

__all__ = ["check_machine", "start", "stay"]

_PASSED_ON = ("LOFTE_LOG_LEVEL", "LOFTE_SPANS_FILE")


def start(stack: Stack, console: Console, *, bound: bool) -> None:
    """Check the machine and start. Raises LocalError; then nothing is left running."""
    check_machine(stack, console)
    extra = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with console.status("starting") as status:
        stack.start(bound=bound, extra=extra, say=lambda step: status.update(f"starting: {step}"))
    console.print(f"Löfte runs: {stack.url} (data and logs in {stack.folder})", soft_wrap=True)


def stay(stack: Stack, console: Console) -> int:
    """Watch over the stack until it is told to stop, by a signal or by `lofte down`. The exit code."""
    console.print("Ctrl-C stops it.")
    watched = stack.processes()
    try:
        with interruptible():
            while watched:
                watched = [process for process in watched if not _has_ended(process, console)]
                time.sleep(0.5)
    except KeyboardInterrupt:
        with uninterrupted(), console.status("stopping"):
            stack.stop()
    console.print("Stopped.")
    return 0


def check_machine(stack: Stack, console: Console) -> None:
    """Raises LocalError with each thing that is missing and its remedy, or when a real issuer is named."""
    refuse_beside_real_issuer(stack.url, os.environ)
    held = {port for process, port in stack.ports() if process.alive}
    findings = diagnose(
        stack.folder,
        stack.settings.base_port,
        replicas=stack.settings.replicas,
        own_kafka=stack.kafka is not None,
        own_mongo=stack.mongo is not None,
        ours=held.__contains__,
    )
    for finding in findings:
        if finding.state == "warning":
            console.print(f"[yellow]{_sentence(finding)}", soft_wrap=True)
    missing = [_sentence(finding) for finding in findings if finding.state == "missing"]
    if missing:
        raise LocalError("\n".join(missing))
    console.print(f"doctor: {len(findings)} things looked at, nothing missing")


def _sentence(finding: Finding) -> str:
    return f"{finding.what}: {finding.found}; {finding.remedy}."


def _has_ended(process: Process, console: Console) -> bool:
    if process.alive:
        return False
    if not process.was_stopped:
        console.print(f"[red]{process.name} ended by itself[/]; its log: {process.log}", soft_wrap=True)
    return True
