"""A member of a group, whoever fetches for it: batches and replays take turns, and no failure is tried without a pause."""

import asyncio
from collections.abc import Mapping, Sequence, Set
from datetime import timedelta

import pytest
from aiokafka import TopicPartition
from chassis.consuming import Message, Reaction, Subscription
from chassis.member import PAUSE, Member, Surroundings
from chassis.reacting import Lane
from chassis.telemetry import Metrics, Tracing
from chassis.testing.clock import ManualClock
from chassis.testing.held import MemoryHeld
from chassis.testing.records import Noted, Publisher, parse

GROUP = "words"


class Client:
    """Owns the one partition there is."""

    def assignment(self) -> Set[TopicPartition]:
        return {TopicPartition("lofte.casework", 0)}

    async def commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        return None


def a_member(reaction: Reaction, held: MemoryHeld, clock: ManualClock) -> Member:
    around = Surroundings(parse, held, clock, Tracing("test", None), Metrics())  # type: ignore[arg-type]
    member = Member(Subscription(GROUP, ("casework",), reaction), around)
    member.client = Client()
    return member


async def test_a_batch_does_not_wait_for_all_that_is_replayed() -> None:
    """After a mended bug thousands of lanes may be replayed at once: facts of other cases have their turn between two."""
    held, publisher, words = MemoryHeld(), Publisher(), list[str]()
    for case in "abc":
        await held.hold(GROUP, publisher.noted(case, f"replayed-{case}"), "a bug", 1)
    for message in await held.list():
        await held.replay(message["_id"])
    new = [publisher.noted("d", "new")]
    handling: list[asyncio.Task[None]] = []

    async def reaction(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        for messages in batch.values():
            assert isinstance(messages[0].contract, Noted)
            words.append(messages[0].contract.word)
        if not handling:
            handling.append(asyncio.create_task(member.handle(new)))
            await asyncio.sleep(0)
        return {}

    member = a_member(reaction, held, ManualClock())
    await member.tend()
    await handling[0]
    assert words == ["replayed-a", "new", "replayed-b", "replayed-c"]


class Broken(MemoryHeld):
    """Fails in a way that nobody foresaw."""

    async def all_held_lanes(self, group: str, limit: int) -> set[Lane] | None:
        raise KeyError("as it happens")


async def test_a_batch_that_fails_in_whatever_way_comes_again_after_a_pause() -> None:
    async def unwanted(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        raise AssertionError("nothing is handled")

    clock = ManualClock()
    handling = asyncio.create_task(
        a_member(unwanted, Broken(), clock).handle([Publisher().noted("a", "one")])
    )
    for _ in range(5):
        await asyncio.sleep(0)
    assert not handling.done()
    clock.advance(timedelta(seconds=PAUSE))
    with pytest.raises(KeyError):
        await handling
