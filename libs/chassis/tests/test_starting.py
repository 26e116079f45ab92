"""What a process loads before it does anything, and with what."""

import subprocess
import sys
from pathlib import Path


def python(code: str, folder: Path) -> str:
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=folder
    )
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


def test_a_service_runs_with_its_garbage_collected_but_not_what_it_loaded(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "main.py").write_text(
        "import gc\n"
        "loading = gc.isenabled()\n"
        "def run():\n"
        "    print(loading, gc.isenabled(), gc.get_freeze_count() > 0)\n"
    )
    assert python("from chassis.starting import start; start('tiny')", tmp_path) == "False True True"


def test_nobody_waits_for_libraries_that_it_does_not_use(tmp_path: Path) -> None:
    """FastStream is for consuming and for locked doors, the SDK of spans for those who keep them."""
    found = python(
        "import sys, chassis.kafka, chassis.broker, chassis.reacting, chassis.telemetry\n"
        "chassis.telemetry.Tracing('tiny', None)\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'faststream', 'opentelemetry'}))",
        tmp_path,
    )
    assert found == "[]"
