"""Views: folded once, whatever the repeats, the orders and the other writers; in two database calls a batch."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from chassis.clock import SystemClock
from chassis.consuming import Message, consume
from chassis.errors import Conflict, Unavailable
from chassis.telemetry import Metrics, Tracing
from chassis.testing.held import MemoryHeld
from chassis.testing.records import Noted, Publisher, message_of, parse
from chassis.views import View
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from .commands import Commands

pytestmark = pytest.mark.mongo
Document = dict[str, Any]


def collect(document: Document | None, message: Message) -> Document | None:
    """Words per source: commutes over sources. `ignored` is nothing to keep, `bad` a bug."""
    assert isinstance(message.contract, Noted)
    word = message.contract.word
    if word == "ignored":
        return None
    if word == "bad":
        raise ZeroDivisionError
    words = dict(document["words"]) if document else {}
    name = message.envelope.source.rpartition("/")[2]
    return (
        {"words": {**words, name: [*words.get(name, []), word]}, "bytes": b"x" * (17 << 20)}
        if (word == "huge")
        else {"words": {**words, name: [*words.get(name, []), word]}}
    )


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
async def rows(mongo_uri: str, unique: str, commands: Commands) -> AsyncIterator[AsyncCollection[Document]]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        mongo_uri, tz_aware=True, event_listeners=[commands]
    )
    yield client[unique]["rows_v1"]
    await client.drop_database(unique)
    await client.close()


def batch(*raws: Any) -> Mapping[bytes, Sequence[Message]]:
    found: dict[bytes, list[Message]] = {}
    for raw in raws:
        found.setdefault(raw.key, []).append(message_of(raw))
    return found


async def test_a_batch_is_one_find_and_one_bulk_write(
    rows: AsyncCollection[Document], commands: Commands
) -> None:
    topic, view = Publisher(), View(rows, collect)
    for _ in range(2):  # first all inserted, then all replaced
        commands.count.clear()
        raws = [topic.noted(f"case-{number}", "x") for number in range(500)]
        assert await view.reaction(batch(*raws)) == {}
        assert commands.count["find"] == 1
        assert commands.count["insert"] + commands.count["update"] == 1
    assert await rows.count_documents({"rev": 2}) == 500


async def test_the_document(rows: AsyncCollection[Document]) -> None:
    topic, view = Publisher(), View(rows, collect)
    other = topic.noted("a", "three", source="/0581/routing/route-a")
    await view.reaction(batch(topic.noted("a", "one"), topic.noted("a", "two"), other))
    assert await rows.find_one() == {
        "_id": "0581.a",
        "rev": 1,
        "seen": [
            {"source": "/0581/casework/case-a", "sequence": 2},
            {"source": "/0581/routing/route-a", "sequence": 1},
        ],
        "words": {"case-a": ["one", "two"], "route-a": ["three"]},
    }


async def test_repeats_are_no_news(rows: AsyncCollection[Document], commands: Commands) -> None:
    topic, view = Publisher(), View(rows, collect)
    raws = [topic.noted("a", "one"), topic.noted("a", "two")]
    await view.reaction(batch(*raws, *raws))
    commands.count.clear()
    await view.reaction(batch(raws[0]))
    await view.reaction(batch(*raws))
    assert commands.count == {"find": 2}
    document = await rows.find_one()
    assert document is not None
    assert document["words"] == {"case-a": ["one", "two"]}


async def test_nothing_to_keep_makes_no_document_but_is_seen_in_one_that_is(
    rows: AsyncCollection[Document],
) -> None:
    topic, view = Publisher(), View(rows, collect)
    await view.reaction(batch(topic.noted("a", "ignored")))
    assert await rows.count_documents({}) == 0
    await view.reaction(batch(topic.noted("a", "one"), topic.noted("a", "ignored")))
    document = await rows.find_one()
    assert document is not None
    assert document["seen"][0]["sequence"] == 3
    assert document["words"] == {"case-a": ["one"]}


async def test_another_key_and_none(rows: AsyncCollection[Document]) -> None:
    """A view per word: a message of a case may touch another document, or none."""

    def by_word(message: Message) -> str | None:
        assert isinstance(message.contract, Noted)
        return message.contract.word if message.contract.word != "nobody" else None

    topic, view = Publisher(), View(rows, collect, by_word)
    await view.reaction(batch(topic.noted("a", "x"), topic.noted("b", "x"), topic.noted("b", "nobody")))
    documents = await rows.find().to_list()
    assert [(d["_id"], sorted(d["words"])) for d in documents] == [("x", ["case-a", "case-b"])]


async def test_a_failing_projection_or_document_fails_its_keys_alone(
    rows: AsyncCollection[Document],
) -> None:
    topic, view = Publisher(), View(rows, collect)
    failures = await view.reaction(
        batch(topic.noted("a", "bad"), topic.noted("b", "fine"), topic.noted("a", "x"))
    )
    assert {key: type(error) for key, error in failures.items()} == {b"a": ZeroDivisionError}
    assert [d["_id"] async for d in rows.find()] == ["0581.b"]


async def test_a_document_that_the_database_refuses_is_held_alone(rows: AsyncCollection[Document]) -> None:
    """The driver fails the whole write; handled one key at a time the others are saved."""
    topic, held = Publisher(), MemoryHeld()
    await consume(
        [topic.noted("a", "huge"), topic.noted("b", "fine")],
        group="rows",
        reaction=View(rows, collect).reaction,
        parse=parse,
        held=held,
        clock=SystemClock(),
        tracing=Tracing("test", None),
        metrics=Metrics(),
    )
    assert [m["key"] for m in await held.list()] == [b"a"]
    assert [d["_id"] async for d in rows.find()] == ["0581.b"]


async def test_many_writers_fold_each_event_once(rows: AsyncCollection[Document]) -> None:
    """As after rebalances: several members handle overlapping stretches of several topics at the same time."""
    sources = [f"/0581/casework/s{number}" for number in range(4)]
    topic = Publisher()
    histories = {s: [topic.noted("a", f"{n}", source=s) for n in range(30)] for s in sources}
    chance = random.Random(7)

    async def member() -> None:
        view = View(rows, collect)
        for start in range(0, 30, 5):
            order = list(histories.values())
            chance.shuffle(order)
            for history in order:
                for _ in range(50):
                    failures = await view.reaction(batch(*history[max(0, start - 3) : start + 5]))
                    if not failures:
                        break
                    assert all(isinstance(error, Conflict) for error in failures.values())

    await asyncio.gather(*(member() for _ in range(6)))
    document = await rows.find_one()
    assert document is not None
    expected = [str(number) for number in range(30)]
    assert document["words"] == {source.rpartition("/")[2]: expected for source in sources}


async def test_two_writers_of_a_new_document(rows: AsyncCollection[Document]) -> None:
    """Both find nothing and insert; the second reads again and folds what it has beside the first's."""
    topic = Publisher()
    for number in range(20):
        one = topic.noted(f"c{number}", "one")
        two = topic.noted(f"c{number}", "two", source=f"/0581/routing/r{number}")
        outcomes = await asyncio.gather(
            View(rows, collect).reaction(batch(one)), View(rows, collect).reaction(batch(two))
        )
        assert outcomes == [{}, {}]
    assert await rows.count_documents({"rev": 2}) == 20


async def test_the_database_is_away(unique: str) -> None:
    client: AsyncMongoClient[Document] = AsyncMongoClient("127.0.0.1:1", serverSelectionTimeoutMS=50)
    with pytest.raises(Unavailable):
        await View(client[unique]["rows"], collect).reaction(batch(Publisher().noted("a", "x")))
    await client.close()
