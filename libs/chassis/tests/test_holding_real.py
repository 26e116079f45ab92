"""Held messages on a real broker and a real database: set aside, replayed, discarded."""

from collections.abc import Mapping, Sequence

import pytest
from chassis.consuming import Message
from chassis.testing.waiting import eventually

from .office import Office, stop

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


async def test_malformed_is_held_with_those_behind_it_then_discarded(office: Office) -> None:
    await office.send(
        office.casework.noted("a", "before"),
        office.casework.malformed("a"),
        office.casework.noted("b", "other"),
        office.routing.noted("a", "another topic"),
        office.casework.noted("a", "behind"),
    )
    _, task = office.start()
    await eventually(office.caught_up)
    await stop(task)
    office.start()  # a held key stays held for whoever comes next
    await office.send(office.casework.noted("a", "later"))
    await eventually(office.caught_up)
    assert await office.words("a") == ["casework:before", "routing:another topic"]
    assert await office.words("b") == ["casework:other"]
    poison, *behind = await office.held.list()
    assert [m["reason"] for m in behind] == ["behind a held message"] * 2
    assert await office.held.held_keys(office.group, [b"a", b"b"]) == {b"a"}

    await office.held.replay(str(poison["_id"]))
    await eventually(lambda: tried_again(office, poison["_id"]))
    assert await office.held.count() == 3

    await office.held.discard(str(poison["_id"]), reason="sent by mistake", by="admin")
    await eventually(lambda: released(office, b"a"))
    assert await office.words("a") == [
        "casework:before",
        "casework:behind",
        "casework:later",
        "routing:another topic",
    ]
    await office.send(office.casework.noted("a", "last"))
    await eventually(office.caught_up)
    assert (await office.words("a"))[3] == "casework:last"
    assert [m["state"] for m in await office.held.list(state=None)] == ["discarded", "replayed", "replayed"]


async def tried_again(office: Office, message_id: object) -> bool:
    return (await office.held.show(str(message_id)))["attempts"] == 2


async def released(office: Office, key: bytes) -> bool:
    return not await office.held.held_keys(office.group, [key])


async def test_replay_after_the_fault_is_mended(office: Office) -> None:
    broken = True

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        if broken and b"a" in batch:
            return {b"a": ValueError("a bug")} | dict(
                await office.view.reaction({k: v for k, v in batch.items() if k != b"a"})
            )
        return await office.view.reaction(batch)

    await office.send(*(office.casework.noted(case, word) for word in ("1", "2", "3") for case in ("a", "b")))
    office.start(react)
    await eventually(office.caught_up)
    assert await office.words("b") == ["casework:1", "casework:2", "casework:3"]
    assert await office.held.count() == 3
    broken = False
    await office.held.replay(str((await office.held.list())[1]["_id"]))
    await eventually(lambda: released(office, b"a"))
    assert await office.words("a") == ["casework:1", "casework:2", "casework:3"]
