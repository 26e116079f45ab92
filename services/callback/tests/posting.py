"""Callback's webhooks over a database, in a time that stands still until it is told; for their tests."""

import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from callback.outgoing.deliveries import Deliveries, Delivery
from callback.outgoing.held import HeldDeliveries
from callback.outgoing.lanes import Lanes
from callback.outgoing.metrics import SendingMetrics
from callback.outgoing.sending import Sending
from callback.outgoing.standing import Standing
from callback.outgoing.targets import Sender, Targets
from callback.webhooks import consumers
from callback.webhooks.posting import Posting
from callback.webhooks.subscriptions import NAMES, Subscriptions
from chassis.commit import Cause
from chassis.crash import NEVER
from chassis.reacting import Message
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from lofte_events import CaseClaimed, CaseRouted, ContactReceived, Contract, Envelope
from prometheus_client import CollectorRegistry
from pymongo.asynchronous.database import AsyncDatabase

from tests.harness.receiver import Receiver

Document = dict[str, Any]

PAUSES = (10.0, 100.0)
CLAIMED, ROUTED, RECEIVED = CaseClaimed.TYPE, CaseRouted.TYPE, ContactReceived.TYPE


@dataclass
class Post:
    """Callback's webhooks, over one database; `replica` makes another process of them."""

    database: AsyncDatabase[Document]
    clock: ManualClock
    subscriptions: Subscriptions
    deliveries: Deliveries
    lanes: Lanes
    held: HeldDeliveries
    sending: Sending
    sender: Sender

    async def subscribe(self, at: Receiver, *types: str, owners: Sequence[str] = ()) -> tuple[str, str]:
        """Its id and its secret."""
        told = {"url": at.url, "types": list(types or [CLAIMED]), "owners": list(owners), "description": None}
        found, secret = await self.subscriptions.create(
            "0581", "test", Cause("request:test", "test", "h"), told
        )
        return found["_id"], secret

    async def tell(self, subscription: str, case: str, *places: int) -> None:
        await self.deliveries.tell([delivery(subscription, case, place) for place in places])

    async def send(self) -> None:
        """Everything that is due now."""
        while await self.sending.start_due():
            await self.sending.settle()

    async def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        await self.send()

    async def states(self, subscription: str) -> dict[str, str]:
        found = self.database["webhook_deliveries"].find({"subscription": subscription})
        return {d["event_id"]: d["state"] async for d in found}

    async def open_lanes(self) -> int:
        return await self.database["webhook_lanes"].count_documents({})


def claimed(case: str, place: int) -> Message:
    contract = CaseClaimed(
        case_id=case, owner="group.city", by="b", route_number=1, promise_number=1, claimed_at=MOMENT
    )
    return message(contract, f"/0581/casework/0581.case-{case}", place)


def message(contract: Contract, source: str, sequence: int) -> Message:
    envelope = Envelope(
        f"{source}-{sequence}",
        contract.TYPE,
        source,
        contract.case_id,
        MOMENT,
        sequence,
        "0581",
        stored_at=MOMENT,
    )
    return Message(envelope, contract, None)


def delivery(subscription: str, case: str, place: int) -> Delivery:
    told = consumers.delivery_of(subscription, {"owner": None, "facts": place}, claimed(case, place))
    return replace(told, event_id=f"{case}-{place}")


MOMENT = datetime.now(UTC).replace(microsecond=0)


@asynccontextmanager
async def post_on(database: AsyncDatabase[Document], clock: ManualClock, replica: str) -> AsyncIterator[Post]:
    local = Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True)
    sender = Sender(local, patience=2.0, now=lambda: clock.now().timestamp())
    subscriptions = Subscriptions(
        database, KeyRing(database, b"k" * 32, clock), clock, clock.now, timedelta(hours=1)
    )
    deliveries = Deliveries(database, NAMES, clock.now, database_now=clock.now)
    lanes = Lanes(database, deliveries, replica, clock.now, lease=60.0, database_now=clock.now)
    sending = Sending(
        deliveries,
        lanes,
        Standing(database, NAMES, clock.now),
        Posting(subscriptions, sender.post, lambda: datetime.now(UTC).timestamp()).open,
        clock,
        PAUSES,
        SendingMetrics(CollectorRegistry(), "webhook", "delivery", "Deliveries"),
        NEVER,
        chance=lambda: 0.5,
        tidy=subscriptions.purge,
    )
    await deliveries.prepare()
    await subscriptions.prepare()
    yield Post(
        database, clock, subscriptions, deliveries, lanes, HeldDeliveries(database, NAMES), sending, sender
    )
    await sender.close()
