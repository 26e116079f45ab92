"""Consuming on a real broker and a real database: what fakes cannot show."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import pytest
from aiokafka.admin import RecordsToDelete
from chassis.consuming import Message, Raw, Subscription
from chassis.crash import CrashPoints
from chassis.errors import Unavailable
from chassis.testing.waiting import eventually
from chassis.views import View

from .office import Office, collect, stop

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]


async def test_repeats_change_nothing_and_offsets_are_committed(office: Office) -> None:
    records = [office.casework.noted("a", word) for word in ("one", "two")]
    await office.send(*records, *records)
    _, task = office.start()
    await eventually(office.caught_up)
    await office.send(*records, office.casework.noted("a", "three"))
    await eventually(office.caught_up)

    assert await office.words("a") == ["casework:one", "casework:two", "casework:three"]
    await stop(task)

    async def unwanted(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        raise AssertionError(f"consumed again: {batch}")

    consumers, _ = office.start(unwanted)
    await eventually(consumers.connected)
    assert await office.caught_up()
    assert await office.held.count() == 0


async def test_topics_in_either_order_give_the_same(office: Office) -> None:
    first = [office.casework.noted("a", "c1"), office.casework.noted("a", "c2")]
    second = [office.routing.noted("a", "r1"), office.routing.noted("a", "r2")]
    mirrored = [office.routing.noted("b", "r1"), office.routing.noted("b", "r2")]
    others = [office.casework.noted("b", "c1"), office.casework.noted("b", "c2")]
    office.start()
    for records in (first, second, mirrored, others):
        await office.send(*records)
        await eventually(office.caught_up)
    words = ["casework:c1", "casework:c2", "routing:r1", "routing:r2"]
    assert (await office.words("a"), await office.words("b")) == (words, words)


async def test_null_headers_wrong_bytes_tombstones_and_types_from_the_future(office: Office) -> None:
    """One batch with everything that ever killed a parser; the good record in its midst arrives."""
    good = office.casework.noted("good", "fine")
    odd = [*good.headers, ("x-null", None), ("x-bytes", b"\xff\xfe"), ("x-null", b"again")]
    await office.send(
        office.casework.raw(b"a", b"x", [("h", None), ("ce_type", b"\xff")]),
        office.casework.raw(b"b", None),
        office.casework.raw(None, b"", [("ce_type", None)]),
        office.casework.raw(b"c", b"{}", [("ce_type", b"casework.case-sung.v7"), ("n", None)]),
        Raw(good.topic, 0, good.offset, good.key, good.value, odd, 0),
    )
    office.start()
    await eventually(office.caught_up)
    assert await office.words("good") == ["casework:fine"]
    assert await office.held.count() == 0
    labels = {"group": office.group, "topic": office.topics[0]}
    assert office.metrics.registry.get_sample_value("lofte_unknown_types_total", labels) == 4


async def test_rebalance_in_mid_batch_loses_nothing_and_doubles_nothing(office: Office) -> None:
    """The first consumer is in the middle of a batch, longer than any grace, when the second joins."""
    let_go, began = asyncio.Event(), asyncio.Event()

    async def slow(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        began.set()
        await let_go.wait()
        return await office.view.reaction(batch)

    cases = [f"case-{number}" for number in range(30)]
    await office.send(*(office.casework.noted(case, "one") for case in cases))
    _, first = office.start(slow)
    await asyncio.wait_for(began.wait(), 10)
    consumers, _ = office.start(replica="two")
    await eventually(consumers.connected, 20)
    await office.send(*(office.casework.noted(case, "two") for case in cases))
    await eventually(lambda: all_words(office, cases[:1], 1), 20)  # the second is at work on its share
    let_go.set()
    await eventually(lambda: all_words(office, cases, 2), 20)
    await eventually(office.caught_up, 20)
    await stop(first)
    for case in cases:
        assert await office.words(case) == ["casework:one", "casework:two"]


async def all_words(office: Office, cases: Sequence[str], at_least: int) -> bool:
    query = {"_id": {"$in": [f"0581.{case}" for case in cases]}, f"words.{at_least - 1}": {"$exists": True}}
    found = await office.database["words_v1"].count_documents(query)
    return found == len(cases) if len(cases) > 1 else await some_words(office)


async def some_words(office: Office) -> bool:
    return await office.database["words_v1"].count_documents({}) > 0


async def test_starts_from_an_expired_offset(office: Office) -> None:
    """The committed offset is no more in the topic: the consumer goes on at the earliest there is."""
    await office.send(*(office.casework.noted("a", str(number)) for number in range(3)))
    _, task = office.start()
    await eventually(office.caught_up)
    await stop(task)
    before = await office.committed()
    await office.send(*(office.casework.noted("a", str(number)) for number in range(3, 8)))
    partition = next(tp for tp, offset in before.items() if offset == 3)
    await office.admin.delete_records({partition: RecordsToDelete(before_offset=6)})
    office.start()
    await eventually(office.caught_up)
    assert await office.words("a") == [f"casework:{number}" for number in (0, 1, 2, 6, 7)]


async def test_nothing_is_committed_while_the_database_is_away(office: Office) -> None:
    away = True
    attempts: list[int] = []

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        attempts.append(len(batch))
        if away:
            raise Unavailable("the database is away")
        return await office.view.reaction(batch)

    cases = [f"case-{number}" for number in range(10)]
    await office.send(*(office.casework.noted(case, "one") for case in cases))
    office.start(react)
    await eventually(lambda: len(attempts) > 8, 20)  # two batches with their retries
    assert sum((await office.committed()).values()) == 0
    assert await office.held.count() == 0
    away = False
    await eventually(office.caught_up, 20)
    assert [await office.words(case) for case in cases] == [["casework:one"]] * 10


async def test_starts_while_kafka_is_away(office: Office) -> None:
    """Nobody listens at first; then a door to the real broker opens."""
    await office.send(office.casework.noted("a", "one"))
    probe = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = probe.sockets[0].getsockname()[1]
    probe.close()
    await probe.wait_closed()
    consumers, task = office.start(kafka=f"127.0.0.1:{port}")
    assert not consumers.connected()
    host, _, real = office.kafka.partition(":")
    door = await asyncio.start_server(lambda r, w: forward(r, w, host, int(real)), "127.0.0.1", port)
    await eventually(office.caught_up, 20)
    assert consumers.connected()
    assert consumers.last_poll_age() < 5
    assert await office.words("a") == ["casework:one"]
    await stop(task)
    door.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int) -> None:
    there, out = await asyncio.open_connection(host, port)

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()

    await asyncio.gather(pump(reader, out), pump(there, writer))


async def test_a_view_that_was_rebuilt_moves_its_consumer(office: Office) -> None:
    group = office.group
    reaction = office.view.reaction

    async def now() -> Subscription:
        return Subscription(group, ("casework", "routing"), reaction, now)

    await office.send(office.casework.noted("a", "one"))
    office.start(now=now)
    await eventually(office.caught_up)
    group = f"{office.prefix}.words.v2"
    reaction = View(office.database["words_v2"], collect).reaction
    await eventually(lambda: office.caught_up(group), 20)
    await office.send(office.casework.noted("a", "two"))
    await eventually(lambda: office.caught_up(group), 20)
    assert await office.words("a") == ["casework:one"]
    document = await office.database["words_v2"].find_one({"_id": "0581.a"})
    assert document is not None
    assert document["words"] == ["casework:one", "casework:two"]


async def test_lag_is_measured(office: Office) -> None:
    away = True

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        if away:
            raise Unavailable("the database is away")
        return {}

    def lag() -> float:
        return sum(
            sample.value
            for metric in office.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "lofte_consumer_lag" and sample.labels["group"] == office.group
        )

    await office.send(*(office.casework.noted(f"case-{number}", "one") for number in range(7)))
    office.start(react)
    await eventually(lambda: lag() == 7)
    away = False
    await eventually(lambda: lag() == 0)


async def test_crash_points_lie_after_what_they_are_named_for(office: Office) -> None:
    passed: list[str] = []

    class Recorded(CrashPoints):
        def passed(self, point: str) -> None:
            passed.append(point)

    office.crash = Recorded()
    await office.send(office.casework.noted("a", "one"))
    office.start()
    await eventually(lambda: len(passed) == 2)
    await office.send(office.casework.malformed("a"))
    await eventually(lambda: len(passed) == 4)
    assert passed == ["view-written", "offset-committed", "held", "offset-committed"]
