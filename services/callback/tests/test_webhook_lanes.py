"""Who is told, by which process, under which secret; real receivers and a real database."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from callback.outgoing.deliveries import Deliveries, Delivery
from callback.outgoing.sending import LANES_AT_ONCE
from callback.webhooks import consumers
from callback.webhooks.domain import wants
from callback.webhooks.subscriptions import LARGEST_NUMBER, NAMES
from chassis.clock import AnchoredClock
from chassis.commit import Cause
from chassis.errors import KeyReused, NotFound, RuleViolation, Unavailable
from chassis.reacting import Message
from lofte_events import CaseRouted, ContactReceived
from pymongo.asynchronous.database import AsyncDatabase
from standardwebhooks import Webhook

from tests.harness.receiver import receiver

from .posting import CLAIMED, MOMENT, RECEIVED, ROUTED, Document, Post, claimed, delivery, message, post_on

pytestmark = pytest.mark.mongo


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
        (target,) = await post.lanes.due(8)
        claim = await post.lanes.claim(target.lanes[0])
        assert claim is not None
        await other.send()
        await other.later(59)
        assert here.got == []
        await other.later(1)
        assert [got.id for got in here.taken] == ["c1-1", "c1-2"]
        # The dead one was only asleep: what it thought it had is no longer its own.
        assert await post.lanes.delivered(claim, delivery(webhook, "c1", 1)) is None
        await post.lanes.release(claim)
        assert await post.lanes.close(claim) is None
        assert await post.open_lanes() == 0


async def test_a_replica_that_is_started_again_goes_on_at_once(
    database: AsyncDatabase[Document], post: Post
) -> None:
    async with receiver() as here, post_on(database, post.clock, "callback-1") as again:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1)
        assert await post.lanes.claim(f"{webhook}:c1")
        await again.send()
        assert here.got == []
        await again.lanes.reclaim()
        await again.send()
    assert [got.id for got in here.taken] == ["c1-1"]


async def test_what_comes_while_a_lane_is_closed_or_held_is_not_forgotten(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        await post.tell(webhook, "c1", 1)
        claim = await post.lanes.claim(f"{webhook}:c1")
        assert claim is not None
        first = await post.lanes.next(claim)
        assert first is not None
        assert await post.lanes.delivered(claim, first)
        await post.tell(webhook, "c1", 2)
        going_on = await post.lanes.close(claim)
        assert going_on is not None
        second = await post.lanes.next(going_on)
        assert second is not None
        await post.tell(webhook, "c1", 3)
        await post.lanes.hold(going_on, second, "answered 500")
    assert await post.states(webhook) == {"c1-1": "delivered", "c1-2": "held", "c1-3": "held"}


async def test_a_million_that_wait_cost_a_look_no_more_than_a_few(post: Post) -> None:
    """What is looked at is bounded by subscriptions, not by what waits: by the index, and a limit for each."""
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
        await post.deliveries.tell([delivery(webhook, f"c{number}", 1) for number in range(3000)])
        (target,) = await post.lanes.due(LANES_AT_ONCE)
        assert len(target.lanes) == LANES_AT_ONCE
        await post.database.command("profile", 2)
        try:
            await post.lanes.due(LANES_AT_ONCE)
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
    telling = _telling(post)
    batch: dict[bytes, list[Message]] = {}
    for one in messages:
        batch.setdefault(one.contract.case_id.encode(), []).append(one)
    assert await telling.reaction(batch) == {}


def _telling(post: Post) -> consumers.Telling:
    return consumers.Telling(post.subscriptions, post.deliveries, post.database[consumers.CASES])


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


async def test_a_case_knows_whose_it_is_before_anybody_asks_and_nothing_else(post: Post) -> None:
    """What nobody asks for costs no write; whoever asks later is told by the owner that the case has."""
    await _take(post, received("c1", 1), claimed("c2", 1))
    assert await post.database[consumers.CASES].count_documents({}) == 0
    await _take(post, routed("c1", "department.building"))
    async with receiver() as here:
        webhook, _ = await post.subscribe(here, RECEIVED, owners=["department.building"])
        await _take(post, received("c1", 2), received("c3", 1))
        assert [*await post.states(webhook)] == ["/0581/intake/0581.contact-c1-2-1"]


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

    class Away(Deliveries):
        async def tell(self, deliveries: Sequence[Delivery]) -> None:
            raise Unavailable("MongoDB: away")

    away = Away(post.database, NAMES, post.clock.now)
    telling = replace(_telling(post), deliveries=away)
    async with receiver() as here:
        await post.subscribe(here)
        with pytest.raises(Unavailable):
            await telling.reaction({b"c1": [claimed("c1", 1)]})
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


async def test_a_rotation_by_the_key_of_another_request_is_refused(post: Post) -> None:
    async with receiver() as here:
        webhook, _ = await post.subscribe(here)
    found = await post.subscriptions.get("0581", webhook, None)
    with pytest.raises(KeyReused):
        await post.subscriptions.rotate(found, Cause("request:test", "test", "of the rotation"))


async def test_a_municipality_has_so_many_subscriptions_and_no_more(post: Post) -> None:
    others = [
        {"_id": f"w{number}", "municipality": "0581", "state": "active", "owners": []}
        for number in range(LARGEST_NUMBER)
    ]
    async with receiver() as here:
        await post.database["webhooks"].insert_many(others)
        with pytest.raises(RuleViolation, match=f"there are {LARGEST_NUMBER}"):
            await post.subscribe(here)
        await post.subscriptions.delete("w7")
        await post.subscribe(here)


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


# --- from when on ---


@pytest.mark.parametrize("rate", [1, 600])
async def test_what_is_stored_after_a_subscription_is_told_though_the_database_tells_whole_seconds(
    post: Post, rate: float
) -> None:
    """Seconds of domain time begin elsewhere than the database's."""
    made = MOMENT + timedelta(seconds=10, milliseconds=350)
    clock = AnchoredClock(start=MOMENT, anchor=MOMENT + timedelta(milliseconds=300), rate=rate)
    subscriptions = replace(post.subscriptions, clock=clock, real_now=lambda: made)
    told = {"url": "http://127.0.0.1", "types": [CLAIMED], "owners": [], "description": None}
    await subscriptions.create("0581", "test", Cause("request:test", "test", "h"), told)
    ((_, wanted),) = (await subscriptions.wanted(["0581"]))["0581"]

    def stored(real: datetime) -> datetime:
        return clock.to_domain(real.replace(microsecond=0))

    assert wants(wanted, CLAIMED, None, stored(made + timedelta(milliseconds=1)))
    assert not wants(wanted, CLAIMED, None, stored(made - timedelta(seconds=1)))
