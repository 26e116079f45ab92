"""What a receiver of webhooks gets: real receivers and a real database, in a time that stands still until it is told."""

import asyncio
import ipaddress
from dataclasses import replace
from datetime import timedelta

import pytest
from callback.outgoing.deliveries import BEHIND
from callback.outgoing.sending import LANES_AT_ONCE
from callback.outgoing.targets import Sender, Targets
from callback.webhooks.posting import Posting
from chassis.commit import Cause
from chassis.errors import NotFound, RuleViolation
from chassis.testing.waiting import eventually
from lofte_events import parse_structured
from standardwebhooks import Webhook

from tests.harness.receiver import Got, Receiver, Reply, receiver, well

from .posting import CLAIMED, PAUSES, Post, claimed

pytestmark = pytest.mark.mongo


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
    assert await post.open_lanes() == 0
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
        assert found["last_failure"] == "no answer within 2 s"
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
        local = Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True)
        patient = Sender(local, patience=60, now=lambda: 0.0)
        post.sending = replace(post.sending, open=Posting(post.subscriptions, patient.post, lambda: 0.0).open)
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
