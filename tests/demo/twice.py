"""`make test-demo`: two plays of the demo with one seed tell the same. Four minutes, on a machine with little else to do."""

import difflib
import re
from pathlib import Path

import pytest
from lofte_local.ports import free_base_port
from lofte_local.settings import SERVICES

from tests.importing.steps import lofte

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
# What this machine's speed decides: the address, how often was asked, the bar, the moment at which a service reacted.
# What was promised ("at", "before") is not among it.
_APART = (
    (r"http://\S+", "ADDRESS"),
    (r"\d+ acts with \d+ requests; .*? after its time \(.*?\)\.", "ACTS"),
    (rf"{_DAY} [\d:]+ ━+ (\S+) acts [\d:]+", r"\1"),
    (r"\d\d:\d\d:\d\d", "TIME"),
    (rf"(?<!\bat )(?<!\bbefore )({_DAY}) \d\d:\d\d", r"\1"),
)


def test_two_plays_with_one_seed_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every reference, event, fate, reminder, promised time and figure; which of two services was quicker to react to the
    same act is the machine's business."""
    monkeypatch.setenv("COLUMNS", "1000")  # a line is a fact
    first, second = _told(tmp_path / "first"), _told(tmp_path / "second")
    assert len(first) > 80
    assert first == second, "\n".join(difflib.unified_diff(first, second, n=2, lineterm=""))


def _told(folder: Path) -> list[str]:
    """The lines of the demo's output, and of each its parts, in no order; on other ports and in another folder each time."""
    port = str(free_base_port(len(SERVICES)))
    told = lofte("demo", "--base-port", port, "--data-dir", folder).stdout
    for pattern, instead in _APART:
        told = re.sub(pattern, instead, told)
    return sorted(", ".join(sorted(" ".join(line.split()).split(", "))) for line in told.splitlines())
