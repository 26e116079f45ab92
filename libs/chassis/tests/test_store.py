"""The store suite: what every event store must do, run against MongoDB and against the fake."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.clock import SystemClock
from chassis.commit import Cause, Commit, StoredEvent, Timers
from chassis.errors import CommitTooLarge, Conflict, OutcomeUnknown
from chassis.store import EventStore, MongoStore
from chassis.testing.collection import Found
from chassis.testing.store import MemoryStore
from pymongo import AsyncMongoClient
from pymongo.errors import BulkWriteError

NOW = datetime(2026, 3, 2, 7, 30, tzinfo=UTC)


@dataclass
class Bench:
    """A store, and how to trouble it."""

    store: EventStore
    unreachable: Callable[[], Awaitable[Any]]
    unconfirmed: Callable[[], Awaitable[Any]]
    unconfirmed_concern: Callable[[], Awaitable[Any]]


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.mongo)])
async def bench(request: pytest.FixtureRequest, unique: str) -> AsyncIterator[Bench]:
    if request.param == "memory":
        memory = MemoryStore(SystemClock())

        async def lose() -> None:
            memory.unreachable = 1

        async def delay() -> None:
            memory.unconfirmed = 1

        yield Bench(memory, lose, delay, delay)
        return
    uri = request.getfixturevalue("mongo_uri")
    # Faults are injected into the connections of this application name alone.
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        uri, appname=unique, serverSelectionTimeoutMS=2000
    )
    plain: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    store = MongoStore(client[unique], SystemClock(), patience=1.0)
    await store.prepare()

    async def fail(mode: Any, data: dict[str, Any]) -> None:
        data |= {"failCommands": ["insert"], "appName": unique}
        await plain.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": data})

    yield Bench(
        store,
        # Longer than retryable writes and the store's own patience go on trying.
        lambda: fail("alwaysOn", {"closeConnection": True}),
        lambda: fail({"times": 2}, {"closeConnection": True}),
        lambda: fail(
            {"times": 1}, {"writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}}
        ),
    )
    await plain.admin.command({"configureFailPoint": "failCommand", "mode": "off"})
    await plain.drop_database(unique)
    await client.close()
    await plain.close()


def a_commit(
    stream: str = "0581.case-1", version: int = 1, cause: str = "c1", *, events: int = 1, **more: Any
) -> Commit:
    return Commit(
        municipality="0581",
        stream=stream,
        first_version=version,
        events=[
            StoredEvent(f"{cause}-{n}", "NoteAdded", 1, {"text": "hej", "at": NOW}) for n in range(events)
        ],
        cause=Cause(cause, "anna", more.pop("body_hash", None)),
        correlation_id="1",
        committed_at=NOW,
        **more,
    )


async def test_what_was_appended_is_loaded_as_it_was(bench: Bench) -> None:
    timers = Timers(NOW + timedelta(hours=1), None)
    await bench.store.append(a_commit(events=3, result={"case_id": "1"}, timers=timers, unique="K7M4"))
    await bench.store.append(a_commit(version=4, cause="c2"))
    first, second = await bench.store.load("0581", "0581.case-1")
    assert (first.first_version, first.last_version, second.first_version) == (1, 3, 4)
    assert first.result == {"case_id": "1"}
    assert first.timers == timers
    assert first.events[0].data["at"] == NOW
    assert first.committed_at == NOW
    assert first.stored_at is not None
    assert abs(first.stored_at - datetime.now(UTC)) < timedelta(seconds=10)


async def test_an_unknown_stream_is_empty_and_another_municipality_sees_nothing(bench: Bench) -> None:
    await bench.store.append(a_commit())
    assert list(await bench.store.load("0581", "0581.case-none")) == []
    assert list(await bench.store.load("2380", "0581.case-1")) == []


async def test_of_two_writers_at_the_same_version_one_wins(bench: Bench) -> None:
    outcomes = await asyncio.gather(
        bench.store.append(a_commit(cause="a")),
        bench.store.append(a_commit(cause="b")),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "NoneType"]
    assert len(await bench.store.load("0581", "0581.case-1")) == 1


async def test_a_cause_is_taken_once_in_a_stream_and_may_write_several_streams(bench: Bench) -> None:
    await bench.store.append(a_commit(cause="same"))
    with pytest.raises(Conflict):
        await bench.store.append(a_commit(version=2, cause="same"))
    await bench.store.append(a_commit(stream="0581.case-2", cause="same"))
    assert len(await bench.store.load("0581", "0581.case-2")) == 1


async def test_a_unique_value_is_taken_once_in_a_municipality(bench: Bench) -> None:
    await bench.store.append(a_commit(unique="K7M4"))
    with pytest.raises(Conflict):
        await bench.store.append(a_commit(stream="0581.case-2", cause="c2", unique="K7M4"))


async def test_the_index_alone_would_take_an_overlap_and_a_gap_so_handlers_append_at_the_loaded_version(
    bench: Bench,
) -> None:
    """The unique index is on the first version: this is why `handle` never appends anywhere but after what it loaded."""
    await bench.store.append(a_commit(events=3))
    await bench.store.append(a_commit(version=2, cause="overlap"))
    await bench.store.append(a_commit(version=9, cause="gap"))
    loaded = await bench.store.load("0581", "0581.case-1")
    assert [commit.first_version for commit in loaded] == [1, 2, 9]


async def test_a_bad_document_is_its_own_callers_error(bench: Bench) -> None:
    bad = Commit(
        "0581", "0581.case-bad", 1, [StoredEvent("x", "X", 1, {"what": object()})], Cause("x", "a"), "1", NOW
    )
    outcomes = await asyncio.gather(
        *(bench.store.append(a_commit(f"0581.case-{n}", cause=f"c{n}")) for n in range(5)),
        bench.store.append(bad),
        return_exceptions=True,
    )
    assert outcomes[:5] == [None] * 5
    assert isinstance(outcomes[5], Exception)


async def test_over_256_kilobytes_is_refused_and_nothing_is_kept(bench: Bench) -> None:
    large = Commit(
        "0581",
        "0581.case-1",
        1,
        [StoredEvent("x", "X", 1, {"text": "a" * 270_000})],
        Cause("x", "a"),
        "1",
        NOW,
    )
    with pytest.raises(CommitTooLarge):
        await bench.store.append(large)
    assert list(await bench.store.load("0581", "0581.case-1")) == []


async def test_a_duplicate_in_a_group_fails_alone(bench: Bench) -> None:
    await bench.store.append(a_commit(cause="first"))
    outcomes = await asyncio.gather(
        bench.store.append(a_commit(cause="late")),
        *(bench.store.append(a_commit(f"0581.other-{n}", cause=f"c{n}")) for n in range(20)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[0], Conflict)
    assert outcomes[1:] == [None] * 20


async def test_a_write_that_holds_but_is_not_confirmed_at_first_is_a_success(bench: Bench) -> None:
    await bench.unconfirmed_concern()
    await asyncio.gather(*(bench.store.append(a_commit(f"0581.case-{n}", cause=f"c{n}")) for n in range(10)))
    for n in range(10):
        assert len(await bench.store.load("0581", f"0581.case-{n}")) == 1


async def test_a_connection_lost_in_mid_write_loses_and_doubles_nothing(bench: Bench) -> None:
    await bench.unconfirmed()
    await asyncio.gather(*(bench.store.append(a_commit(f"0581.case-{n}", cause=f"c{n}")) for n in range(10)))
    for n in range(10):
        assert len(await bench.store.load("0581", f"0581.case-{n}")) == 1


async def test_a_conflict_behind_an_unconfirmed_write_is_told_as_a_conflict(bench: Bench) -> None:
    await bench.store.append(a_commit(cause="first"))
    await bench.unconfirmed()
    outcomes = await asyncio.gather(
        bench.store.append(a_commit(cause="late")),
        bench.store.append(a_commit("0581.case-2", cause="c2")),
        return_exceptions=True,
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Conflict", "NoneType"]


async def test_an_outcome_that_nobody_knows_is_said_to_be_unknown(bench: Bench) -> None:
    await bench.unreachable()
    with pytest.raises(OutcomeUnknown):
        await bench.store.append(a_commit())


async def test_a_cancelled_caller_does_not_cancel_the_others(bench: Bench) -> None:
    callers = [
        asyncio.create_task(bench.store.append(a_commit(f"0581.case-{n}", cause=f"c{n}"))) for n in range(10)
    ]
    await asyncio.sleep(0)
    callers[0].cancel()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [None] * 9


@pytest.mark.parametrize("callers", [64, 1000])
async def test_many_callers_at_once_are_each_told_their_own_result(bench: Bench, callers: int) -> None:
    """Half of them want the same version of the same stream: one of those wins."""

    async def call(n: int) -> None:
        stream = "0581.case-shared" if n % 2 else f"0581.case-{n}"
        await bench.store.append(a_commit(stream, cause=f"c{n}"))

    outcomes = await asyncio.gather(*(call(n) for n in range(callers)), return_exceptions=True)
    assert outcomes[::2] == [None] * (callers // 2)
    assert sorted(type(outcome).__name__ for outcome in outcomes[1::2]) == ["Conflict"] * (
        callers // 2 - 1
    ) + ["NoneType"]
    assert len(await bench.store.load("0581", "0581.case-shared")) == 1


class Undecided:
    """A collection on a primary that no other member follows: writes are there, nothing confirms or shows them."""

    def __init__(self) -> None:
        self.ids: set[Any] = set()

    def get_collection(self, name: str, **_: Any) -> "Undecided":
        return self

    async def insert_many(self, documents: Sequence[Any], *, ordered: bool) -> None:
        taken = [place for place, document in enumerate(documents) if document["_id"] in self.ids]
        self.ids |= {document["_id"] for document in documents}
        faults = [{"index": place, "code": 11000} for place in taken]
        raise BulkWriteError({"writeErrors": faults, "writeConcernErrors": [{"code": 64}]})

    def find(self, *_: Any) -> Found:
        return Found([])


async def test_a_write_that_is_never_confirmed_is_no_conflict_with_itself() -> None:
    """Told as a conflict it would be decided again, and told as refused although it may hold in the end."""
    store = MongoStore(Undecided(), SystemClock(), patience=0.2)  # type: ignore[arg-type]
    with pytest.raises(OutcomeUnknown):
        await store.append(a_commit())
