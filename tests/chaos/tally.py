"""How much of what was accepted is missing, doubled, or happened before its time: counted, not just asserted."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from lofte_events import (
    CallbackDue,
    CaseClaimed,
    CaseResolved,
    CaseRouted,
    ContactReceived,
    Contract,
    PromiseBroken,
    PromiseMade,
)

from tests.harness.outcome import BACK_DATING_LIMIT, distinct
from tests.harness.running import System
from tests.harness.topics import Published, read_topics
from tests.harness.traffic import Accepted


@dataclass
class Tally:
    """Of events, over all accepted cases. `found`: each of them, for people."""

    lost: int = 0
    doubled: int = 0
    early: int = 0
    found: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.early)

    def compare(self, case: Accepted, what: str, expected: int, found: int) -> None:
        """Note what is missing or too much."""
        self.lost += max(0, expected - found)
        self.doubled += max(0, found - expected)
        if expected != found:
            self.found.append(f"{case.kind} {case.case_id}: {what}: {found}, expected {expected}")

    def too_early(self, case: Accepted, what: str) -> None:
        self.early += 1
        self.found.append(f"{case.kind} {case.case_id}: {what} before its time")


async def tally(system: System, accepted: Sequence[Accepted]) -> Tally:
    """Read all topics to their ends and count. A repeated record of one event counts once: its id says so."""
    by_case: dict[str, list[Published]] = defaultdict(list)
    for record in await read_topics(system):
        if record.contract is not None:
            by_case[record.contract.case_id].append(record)
    counted = Tally()
    for case in accepted:
        _count(counted, case, distinct(by_case[case.case_id]))
    return counted


def _count(counted: Tally, case: Accepted, events: Sequence[Contract]) -> None:
    kinds = Counter(type(event) for event in events)
    counted.compare(case, "contacts", len(case.contacts), kinds[ContactReceived])
    counted.compare(case, "routes", case.routes, kinds[CaseRouted])
    counted.compare(case, "promises", int(case.promise), kinds[PromiseMade])
    counted.compare(case, "claims", case.claims, kinds[CaseClaimed])
    counted.compare(case, "resolutions", int(case.resolved), kinds[CaseResolved])
    stages = Counter((event.stage, event.step) for event in events if isinstance(event, CallbackDue))
    for (stage, step), times in stages.items():
        counted.compare(case, f"{stage} {step}", 1, times)
    for event in events:
        if isinstance(event, CallbackDue) and event.fired_at < event.stage_at:
            counted.too_early(case, event.stage)
        if isinstance(event, PromiseBroken) and event.judged_at < event.due_at + BACK_DATING_LIMIT:
            counted.too_early(case, "breach")
