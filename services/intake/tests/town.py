"""Intake with its log in memory, told things by other systems."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chassis.batches import consume
from chassis.broker import to_record
from chassis.reacting import Raw, deciding
from chassis.telemetry import Metrics, Tracing
from chassis.testing.held import MemoryHeld
from chassis.testing.store import MemoryStore
from intake import consumers, inbound
from intake.api import Front
from intake.consumers import Inbox
from intake.domain import ContactReceived
from intake.handlers import Desk
from intake.publisher import to_contracts
from intake.unsealing import SealingKeys
from lofte_events import MessageRejected, parse
from municipality import read_folder
from pydantic import SecretStr

from .submitting import (
    CODE,
    TOPIC,
    a_key,
    jwks,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NEW, OLD, FOREIGN = a_key("new"), a_key("old"), a_key("new")
MUNICIPALITIES = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")


@dataclass
class Town:
    """Intake with its log in memory, two keys to seal to, and what came of what was told."""

    desk: Desk
    front: Front
    keys: list[Any] = field(default_factory=lambda: [NEW, OLD])
    held: MemoryHeld = field(default_factory=MemoryHeld)

    @property
    def store(self) -> MemoryStore:
        assert isinstance(self.desk.store, MemoryStore)
        return self.desk.store

    async def tell(self, *raws: Raw) -> None:
        inbox = Inbox(self.front, SealingKeys(SecretStr(jwks(*self.keys))))
        await consume(
            raws,
            group="intake",
            reaction=deciding(lambda message: consumers.react(inbox, message)),
            parse=inbound.parse,
            held=self.held,
            clock=self.desk.clock,
            tracing=Tracing("intake", None),
            metrics=Metrics(),
        )
        assert await self.held.count() == 0

    def contacts(self) -> list[ContactReceived]:
        return [event for event in self._events() if isinstance(event, ContactReceived)]

    def rejections(self) -> list[MessageRejected]:
        """As they are told on the topic of what was rejected."""
        found = []
        for commit in self.store.commits:
            for index, contract in enumerate(to_contracts(self.desk.decider, commit)):
                if isinstance(contract, MessageRejected):
                    record = to_record("lofte", "intake", commit, index, contract)
                    assert record.topic == f"lofte.rejected.{CODE}"
                    parsed = parse(record.headers, record.value)
                    assert parsed is not None
                    assert parsed[0].municipality == CODE
                    found.append(contract)
        return found

    async def rejection(self, told: Raw) -> MessageRejected:
        """The one that a message gets; nothing else comes of it."""
        before = len(self.store.commits)
        await self.tell(told)
        assert len(self.store.commits) == before + 1
        rejected = self.rejections()[-1]
        assert (rejected.topic, rejected.partition, rejected.offset) == (TOPIC, 0, told.offset)
        return rejected

    def _events(self) -> list[Any]:
        restore = self.desk.decider.codec.restore
        return [restore(stored) for commit in self.store.commits for stored in commit.events]
