"""Promises for the timer figures: made by callback's own handlers, in its own log."""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from bson import ObjectId
from callback.books import policy_book
from callback.domain import NoteContact, NoteRoute, PolicyBooks, Route
from callback.handlers import Promises, decider, note, stream_of
from chassis.clock import SystemClock
from chassis.commit import Cause
from chassis.ids import fresh_id
from chassis.store import EventStore, MongoStore, to_document
from chassis.testing.store import MemoryStore
from lofte_local.paths import MUNICIPALITIES
from lofte_local.ports import free_base_port
from lofte_local.settings import SERVICES, settle
from lofte_local.stack import Stack
from municipality import WEEKDAYS, WrittenBook, read_folder
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection

from bench.probing import Sample, timed

TOWN = "0581"
LADDER = [
    {"at": "due", "to": ["handler", "head_of_unit", "citizen"]},
    {"at": {"working_days": 1}, "to": ["head_of_department"]},
]
_OWNER, _TOPIC = "group.city", "city.parking"
_AT_ONCE = 1000

Document = dict[str, Any]


def always_open() -> Stack:
    """A stack in a temporary folder, for such a municipality; with room for second replicas."""
    folder = Path(tempfile.mkdtemp(prefix="lofte-stack-"))
    base_port = free_base_port(len(SERVICES), 2)
    return Stack(
        folder,
        settle(folder, base_port=base_port, municipalities=write_town(folder / "towns")),
        temporary=True,
    )


def write_town(folder: Path) -> Path:
    """The shipped municipality, but open at all hours and with nobody to notify: what is due fires at its very time
    whenever the bench runs, and nothing else is done in the process."""
    town = yaml.safe_load((MUNICIPALITIES / f"{TOWN}.yaml").read_text())
    always = {"open": {day: ["00:00-24:00"] for day in WEEKDAYS}, "holidays": "none"}
    town["calendars"] = dict.fromkeys(town["calendars"], always)
    town["promises"]["ladder"] = LADDER
    del town["notices"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{TOWN}.yaml").write_text(json.dumps(town))  # which is YAML too
    return folder


def promises_in(store: EventStore, towns: str) -> Promises:
    """What callback's handlers work with, as its `main` builds it."""
    books = {
        code: PolicyBooks(policy_book(WrittenBook.of(town)))
        for code, town in read_folder(Path(towns)).items()
    }
    return Promises(store, SystemClock(), books, decider())


async def promise(promises: Promises, case_id: str, due_at: datetime) -> None:
    """What the consumer does with a contact and its first route, in which `due_at` was agreed with the citizen."""
    received_at = promises.clock.now()
    contact = NoteContact(received_at, False, _TOPIC, None, "email", "person", due_at)
    cause = Cause(f"/{TOWN}/intake/{TOWN}.contact-{case_id}/{fresh_id()}#note-contact", "callback")
    await note(promises, TOWN, case_id, 1, contact, cause, new=True)
    route = NoteRoute(Route(1, _OWNER, _TOPIC, received_at, promises.clock.now()))
    cause = Cause(f"/{TOWN}/routing/{TOWN}.route-{case_id}/{fresh_id()}#note-route", "callback")
    await note(promises, TOWN, case_id, 1, route, cause)


async def fill(
    commits: AsyncCollection[Document], towns: str, due: Sequence[datetime], copies: int = 1
) -> None:
    """Put promises into the log, `copies` of each due time, as they stand there once the relay has published them.

    The handlers make one of each due time, in memory; its commits are mapped to documents by the store's own mapping.
    Copies differ in what names them: case, stream, causes, ids.
    """
    memory = MemoryStore(SystemClock())
    promises = promises_in(memory, towns)
    waiting: list[Document] = []
    for due_at in due:
        case_id = fresh_id()
        await promise(promises, case_id, due_at)
        models = [
            {**to_document(commit), "published_at": commit.committed_at}
            for commit in memory.stream(TOWN, stream_of(TOWN, case_id, 1))
        ]
        for _ in range(copies):
            waiting += _renamed(models, case_id, fresh_id())
            if len(waiting) >= _AT_ONCE:
                await commits.insert_many(waiting, ordered=False)
                waiting = []
    if waiting:
        await commits.insert_many(waiting, ordered=False)


def _renamed(models: Sequence[Document], case_id: str, named: str) -> Iterator[Document]:
    for model in models:
        yield {
            **model,
            "_id": ObjectId(),
            "stream": stream_of(TOWN, named, 1),
            "correlation_id": named,
            "caused_by": model["caused_by"].replace(case_id, named),
            "events": [{**event, "id": fresh_id()} for event in model["events"]],
        }


async def preload(mongo: str, database: str, towns: str, first: float, count: int) -> Sample:
    """So many promises pending, due over a month from `first` (seconds since 1970) on."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo, w="majority", tz_aware=True)
    store = MongoStore(client[database], SystemClock())
    times = min(count, 500)
    begin = datetime.fromtimestamp(first, UTC)
    due = [begin + timedelta(days=30) * place / times for place in range(times)]
    with timed(count, ()) as sample:
        await fill(store.commits, towns, due, count // times)
    await client.close()
    return sample


async def scheduled(mongo: str, towns: str, pids: Sequence[int], at_once: int, count: int) -> Sample:
    """So many promises made by so many callers, each durable when its caller goes on."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        mongo, maxPoolSize=100, w="majority", retryWrites=False, tz_aware=True
    )
    name = f"bench_{time.time_ns()}"
    store = MongoStore(client[name], SystemClock())
    await store.prepare()
    promises, due_at = promises_in(store, towns), SystemClock().now() + timedelta(days=1)
    cases = iter([fresh_id() for _ in range(count)])

    async def caller() -> None:
        for case_id in cases:
            await promise(promises, case_id, due_at)

    with timed(count, pids) as sample:
        await asyncio.gather(*(caller() for _ in range(at_once)))
    assert await store.commits.count_documents({"events.type": "PromiseMade", "next_at": due_at}) == count
    await client.drop_database(name)
    await client.close()
    return sample


async def floor(mongo: str, pids: Sequence[int], count: int) -> Sample:
    """What MongoDB alone needs: find so many due documents, insert as many facts, update as many; a group at a time."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(mongo, w="majority")
    name = f"bench_{time.time_ns()}"
    rows = client[name]["commits"]
    await rows.create_index("next_at")
    text = "x" * 900
    for start in range(0, count, _AT_ONCE):
        await rows.insert_many(
            [{"next_at": 1, "text": text} for _ in range(start, min(start + _AT_ONCE, count))]
        )
    with timed(count, pids) as sample:
        while due := await rows.find({"next_at": 1}, {"_id": 1}).limit(_AT_ONCE).to_list():
            await rows.insert_many([{"next_at": 2, "text": text} for _ in due], ordered=False)
            await rows.update_many({"_id": {"$in": [row["_id"] for row in due]}}, {"$set": {"next_at": None}})
    await client.drop_database(name)
    await client.close()
    return sample
