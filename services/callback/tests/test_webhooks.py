"""Webhooks against real receivers and a real database, in a time that stands still until it is told."""

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from callback.webhooks import consumers
from callback.webhooks.deliveries import BEHIND, Deliveries, Delivery
from callback.webhooks.held import HeldDeliveries
from callback.webhooks.metrics import WebhookMetrics
from callback.webhooks.sending import LANES_AT_ONCE, Sending
from callback.webhooks.subscriptions import Subscriptions
from callback.webhooks.targets import Sender, Targets
from chassis.commit import Cause
from chassis.crash import NEVER
from chassis.errors import KeyReused, NotFound, RuleViolation, Unavailable
from chassis.reacting import Message
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from chassis.testing.waiting import eventually
from chassis.views import View
from lofte_events import CaseClaimed, CaseRouted, ContactReceived, Contract, Envelope, parse_structured
from prometheus_client import CollectorRegistry
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from standardwebhooks import Webhook

from tests.harness.receiver import Got, Receiver, Reply, receiver, well

pytestmark = pytest.mark.mongo
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

    async def lanes(self) -> int:
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
    sender = Sender(local, patience=0.5, now=lambda: clock.now().timestamp())
    subscriptions = Subscriptions(
        database, KeyRing(database, b"k" * 32, clock), clock, clock.now, timedelta(hours=1)
    )
    deliveries = Deliveries(database, replica, clock.now, lease=60.0, database_now=clock.now)
    sending = Sending(
        deliveries,
        subscriptions,
        sender.post,
        clock,
        lambda: datetime.now(UTC).timestamp(),
        PAUSES,
        WebhookMetrics(CollectorRegistry()),
        NEVER,
        chance=lambda: 0.5,
    )
    await deliveries.prepare()
    await subscriptions.prepare()
    yield Post(database, clock, subscriptions, deliveries, HeldDeliveries(database), sending, sender)
    await sender.close()


@pytest.fixture
async def database(mongo_uri: str, unique: str) -> AsyncIterator[AsyncDatabase[Document]]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo_uri, tz_aware=True)
    yield client[unique]
    await client.drop_database(unique)
    await client.close()


@pytest.fixture
async def post(database: AsyncDatabase[Document]) -> AsyncIterator[Post]:
    async with post_on(database, ManualClock(MOMENT), "callback-1") as found:
        yield found


# --- what a receiver gets ---


async def test_a_case_is_told_in_order_signed_as_a_cloud_event(post: Post) -> None:
    async with receiver() as here:
        webhook, secret = await post.subscribe(here)
        await post.tell(webhook, "c1", 1, 2, 3)
        await post.tell(webhook, "c1", 1, 2, 3, 4)  # the records come again
        await post.send()
    assert [got.id for got in here.taken] == ["c1-1", "c1-2", "c1-3", "c1-4"]
    for place, got in enumerate(here.taken, start=1):
        Webhook(secret).verify(got.body, dict(got.headers))
        assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert parse_structured(got.body) == (claimed("c1", place).envelope, claimed("c1", place).contract)
    assert await post.lanes() == 0
    assert await post.deliveries.standing() == (0, 0, 0.0)
    await post.tell(webhook, "c1", 2)  # and once more, after they were delivered
    await post.send()
    assert len(here.got) == 4


async def test_what_fails_is_tried_again_by_the_pauses_with_the_same_id_and_overtaken_by_none(
    post: Post,
) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        here.fails(500)
        await post.tell(webhook, "c1", 1, 2)
        await post.send()
        await post.later(9)
        assert [got.id for got in here.got] == ["c1-1"]
        await post.later(1)
        assert [got.id for got in here.got] == ["c1-1"] * 2
        here.answer = well
        await post.later(99)
        assert len(here.got) == 2
        await post.later(1)
    assert [got.id for got in here.taken] == ["c1-1", "c1-2"]
    found = await post.subscriptions.get("0581", webhook, None)
    assert (found["failures"], found["failing_since"], found["last_failure"]) == (0, None, None)


async def _held(post: Post, here: Receiver) -> str:
    """A subscription with a case of which three deliveries are held; its receiver is well again."""
    webhook, _ = await post.subscribe(here)
    here.fails(500)
    await post.tell(webhook, "c1", 1, 2)
    await post.send()
    for pause in PAUSES:
        await post.later(pause)
    here.answer = well
    await post.tell(webhook, "c1", 3)
    await post.later(86_400)
    assert [got.id for got in here.got] == ["c1-1"] * 3
    return webhook


async def test_what_was_tried_for_long_enough_is_held_with_those_behind_it_and_replayed(post: Post) -> None:
    async with receiver() as here:
        webhook = await _held(post, here)
        listed = await post.held.list(webhook, state="held", after=None, limit=10)
        assert [(d["event_id"], d["reason"], d["attempts"]) for d in listed] == [
            ("c1-1", "answered 500", 3),
            ("c1-2", BEHIND, 0),
            ("c1-3", BEHIND, 0),
        ]
        assert [d["event_id"] for d in await post.held.list(webhook, state=None, after="c1-1", limit=1)] == [
            "c1-2"
        ]
        assert await post.deliveries.standing() == (0, 3, 0.0)
        await post.tell(webhook, "c2", 1)  # another case goes on
        await post.send()
        assert [got.id for got in here.taken] == ["c2-1"]

        await post.held.replay(webhook, "c1-2")
        await post.later(60)
    assert [got.id for got in here.taken][1:] == ["c1-1", "c1-2", "c1-3"]
    assert await post.states(webhook) == {
        "c1-1": "replayed", "c1-2": "replayed", "c1-3": "replayed", "c2-1": "delivered",
    }  # fmt: skip
    with pytest.raises(RuleViolation):
        await post.held.discard(webhook, "c1-1", reason="late", by="anna")
    with pytest.raises(NotFound):
        await post.held.show(webhook, "c2-1")


async def test_what_fails_again_after_its_replay_is_held_again(post: Post) -> None:
    async with receiver() as here:
        webhook = await _held(post, here)
        here.fails(503)
        await post.held.replay(webhook)
        await post.later(60)
        for pause in PAUSES:
            await post.later(pause)
        (first, *_) = await post.held.list(webhook, state="held", after=None, limit=10)
        assert (first["reason"], first["attempts"], first["state"]) == ("answered 503", 3, "held")
        here.answer = well
        await post.held.replay(webhook)
        await post.later(60)
    assert [got.id for got in here.taken] == ["c1-1", "c1-2", "c1-3"]


async def test_what_is_discarded_is_not_sent_and_those_behind_it_are(post: Post) -> None:
    async with receiver() as here:
        webhook = await _held(post, here)
        for _ in range(2):  # safe to repeat
            found = await post.held.discard(webhook, "c1-1", reason="$of no use", by="anna")
            assert (found["state"], found["discarded_because"], found["discarded_by"]) == (
                "discarded", "$of no use", "anna",
            )  # fmt: skip
        await post.later(60)
        assert [got.id for got in here.taken] == ["c1-2", "c1-3"]


async def test_gone_disables_the_subscription_until_it_is_enabled(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        here.fails(410)
        await post.tell(webhook, "c1", 1, 2)
        await post.send()
        await post.later(86_400)
        assert len(here.got) == 1
        found = await post.subscriptions.get("0581", webhook, None)
        assert (found["state"], found["disabled_because"]) == ("disabled", "answered 410")
        assert await post.subscriptions.wanted(["0581"]) == {}
        here.answer = well
        await post.subscriptions.change(webhook, {"state": "active"})
        await post.send()
    assert [got.id for got in here.taken] == ["c1-1", "c1-2"]


async def test_a_receiver_that_asks_for_a_pause_gets_it_for_all_its_cases(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        here.fails(429, retry_after="120")
        await post.tell(webhook, "c1", 1)
        await post.send()
        here.answer = well
        await post.tell(webhook, "c2", 1)
        await post.later(119)
        assert len(here.got) == 1
        await post.later(1)
    assert sorted(got.id for got in here.taken) == ["c1-1", "c2-1"]


async def test_a_slow_receiver_is_given_up_and_tried_again(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        ended = asyncio.Event()

        async def hanging(_: Got) -> Reply:
            await ended.wait()
            return 200, {}

        here.answer = hanging
        await post.tell(webhook, "c1", 1)
        await post.send()
        found = await post.subscriptions.get("0581", webhook, None)
        assert found["last_failure"] == "no answer within 0.5 s"
        ended.set()
        here.answer = well
        await post.later(10)
        assert [got.id for got in here.taken][-1] == "c1-1"


async def test_a_failing_receiver_delays_nobody_else(post: Post) -> None:
    """One hangs with all its cases; another one, and a well case of a third, go on meanwhile."""
    async with receiver() as bad, receiver() as good:
        ended = asyncio.Event()

        async def hanging(_: Got) -> Reply:
            await ended.wait()
            return 500, {}

        bad.answer = hanging
        post.sending = replace(post.sending, post=Sender(
            Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True), patience=60, now=lambda: 0.0
        ).post)  # fmt: skip
        worse, _ = await post.subscribe(bad)
        better, _ = await _subscribe_again(post, good)
        for number in range(50):
            await post.tell(worse, f"c{number}", 1)
        for number in range(30):
            await post.tell(better, f"c{number}", 1, 2)

        async def all_good() -> bool:
            await post.sending.start_due()
            return len(good.taken) == 60

        await eventually(all_good, 20)
        assert len(bad.got) == LANES_AT_ONCE  # no more of it is under way
        for number in range(30):
            assert [got.id for got in good.taken if got.case_id == f"c{number}"] == [
                f"c{number}-1",
                f"c{number}-2",
            ]
        ended.set()
        await post.sending.settle()
        # It has failed: from now on one at a time, and after that only when it has rested.
        assert await post.sending.start_due() == 1
        await post.sending.settle()
        assert await post.sending.start_due() == 0
        post.clock.advance(timedelta(seconds=60))
        assert await post.sending.start_due() == 1
        await post.sending.settle()


async def _subscribe_again(post: Post, at: Receiver) -> tuple[str, str]:
    told = {"url": at.url, "types": [CLAIMED], "owners": [], "description": None}
    found, secret = await post.subscriptions.create("0581", "test", Cause("request:other", "test", "h"), told)
    return found["_id"], secret


# --- processes ---


async def test_two_replicas_send_each_once_and_each_case_in_order(
    database: AsyncDatabase[Document], post: Post
) -> None:
    async with receiver() as here, post_on(database, post.clock, "callback-2") as other:
        webhook, _ = await post.subscribe(here)
        for number in range(40):
            await post.tell(webhook, f"c{number}", 1, 2, 3)
        await asyncio.gather(post.send(), other.send())
        await post.send()
    assert len(here.taken) == len({got.id for got in here.taken}) == 120
    for number in range(40):
        assert [got.id for got in here.taken if got.case_id == f"c{number}"] == [
            f"c{number}-{n}" for n in (1, 2, 3)
        ]


async def test_what_a_dead_replica_had_taken_is_sent_by_another_when_its_lease_is_over(
    database: AsyncDatabase[Document], post: Post
) -> None:
    async with receiver() as here, post_on(database, post.clock, "callback-2") as other:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1, 2)
        (target,) = await post.deliveries.due(8)
        claim = await post.deliveries.claim(target.lanes[0])
        assert claim is not None
        await other.send()
        await other.later(59)
        assert here.got == []
        await other.later(1)
        assert [got.id for got in here.taken] == ["c1-1", "c1-2"]
        # The dead one was only asleep: what it thought it had is no longer its own.
        assert await post.deliveries.delivered(claim, delivery(webhook, "c1", 1)) is None
        await post.deliveries.release(claim)
        assert await post.deliveries.close(claim) is None
        assert await post.lanes() == 0


async def test_a_replica_that_is_started_again_goes_on_at_once(
    database: AsyncDatabase[Document], post: Post
) -> None:
    async with receiver() as here, post_on(database, post.clock, "callback-1") as again:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1)
        assert await post.deliveries.claim(f"{webhook}:c1")
        await again.send()
        assert here.got == []
        await again.deliveries.reclaim()
        await again.send()
    assert [got.id for got in here.taken] == ["c1-1"]


async def test_what_comes_while_a_lane_is_closed_or_held_is_not_forgotten(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1)
        claim = await post.deliveries.claim(f"{webhook}:c1")
        assert claim is not None
        first = await post.deliveries.next(claim)
        assert first is not None
        assert await post.deliveries.delivered(claim, first)
        await post.tell(webhook, "c1", 2)
        going_on = await post.deliveries.close(claim)
        assert going_on is not None
        second = await post.deliveries.next(going_on)
        assert second is not None
        await post.tell(webhook, "c1", 3)
        await post.deliveries.hold(going_on, second, "answered 500")
    assert await post.states(webhook) == {"c1-1": "delivered", "c1-2": "held", "c1-3": "held"}


async def test_a_million_that_wait_cost_a_look_no_more_than_a_few(post: Post) -> None:
    """What is looked at is bounded by subscriptions, not by what waits: by the index, and a limit for each."""
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        await post.deliveries.tell([delivery(webhook, f"c{number}", 1) for number in range(3000)])
        (target,) = await post.deliveries.due(LANES_AT_ONCE)
        assert len(target.lanes) == LANES_AT_ONCE
        await post.database.command("profile", 2)
        try:
            await post.deliveries.due(LANES_AT_ONCE)
        finally:
            await post.database.command("profile", 0)
        looked = await post.database["system.profile"].find({"command.aggregate": "webhooks"}).to_list()
        assert looked
        assert all(
            look["docsExamined"] <= 2 * LANES_AT_ONCE and look["keysExamined"] <= 2 * LANES_AT_ONCE
            for look in looked
        )


# --- who is told ---


def routed(case: str, owner: str, number: int = 1) -> Message:
    contract = CaseRouted(
        route_number=number, case_id=case, owner=owner, cause="contact", promise_number=1, rule="r", rule_version=1,
        reason="x", asked_at=MOMENT, routed_at=MOMENT,
    )  # fmt: skip
    return message(contract, f"/0581/routing/0581.route-{case}", number)


def received(case: str, number: int) -> Message:
    contract = ContactReceived(
        case_id=case, contact_id=f"{case}-{number}", case_reference="DLU5-7D99", opens_case=number == 1,
        channel="email", citizen_kind="person", live=False, received_at=MOMENT, accepted_at=MOMENT,
        dataref="/contacts/x",
    )  # fmt: skip
    return message(contract, f"/0581/intake/0581.contact-{case}-{number}", 1)


async def _take(post: Post, *messages: Message) -> None:
    telling = consumers.Telling(post.subscriptions, post.deliveries)
    view = View(post.database[consumers.CASES], consumers.project, tell=telling.tell)
    batch: dict[bytes, list[Message]] = {}
    for one in messages:
        batch.setdefault(one.contract.case_id.encode(), []).append(one)
    assert await view.reaction(batch) == {}


async def test_an_event_is_about_the_owner_it_names_else_about_the_present_owner_of_its_case(
    post: Post,
) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here, RECEIVED, ROUTED, owners=["department.building"])
        await _take(
            post,
            received("c1", 1),  # nobody's yet
            routed("c1", "department.building"),
            received("c1", 2),
            routed("c1", "group.city", 2),
            received("c1", 3),
        )
        await _take(post, received("c2", 1), claimed("c1", 9))
    told = {event.partition("/0581/")[2] for event in await post.states(webhook)}
    assert told == {"routing/0581.route-c1-1", "intake/0581.contact-c1-2-1"}


async def test_what_was_told_is_not_told_again_when_a_log_is_sent_again(post: Post) -> None:
    """Not even years later, when nothing is left of the deliveries: the case remembers what it has seen."""
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        facts = [claimed("c1", place) for place in (1, 2, 5)]
        for _ in range(2):
            await _take(post, *facts)
        await post.send()
        assert len(here.taken) == 3
        await post.database["webhook_deliveries"].drop()
        await _take(post, *facts)
        await _take(post, facts[0])
        assert await post.states(webhook) == {}


async def test_what_could_not_be_written_down_stops_the_batch(post: Post) -> None:
    """The case is written after its deliveries: else they would be lost."""

    async def away(_: Any) -> None:
        raise Unavailable("MongoDB: away")

    view = View(post.database[consumers.CASES], consumers.project, tell=away)
    with pytest.raises(Unavailable):
        await view.reaction({b"c1": [claimed("c1", 1)]})
    assert await post.database[consumers.CASES].count_documents({}) == 0


async def test_two_consumers_at_once_tell_a_case_once_and_in_order(post: Post) -> None:
    """As after a rebalance: both have the same records, and others of other topics beside them."""
    async with receiver() as here:
        await post.subscribe(here, CLAIMED, ROUTED)
        acts, routes = (
            [claimed("c1", n) for n in range(1, 20)],
            [routed("c1", "group.city", n) for n in range(1, 20)],
        )

        async def read(facts: Sequence[Message]) -> None:
            for start in range(0, len(facts), 3):
                await _take(post, *facts[max(0, start - 2) : start + 3])

        await asyncio.gather(read(acts), read(routes), read(acts))
        await post.send()
    for kind in ("casework", "routing"):
        assert [got.place[1] for got in here.taken if kind in got.place[0]] == list(range(1, 20))


# --- secrets ---


async def test_a_secret_is_sealed_shown_to_the_same_request_again_and_to_no_other(post: Post) -> None:
    async with receiver() as here:
        webhook, secret = await post.subscribe(here)
        assert await post.subscribe(here) == (webhook, secret)
        stored = [await post.database[name].find().to_list() for name in ("webhooks", "keys")]
        assert secret.removeprefix("whsec_") not in json.dumps(stored, default=str)
        with pytest.raises(KeyReused):
            await post.subscriptions.create("0581", "test", Cause("request:test", "test", "other"), {})
        assert len(await post.subscriptions.list("0581", None, after=None, limit=9)) == 1
        assert await post.subscriptions.list("2380", None, after=None, limit=9) == []


async def test_after_a_rotation_both_secrets_sign_until_the_overlap_is_over(post: Post) -> None:
    async with receiver() as here:
        webhook, old = await post.subscribe(here)
        cause = Cause("request:rotate", "test", "h")
        found, new = await post.subscriptions.rotate(
            await post.subscriptions.get("0581", webhook, None), cause
        )
        assert await post.subscriptions.rotate(found, cause) == (found, new)
        await post.tell(webhook, "c1", 1)
        await post.send()
        (both,) = here.taken
        for secret in (old, new):
            Webhook(secret).verify(both.body, dict(both.headers))
        await post.tell(webhook, "c1", 2)
        await post.later(3601)
        last = here.taken[-1]
        Webhook(new).verify(last.body, dict(last.headers))
        assert len(last.headers["webhook-signature"].split(" ")) == 1


async def test_what_is_deleted_is_told_nothing_and_forgotten(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1)
        await post.subscriptions.delete(webhook)
        with pytest.raises(NotFound):
            await post.subscriptions.get("0581", webhook, None)
        await post.send()
        post.clock.advance(timedelta(minutes=2))
        await post.subscriptions.purge()
        assert here.got == []
    for name in ("webhooks", "webhook_lanes", "webhook_deliveries"):
        assert await post.database[name].count_documents({}) == 0
