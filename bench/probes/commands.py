"""Durable commands: load, decide, append; and the bare group commit of documents just as large."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from chassis.clock import SystemClock
from chassis.commit import Cause, Codec, Commit
from chassis.handling import Decider, Decision, handle
from chassis.store import MongoStore, to_document
from pymongo import AsyncMongoClient

from bench.probing import Sample, timed


@dataclass(frozen=True)
class Deposited:
    amount: int


@dataclass(frozen=True)
class Account:
    balance: int = 0


DECIDER: Decider[Account, Deposited] = Decider(
    Account(), lambda account, event: Account(account.balance + event.amount), Codec([Deposited])
)
COMMANDS_A_STREAM = 5
"""The first is not timed; then streams of one to four events are loaded: a case's length."""


async def callers(number: int, work: Callable[[int], Awaitable[Any]], items: Iterable[int]) -> None:
    """So many callers at once, each with one item at a time."""
    left = iter(items)

    async def caller() -> None:
        for item in left:
            await work(item)

    await asyncio.gather(*(caller() for _ in range(number)))


async def ours(mongo: str, pids: Sequence[int], at_once: int, count: int) -> Sample:
    """`handle` on the store that every service runs on."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, maxPoolSize=100, w="majority")
    database, clock = client[f"bench_{time.time_ns()}"], SystemClock()
    store = MongoStore(database, clock)
    await store.prepare()
    streams = max(count // (COMMANDS_A_STREAM - 1), at_once * 2)

    async def deposit(number: int) -> None:
        await handle(
            store,
            DECIDER,
            clock,
            municipality="0581",
            stream=f"0581.account-{number % streams}",
            correlation_id=f"account-{number % streams}",
            cause=Cause(f"request:bench:{number}", actor="bench"),
            decide=lambda account, _: Decision([Deposited(account.balance % 7 + 1)]),
        )

    await callers(at_once, deposit, range(streams))
    with timed(count, pids) as sample:
        await callers(at_once, deposit, range(streams, streams + count))
    assert await store.commits.count_documents({}) == streams + count
    await client.drop_database(database.name)
    await client.close()
    return sample


async def raw(mongo: str, pids: Sequence[int], at_once: int, count: int) -> Sample:
    """`insert_many` of the very documents, encoded before, as many together as there are callers; same indexes."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, w="majority")
    database, clock = client[f"bench_{time.time_ns()}"], SystemClock()
    store = MongoStore(database, clock)
    await store.prepare()

    def document(number: int) -> RawBSONDocument:
        commit = Commit(
            municipality="0581",
            stream=f"0581.account-{number}",
            first_version=1,
            events=[DECIDER.codec.store(Deposited(1))],
            cause=Cause(f"request:bench:{number}", actor="bench"),
            correlation_id=f"account-{number}",
            committed_at=clock.now(),
        )
        return RawBSONDocument(bson.encode(to_document(commit)))

    documents = [document(number) for number in range(count)]
    with timed(count, pids) as sample:
        for start in range(0, count, at_once):
            await store.commits.insert_many(documents[start : start + at_once], ordered=False)
    await client.drop_database(database.name)
    await client.close()
    return sample
