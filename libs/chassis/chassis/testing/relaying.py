"""Commits to relay, of a contract that only tests know, and what is to be asserted of their order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from lofte_events import Contract

from chassis.commit import Cause, Commit, StoredEvent
from chassis.ids import fresh_id
from chassis.reacting import Raw


class Numbered(Contract):
    """A fact for tests: it has a number."""

    TYPE: ClassVar[str] = "test.numbered.v1"

    number: int


class AlwaysHeld:
    """A lease that is held as long as `is_held` says so."""

    def __init__(self) -> None:
        self.is_held = True
        self.asked = 0
        self.released = False

    def held(self) -> bool:
        self.asked += 1
        return self.is_held

    async def run(self) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.released = True


def a_commit(
    case: str, version: int, events: int = 1, *, kind: str = "Numbered", municipality: str = "0581"
) -> Commit:
    """The commit of `events` events at `version` of the case's stream; of another kind than Numbered it stays inside."""
    return Commit(
        municipality=municipality,
        stream=f"{municipality}.{case}",
        first_version=version,
        events=[StoredEvent(fresh_id(), kind, 1, {"number": version + n}) for n in range(events)],
        cause=Cause(f"request:test:{case}-{version}", actor="test"),
        correlation_id=case,
        committed_at=datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
    )


def contracts_of(commit: Commit) -> Sequence[Contract | None]:
    """The publisher of these tests."""
    return [
        Numbered(case_id=commit.correlation_id, number=event.data["number"])
        if event.type == "Numbered"
        else None
        for event in commit.events
    ]


def numbered(commits: Iterable[Commit]) -> Mapping[str, list[int]]:
    """Source -> the sequences that have to be on the topic, rising."""
    expected: dict[str, list[int]] = defaultdict(list)
    for commit in commits:
        for index, event in enumerate(commit.events):
            if event.type == "Numbered":
                expected[f"/{commit.municipality}/test/{commit.stream}"].append(commit.first_version + index)
    return {source: sorted(sequences) for source, sequences in expected.items()}


def first_seen(raws: Iterable[Raw]) -> Mapping[str, list[int]]:
    """Source -> sequences in the order in which a reader first sees them; repeats left out."""
    seen: dict[str, dict[int, None]] = defaultdict(dict)
    for raw in sorted(raws, key=lambda raw: (raw.topic, raw.partition, raw.offset)):
        headers = dict(raw.headers)
        source, sequence = headers["ce_source"] or b"", headers["ce_sequence"] or b"0"
        seen[source.decode()].setdefault(int(sequence))
    return {source: list(sequences) for source, sequences in seen.items()}
