"""What was killed where and how it ended, as tables: tests say it with `record_property("killed", Killed)`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chassis.crash import POINTS

from bench import machine
from tests.harness.running import SERVICES

__all__ = ["Ending", "Killed", "render"]

Killed = tuple[str, str, int]
"""How (a crash point, or anything else), who, with how many replicas."""


@dataclass(frozen=True)
class Ending:
    """How a test ended; seconds from the first request until all was well."""

    test: str
    killed: Killed | None
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s" if self.passed else "**failed**"


def render(endings: Sequence[Ending]) -> str:
    """All of it as Markdown."""
    passed = sum(ending.passed for ending in endings)
    facts = ", ".join(f"{name} {value}" for name, value in machine.facts().items())
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}: {passed} of {len(endings)} tests ended with nothing lost and nothing doubled. "
        f"Machine: {facts}."
    ]
    lines += [f"- **failed**: `{ending.test}`" for ending in endings if not ending.passed]
    by_kill = {ending.killed: ending for ending in endings if ending.killed}
    lines += ["", *_points(by_kill), "", *_others(by_kill)]
    return "\n".join(lines)


def _points(by_kill: Mapping[Killed, Ending]) -> list[str]:
    """A row for each crash point, a column for each service."""
    lines = [f"| dies at | {' | '.join(SERVICES)} |", "|---" * (len(SERVICES) + 1) + "|"]
    for point in POINTS:
        cells = [_cell(by_kill, point, service) for service in SERVICES]
        if any(cells):
            lines.append(f"| {point} | {' | '.join(cells)} |")
    return lines


def _others(by_kill: Mapping[Killed, Ending]) -> list[str]:
    others = dict.fromkeys((how, who) for how, who, _ in by_kill if how not in POINTS)
    return [
        "| killed under traffic | until all was well |",
        "|---|---|",
        *(f"| {how}: {who} | {_cell(by_kill, how, who)} |" for how, who in others),
    ]


def _cell(by_kill: Mapping[Killed, Ending], how: str, who: str) -> str:
    """With one, and with two replicas; empty where the service has no such point."""
    return " / ".join(str(by_kill[how, who, n]) for n in (1, 2) if (how, who, n) in by_kill)
