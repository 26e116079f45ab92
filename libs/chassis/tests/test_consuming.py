"""Consuming on fakes: what is retried, held, passed; in which order; what is spanned."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from chassis.clock import SystemClock
from chassis.commit import Cause, Codec, caused_by_message
from chassis.consuming import Consumers, Message, Raw, Reaction, Subscription, consume, deciding
from chassis.errors import Conflict, RuleViolation, Unavailable
from chassis.handling import Decider, Decision, handle
from chassis.reacting import PAUSES
from chassis.store import MongoStore
from chassis.telemetry import Metrics, Tracing
from chassis.testing.held import MemoryHeld
from chassis.testing.records import Noted, Publisher, parse
from chassis.testing.waiting import eventually
from pymongo import AsyncMongoClient

from .commands import Commands

GROUP = "casework"
TRACING = Tracing("test", None)


class NoPauses(SystemClock):
    """Back-off costs the tests no time; what was slept is kept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


class Desk:
    """Handles messages by their words: `poison` is refused, `away` and `busy` pass after so many attempts."""

    def __init__(self, patience: int = 1) -> None:
        self.words: list[str] = []
        self.attempts: list[str] = []
        self._patience = patience
        self.reaction: Reaction = deciding(self.on_noted)

    async def on_noted(self, message: Message) -> None:
        assert isinstance(message.contract, Noted)
        word = message.contract.word
        self.attempts.append(word)
        tried = self.attempts.count(word)
        if word.startswith("poison"):
            raise RuleViolation("no", "the rules say no")
        if word == "bug":
            raise KeyError("Anna Andersson 19121212-1212")
        if word == "away" and tried <= self._patience:
            raise Unavailable("the database is away")
        if word == "busy" and tried <= self._patience:
            raise Conflict("others were first")
        self.words.append(f"{message.contract.case_id}:{word}")


@pytest.fixture
def held() -> MemoryHeld:
    return MemoryHeld()


@pytest.fixture
def clock() -> NoPauses:
    return NoPauses()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def take(held: MemoryHeld, clock: NoPauses, metrics: Metrics):
    async def take(raws: Sequence[Raw], reaction: Reaction, tracing: Tracing = TRACING) -> None:
        await consume(
            raws,
            group=GROUP,
            reaction=reaction,
            parse=parse,
            held=held,
            clock=clock,
            tracing=tracing,
            metrics=metrics,
        )

    return take


def sample(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(name, {"group": GROUP, "topic": "lofte.casework"})


async def test_keys_run_concurrently_and_each_in_order(take) -> None:
    """Every key waits for all others to begin: one by one would never end."""
    began: set[str] = set()
    all_began = asyncio.Event()
    order: list[tuple[str, str]] = []

    async def on_noted(message: Message) -> None:
        assert isinstance(message.contract, Noted)
        began.add(message.contract.case_id)
        if len(began) == 5:
            all_began.set()
        await asyncio.wait_for(all_began.wait(), 5)
        order.append((message.contract.case_id, message.contract.word))

    topic = Publisher()
    raws = [topic.noted(f"case-{case}", str(number)) for number in range(3) for case in range(5)]
    await take(raws, deciding(on_noted))
    for case in range(5):
        assert [word for key, word in order if key == f"case-{case}"] == ["0", "1", "2"]


async def test_malformed_is_held_with_those_behind_it_and_stops_nobody_else(take, held, metrics) -> None:
    topic, desk = Publisher(), Desk()
    raws = [
        topic.noted("a", "before"),
        topic.malformed("a"),
        topic.noted("b", "other"),
        topic.noted("a", "behind"),
    ]
    await take(raws, desk.reaction)
    assert sorted(desk.words) == ["a:before", "b:other"]
    assert [m["offset"] for m in await held.list()] == [1, 3]
    assert (await held.list())[0]["reason"] == "MalformedRecordError: value: not a Noted"
    assert sample(metrics, "lofte_held_total") == 2
    assert sample(metrics, "lofte_consumed_total") == 4

    await take([topic.noted("a", "later")], desk.reaction)
    assert len(await held.list()) == 3
    assert "a:later" not in desk.words


async def test_malformed_is_not_retried(take, clock) -> None:
    topic, desk = Publisher(), Desk()
    await take([topic.malformed("a")], desk.reaction)
    assert clock.slept == []
    assert desk.attempts == []


async def test_another_topic_of_the_same_case_goes_on(take, held) -> None:
    casework, routing, desk = Publisher(), Publisher("routing"), Desk()
    raws = [casework.malformed("a"), routing.noted("a", "routed"), casework.noted("a", "behind")]
    await take(raws, desk.reaction)
    assert desk.words == ["a:routed"]
    assert [m["topic"] for m in await held.list()] == ["lofte.casework", "lofte.casework"]


async def test_malformed_without_a_key_is_kept_and_holds_nothing(take, held) -> None:
    topic, desk = Publisher(), Desk()
    keyless = topic.noted("a", "keyless")
    keyless = Raw(keyless.topic, 0, keyless.offset, None, keyless.value, keyless.headers, 0)
    await take([topic.malformed(None), topic.noted("a", "fine"), keyless], desk.reaction)
    assert sorted(desk.words) == ["a:fine", "a:keyless"]
    assert [m["key"] for m in await held.list()] == [None]


async def test_tombstones_and_wild_records(take, held, metrics) -> None:
    """A tombstone of no type and headers of no sense are unknown and pass; of a known type they are malformed."""
    topic, desk = Publisher(), Desk()
    known = ("ce_type", Noted.TYPE.encode())
    raws = [
        topic.raw(b"k", None),
        topic.raw(b"k", b"\xff", [("ce_type", None)]),
        topic.raw(b"k", b"x", [("ce_type", b"\xff\xfe"), ("other", None)]),
        topic.raw(b"a", None, [known]),
        topic.raw(b"b", b"{}", [known, ("ce_id", b"\xff")]),
        topic.raw(b"c", b"[" * 100_000, list(topic.noted("c", "x").headers)),
        topic.raw(b"d", b"\x00" * 10, list(topic.noted("d", "x").headers)),
        topic.noted("e", "fine"),
    ]
    await take(raws, desk.reaction)
    assert desk.words == ["e:fine"]
    assert {m["key"] for m in await held.list()} == {b"a", b"b", b"c", b"d"}
    assert sample(metrics, "lofte_unknown_types_total") == 3


async def test_a_topic_from_the_future_passes(take, held, metrics) -> None:
    """Every type of it is of tomorrow; none is held, all are counted."""
    topic, desk = Publisher(), Desk()
    future = [
        topic.raw(b"a", b'{"new": true}', [("ce_type", b"casework.case-sung.v%d" % n)]) for n in range(9)
    ]
    more = topic.noted("a", "known")
    assert more.value is not None
    grown = Raw(more.topic, 0, more.offset, more.key, more.value[:-1] + b', "more": [1]}', more.headers, 0)
    await take([*future, grown], desk.reaction)
    assert desk.words == ["a:known"]
    assert await held.list() == []
    assert sample(metrics, "lofte_unknown_types_total") == 9


async def test_retryable_failures_back_off_and_succeed(take, held, clock) -> None:
    topic, desk = Publisher(), Desk(patience=2)
    await take([topic.noted("a", "busy"), topic.noted("b", "away"), topic.noted("c", "fine")], desk.reaction)
    assert sorted(desk.words) == ["a:busy", "b:away", "c:fine"]
    assert clock.slept == list(PAUSES[:2])
    assert desk.attempts.count("fine") == 1
    assert await held.list() == []


async def test_a_conflict_without_end_is_decided_again_and_never_held(take, held) -> None:
    topic, desk = Publisher(), Desk(patience=10**6)
    with pytest.raises(Unavailable):
        await take([topic.noted("a", "busy"), topic.noted("a", "behind")], desk.reaction)
    assert await held.list() == []


async def test_database_away_escapes_and_nothing_is_held(take, held) -> None:
    topic, desk = Publisher(), Desk(patience=10**6)
    with pytest.raises(Unavailable):
        await take([topic.noted("a", "away"), topic.noted("b", "poison")], desk.reaction)
    assert await held.list() == []


async def test_the_failing_message_is_found_and_those_before_it_stand(take, held) -> None:
    topic, desk = Publisher(), Desk()
    raws = [topic.noted("a", word) for word in ("one", "poison", "behind")]
    await take(raws, desk.reaction)
    assert set(desk.words) == {"a:one"}
    assert [m["offset"] for m in await held.list()] == [1, 2]
    assert (await held.list())[0]["reason"] == "RuleViolation: the rules say no"


async def test_a_bug_is_held_and_its_text_kept_out(take, held) -> None:
    """A foreign error's text may carry what came in."""
    topic, desk = Publisher(), Desk()
    await take([topic.noted("a", "bug")], desk.reaction)
    assert [m["reason"] for m in await held.list()] == ["KeyError"]


async def test_a_reaction_that_fails_as_a_whole_holds_only_what_fails_alone(take, held) -> None:
    seen: list[bytes] = []

    async def react(batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        if b"bad" in batch:
            raise ValueError("all of it")
        seen.extend(batch)
        return {}

    topic = Publisher()
    await take([topic.noted("good", "x"), topic.noted("bad", "x")], react)
    assert seen == [b"good"]
    assert [m["key"] for m in await held.list()] == [b"bad"]


async def test_a_released_key_is_processed_again(take, held) -> None:
    topic, desk = Publisher(), Desk()
    await take([topic.malformed("a")], desk.reaction)
    message = (await held.list())[0]
    await held.discard(message["_id"], reason="broken", by="admin")
    assert await held.release(GROUP, (message["topic"], message["key"]))
    await take([topic.noted("a", "later")], desk.reaction)
    assert desk.words == ["a:later"]


async def test_a_discarded_record_that_comes_again_is_not_held_again(take, held) -> None:
    topic, desk = Publisher(), Desk()
    poison = topic.malformed("a")
    await take([poison], desk.reaction)
    message = (await held.list())[0]
    await held.discard(message["_id"], reason="broken", by="admin")
    await held.release(GROUP, (message["topic"], message["key"]))
    await take([poison, topic.noted("a", "next")], desk.reaction)
    assert await held.list() == []
    assert desk.words == ["a:next"]


async def test_one_span_per_record_under_its_own_parent(take, tmp_path: Path) -> None:
    """The record's span is a child of the sender's, and it is the one that its handler is told."""
    tracing = Tracing("test", tmp_path / "spans")
    handled: list[str | None] = []

    async def on_noted(message: Message) -> None:
        handled.append(message.traceparent)

    topic = Publisher()
    await take([topic.noted("a", "x"), topic.noted("b", "y")], deciding(on_noted), tracing)
    tracing.close()
    spans = [orjson.loads(line) for line in (tmp_path / "spans").read_bytes().splitlines()]
    records = [span for span in spans if span["name"] == f"{GROUP} {Noted.TYPE}"]
    assert {span["parent_span_id"] for span in records} == {"b7ad6b7169203331"}
    told = {traceparent.split("-")[2] for traceparent in handled if traceparent}
    assert told == {span["span_id"] for span in records}
    assert len(told) == 2


@dataclass(frozen=True)
class WordHeard:
    """A private event."""

    word: str


@pytest.mark.mongo
async def test_a_batch_of_decisions_is_one_load_and_one_append(mongo_uri: str, unique: str, take) -> None:
    """Keys run at the same time, so the store groups them; repeats are known by their cause."""
    commands, clock = Commands(), SystemClock()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        mongo_uri, tz_aware=True, event_listeners=[commands]
    )
    store = MongoStore(client[unique], clock)
    await store.prepare()
    nothing: tuple[str, ...] = ()
    decider = Decider(nothing, lambda state, event: (*state, event.word), Codec([WordHeard]))

    async def on_noted(message: Message) -> None:
        assert isinstance(message.contract, Noted)
        envelope, word = message.envelope, message.contract.word
        await handle(
            store,
            decider,
            clock,
            municipality="0581",
            stream=f"0581.words-{message.contract.case_id}",
            correlation_id=message.contract.case_id,
            cause=Cause(caused_by_message(envelope.source, envelope.id, "hear"), actor="test"),
            decide=lambda state, attempt: Decision([WordHeard(word)]),
        )

    topic = Publisher()
    raws = [topic.noted(f"case-{number}", "x") for number in range(500)]
    for finds, inserts in ((1, 1), (1, 0)):
        commands.count.clear()
        await take(raws, deciding(on_noted))
        assert (commands.count["find"], commands.count["insert"]) == (finds, inserts)
    assert await store.commits.count_documents({}) == 500
    await client.drop_database(unique)
    await client.close()


async def test_a_consumer_that_was_cancelled_by_nobody_is_started_anew() -> None:
    asked = 0

    async def now() -> Subscription:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise asyncio.CancelledError
        raise Unavailable("the database is away")

    consumers = Consumers(
        [Subscription(GROUP, ("casework",), Desk().reaction, now)],
        kafka="127.0.0.1:1",
        prefix="lofte",
        replica="one",
        session_timeout_ms=6000,
        parse=parse,
        held=MemoryHeld(),  # type: ignore[arg-type]
        clock=NoPauses(),
        tracing=TRACING,
        metrics=Metrics(),
    )
    task = asyncio.create_task(consumers.run())
    await eventually(lambda: asked > 1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
