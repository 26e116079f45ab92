"""Held messages: the same suite for MongoDB and for the fake; races of holders and releasers on MongoDB."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from chassis.clock import SystemClock
from chassis.consuming import Message
from chassis.errors import InvalidInput, NotFound, RuleViolation, Unavailable
from chassis.held import HeldMessages
from chassis.http.app import make_app
from chassis.http.held import held_routes
from chassis.replaying import replay
from chassis.service import Parts, make_runtime
from chassis.settings import ServiceSettings
from chassis.testing.held import MemoryHeld
from chassis.testing.issuer import TinyIssuer
from chassis.testing.records import Noted, Publisher, parse
from pydantic import SecretStr
from pymongo import AsyncMongoClient

pytestmark = pytest.mark.mongo
GROUP = "casework"
LANE = ("lofte.casework", b"a")
Held = HeldMessages | MemoryHeld


@pytest.fixture
async def mongo(mongo_uri: str, unique: str) -> AsyncIterator[HeldMessages]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    held = HeldMessages(client[unique], SystemClock())
    await held.prepare()
    await held.prepare()
    yield held
    await client.drop_database(unique)
    await client.close()


@pytest.fixture(params=["memory", "mongo"])
def held(request: pytest.FixtureRequest) -> Held:
    return MemoryHeld() if request.param == "memory" else request.getfixturevalue("mongo")


class Desk:
    """Handles what is replayed; refuses the words in `broken`."""

    def __init__(self, *broken: str) -> None:
        self.words: list[str] = []
        self.broken = set(broken)

    async def reaction(self, batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        for key, messages in batch.items():
            for message in messages:
                assert isinstance(message.contract, Noted)
                if message.contract.word in self.broken:
                    return {key: ValueError("still broken")}
                self.words.append(message.contract.word)
        return {}

    async def replay(self, held: Held, owned: bool = True) -> None:
        for wanted in await held.wanted(GROUP):
            await replay(
                wanted,
                lambda topic, partition: owned,
                reaction=self.reaction,
                parse=parse,
                held=held,  # type: ignore[arg-type]  # the fake passes the same suite
                clock=SystemClock(),
            )


async def ids(held: Held) -> list[str]:
    return [str(message["_id"]) for message in await held.list(state=None)]


async def test_a_lane_is_held_until_all_of_it_is_replayed(held: Held) -> None:
    topic, desk = Publisher(), Desk()
    first, second = topic.noted("a", "one"), topic.noted("a", "two")
    assert not await held.hold_behind(GROUP, first, "behind")
    assert await held.hold(GROUP, first, "a bug", 4)
    assert await held.hold_behind(GROUP, second, "behind")
    lanes = [LANE, ("lofte.casework", b"b"), ("lofte.routing", b"a")]
    assert await held.held_lanes(GROUP, lanes) == {LANE}
    assert await held.held_lanes("metrics", lanes) == set()
    assert await held.held_keys(GROUP, [b"a", b"b"]) == {b"a"}
    assert await held.count() == 2
    assert [(m["reason"], m["attempts"]) for m in await held.list()] == [("a bug", 4), ("behind", 0)]

    await desk.replay(held)
    assert desk.words == []  # nobody asked
    await held.replay((await ids(held))[1])
    await desk.replay(held, owned=False)
    assert desk.words == []  # not ours
    await desk.replay(held)
    assert desk.words == ["one", "two"]
    assert await held.held_lanes(GROUP, lanes) == set()
    assert await held.count() == 0
    assert not await held.hold_behind(GROUP, topic.noted("a", "three"), "behind")


async def test_replay_stops_at_the_first_that_fails_and_is_asked_for_anew(held: Held) -> None:
    topic, desk = Publisher(), Desk("two")
    await held.hold(GROUP, topic.noted("a", "one"), "a bug", 1)
    for word in ("two", "three"):
        await held.hold_behind(GROUP, topic.noted("a", word), "behind")
    await held.replay((await ids(held))[0])
    await desk.replay(held)
    await desk.replay(held)
    assert desk.words == ["one"]
    assert [m["state"] for m in await held.list(state=None)] == ["replayed", "held", "held"]
    assert [m["reason"] for m in await held.list()] == ["ValueError", "behind"]
    desk.broken.clear()
    await desk.replay(held)
    assert desk.words == ["one"]
    await held.replay((await ids(held))[2])
    await desk.replay(held)
    assert desk.words == ["one", "two", "three"]
    assert await held.held_lanes(GROUP, [LANE]) == set()


async def test_discarding_lets_those_behind_go_on(held: Held) -> None:
    topic, desk = Publisher(), Desk()
    await held.hold(GROUP, topic.malformed("a"), "malformed", 1)
    await held.hold_behind(GROUP, topic.noted("a", "behind"), "behind")
    poison, behind = await ids(held)
    for _ in range(2):  # safe to repeat
        discarded = await held.discard(poison, reason="sent by mistake", by="admin-1")
        assert (discarded["state"], discarded["discarded_because"]) == ("discarded", "sent by mistake")
    await desk.replay(held)
    assert desk.words == ["behind"]
    assert await held.held_lanes(GROUP, [LANE]) == set()
    assert (await held.replay(poison))["state"] == "discarded"
    with pytest.raises(RuleViolation):
        await held.discard(behind, reason="too late", by="admin-1")


async def test_a_message_without_a_key_holds_nothing(held: Held) -> None:
    topic, desk = Publisher(), Desk()
    good = topic.noted("a", "keyless")
    keyless = type(good)(good.topic, 0, good.offset, None, good.value, good.headers, 0)
    await held.hold(GROUP, keyless, "a bug", 1)
    assert await held.held_keys(GROUP, [b"a"]) == set()
    assert not await held.hold_behind(GROUP, keyless, "behind")
    (message,) = await ids(held)
    await held.replay(message)
    await desk.replay(held)
    assert desk.words == ["keyless"]
    assert await held.count() == 0
    await desk.replay(held)
    assert desk.words == ["keyless"]


async def test_a_keyless_message_is_discarded(held: Held) -> None:
    await held.hold(GROUP, Publisher().malformed(None), "malformed", 1)
    (message,) = await ids(held)
    await held.discard(message, reason="nobody knows", by="admin-1")
    assert await held.count() == 0


async def test_a_record_that_comes_again_is_held_once(held: Held) -> None:
    topic = Publisher()
    poison, behind = topic.malformed("a"), topic.noted("a", "behind")
    for _ in range(3):
        assert await held.hold(GROUP, poison, "malformed", 1)
        assert await held.hold_behind(GROUP, behind, "behind")
    assert await held.count() == 2
    await held.discard((await ids(held))[0], reason="broken", by="admin")
    desk = Desk()
    await desk.replay(held)
    assert desk.words == ["behind"]
    assert await held.held_lanes(GROUP, [LANE]) == set()
    assert not await held.hold(GROUP, poison, "malformed", 1)  # resolved before
    assert await held.held_lanes(GROUP, [LANE]) == set()


async def test_groups_hold_for_themselves(held: Held) -> None:
    poison = Publisher().malformed("a")
    await held.hold(GROUP, poison, "malformed", 1)
    await held.hold("casework.cases.v1", poison, "malformed", 1)
    await held.discard((await ids(held))[0], reason="broken", by="admin")
    await Desk().replay(held)
    assert await held.held_lanes(GROUP, [LANE]) == set()
    assert await held.held_lanes("casework.cases.v1", [LANE]) == {LANE}
    assert await held.held_keys(GROUP, [b"a"]) == set()
    assert await held.held_keys("casework.cases.v1", [b"a"]) == {b"a"}


async def test_listing_and_showing(held: Held) -> None:
    topic = Publisher()
    raws = [topic.noted(f"c{number}", "x") for number in range(5)]
    for raw in raws:
        await held.hold(GROUP, raw, "a bug", 1)
    everything = await ids(held)
    page = await held.list(limit=2)
    rest = await held.list(after=str(page[-1]["_id"]), limit=10)
    assert [str(m["_id"]) for m in (*page, *rest)] == everything
    shown = await held.show(everything[0])
    assert (shown["value"], shown["key"], shown["offset"]) == (raws[0].value, b"c0", 0)
    assert len(await held.list(municipality="0581")) == 5
    assert await held.list(municipality="2380") == []
    with pytest.raises(NotFound):
        await held.show(everything[0], municipality="2380")
    for unknown in ("nonsense", "0" * 24 + "x", "f" * 24):
        with pytest.raises(NotFound):
            await held.show(unknown)
    with pytest.raises(InvalidInput):
        await held.list(state="lost")


async def test_a_position_that_was_noted_and_not_inserted_keeps_the_lane(mongo: HeldMessages) -> None:
    """A holder died between its two writes: the lane is not released until the record comes again."""
    topic, desk = Publisher(), Desk()
    first, second = topic.noted("a", "one"), topic.noted("a", "two")
    await mongo.hold(GROUP, first, "a bug", 1)
    await mongo._note(GROUP, second, LANE, upsert=False)
    await mongo.replay((await ids(mongo))[0])
    await desk.replay(mongo)
    assert desk.words == ["one"]
    assert await mongo.held_lanes(GROUP, [LANE]) == {LANE}
    assert await mongo.hold_behind(GROUP, second, "behind")  # redelivered
    await desk.replay(mongo)
    assert desk.words == ["one", "two"]
    assert await mongo.held_lanes(GROUP, [LANE]) == set()


async def test_holders_race_with_a_releaser(mongo: HeldMessages) -> None:
    """Whatever the interleaving: each message is replayed in order, or its holder is told to process it itself."""
    for turn in range(15):
        topic, desk = Publisher(partition=turn), Desk()
        await mongo.hold(GROUP, topic.noted("a", "0"), "a bug", 1)
        await mongo.replay(str((await mongo.list())[0]["_id"]))
        processed: list[str] = []

        async def hold_all(topic: Publisher, processed: list[str]) -> None:
            for number in range(1, 6):
                if not await mongo.hold_behind(GROUP, topic.noted("a", str(number)), "behind"):
                    processed.append(str(number))

        await asyncio.gather(hold_all(topic, processed), desk.replay(mongo))
        await desk.replay(mongo)
        assert desk.words + processed == [str(number) for number in range(6)]
        assert await mongo.count() == 0
        assert await mongo.held_lanes(GROUP, [LANE]) == set()


async def test_many_hold_the_same_lane_at_once(mongo: HeldMessages) -> None:
    topic = Publisher()
    raws = [topic.noted("a", str(number)) for number in range(20)]
    await asyncio.gather(*(mongo.hold(GROUP, raw, "a bug", 1) for raw in raws for _ in range(2)))
    assert await mongo.count() == 20
    await mongo.replay((await ids(mongo))[0])
    desk = Desk()
    await desk.replay(mongo)
    assert desk.words == [str(number) for number in range(20)]
    assert await mongo.held_lanes(GROUP, [LANE]) == set()


async def test_forgetting_a_group(mongo: HeldMessages) -> None:
    await mongo.hold(GROUP, Publisher().malformed("a"), "malformed", 1)
    await mongo.forget(GROUP)
    assert (await mongo.count(), await mongo.held_keys(GROUP, [b"a"])) == (0, set())


async def test_the_database_is_away() -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("127.0.0.1:1", serverSelectionTimeoutMS=50)
    with pytest.raises(Unavailable):
        await HeldMessages(client["x"], SystemClock()).held_lanes(GROUP, [LANE])
    await client.close()


async def test_the_api_of_held_messages(mongo: HeldMessages, mongo_uri: str, tmp_path: Path) -> None:
    topic, desk = Publisher(), Desk()
    await mongo.hold(GROUP, topic.malformed("a"), "MalformedRecordError: value: not a Noted", 1)
    for word in ("two", "three"):
        await mongo.hold_behind(GROUP, topic.noted("a", word), "behind a held message")
    with TinyIssuer() as issuer:
        runtime = make_runtime(
            "notes",
            ServiceSettings(
                issuer=issuer.url,
                municipalities=tmp_path,
                mongo=SecretStr(mongo_uri),
                replica="n",
                database="n",
            ),
        )
        runtime.health.prepared = True
        app: Any = make_app(runtime, Parts(title="Notes", routes=held_routes(mongo)))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://notes") as client:
            admin = issuer.bearer("admin", subject="admin-1")
            for role in ("guide", "head", "system"):
                answer = await client.get("/held", headers=issuer.bearer(role, subject="x"))
                assert answer.status_code == 403
            page = (await client.get("/held", params={"limit": 2}, headers=admin)).json()
            rest = (await client.get("/held", params={"cursor": page["next"]}, headers=admin)).json()
            assert [m["offset"] for m in (*page["items"], *rest["items"])] == [0, 1, 2]
            assert rest["next"] is None
            poison = page["items"][0]
            assert (poison["key"], poison["state"], poison["municipality"]) == ("a", "held", "0581")
            shown = (await client.get(f"/held/{poison['id']}", headers=admin)).json()
            assert base64.b64decode(shown["value_base64"]) == b"{"
            asked = await client.post(f"/held/{poison['id']}/replay", headers=admin)
            assert (asked.status_code, asked.json()["state"]) == (202, "held")
            await desk.replay(mongo)
            assert desk.words == []
            unreasoned = await client.post(f"/held/{poison['id']}/discard", json={}, headers=admin)
            assert unreasoned.status_code == 422
            for _ in range(2):
                discarded = await client.post(
                    f"/held/{poison['id']}/discard", json={"reason": "broken sender"}, headers=admin
                )
                assert (discarded.status_code, discarded.json()["discarded_by"]) == (200, "admin-1")
            await desk.replay(mongo)
            assert desk.words == ["two", "three"]
            refused = await client.post(
                f"/held/{rest['items'][0]['id']}/discard", json={"reason": "too late"}, headers=admin
            )
            assert refused.status_code == 409
            everything = await client.get("/held", params={"state": "any"}, headers=admin)
            states = [message["state"] for message in everything.json()["items"]]
            assert states == ["discarded", "replayed", "replayed"]
            assert (await client.get("/held/nonsense", headers=admin)).status_code == 404
            assert (await client.get("/held", params={"cursor": "x"}, headers=admin)).status_code == 422
            foreign = issuer.bearer("admin", subject="admin-2", municipality="2380")
            assert (await client.get("/held", params={"state": "any"}, headers=foreign)).json()["items"] == []
        await runtime.close()
