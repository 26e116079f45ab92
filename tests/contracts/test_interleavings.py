"""Topics come in any order relative to each other, again and late: every decider and every view ends the same (decision 3).

Order is kept within a source alone. The stories are told by the rules themselves; each is then read in other orders.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import cache
from random import Random
from typing import Any

import pytest
from chassis.reacting import Message
from chassis.views import View
from hypothesis import given, settings
from hypothesis import strategies as st
from lofte_events import CONTRACTS, Contract
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from .reading import (
    VIEWS,
    Order,
    case_after,
    documents_after,
    ended_in,
    promises_after,
    routes_after,
    service_of,
)
from .stories import STORIES, tell
from .town import message_of

QUICK = settings(max_examples=12, deadline=None, derandomize=True)
stories = pytest.mark.parametrize("story", STORIES)


@cache
def log_of(story: str) -> list[Message]:
    return [message_of(record) for record in tell(story).log]


def in_turn(log: Sequence[Message], sources: Sequence[str]) -> list[int]:
    """The places of the records when each time the next one of a source is read."""
    waiting: dict[str, list[int]] = {}
    for place, message in enumerate(log):
        waiting.setdefault(message.envelope.source, []).append(place)
    return [waiting[source].pop(0) for source in sources]


@cache
def routes_as_told(story: str) -> object:
    log = log_of(story)
    return asyncio.run(routes_after(log, as_told(log), tell(story).clock.now()))


@cache
def case_as_told(story: str) -> object:
    log = log_of(story)
    return asyncio.run(case_after(log, as_told(log), tell(story).clock.now()))


@cache
def documents_as_told(view: str, story: str) -> Mapping[str, Any]:
    log = log_of(story)
    return documents_after(VIEWS[view], log, as_told(log))


def as_told(log: Sequence[Message]) -> Order:
    return Order(range(len(log)))


@st.composite
def orders(draw: st.DrawFn, log: Sequence[Message]) -> Order:
    """Any order that keeps the order within a source, with repeats, and with looks at the timers between."""
    sources = draw(st.permutations([message.envelope.source for message in log]))
    counts = st.integers(0, len(log) - 1)
    again = draw(st.dictionaries(counts, st.integers(1, 6), max_size=3))
    return Order(in_turn(log, sources), again, frozenset(draw(st.sets(counts, max_size=4))))


@stories
@QUICK
@given(st.data())
def test_routing_decides_the_same(story: str, data: st.DataObject) -> None:
    log, now = log_of(story), tell(story).clock.now()
    assert asyncio.run(routes_after(log, data.draw(orders(log)), now)) == routes_as_told(story)


@stories
@QUICK
@given(st.data())
def test_casework_knows_the_same(story: str, data: st.DataObject) -> None:
    log, now = log_of(story), tell(story).clock.now()
    assert asyncio.run(case_after(log, data.draw(orders(log)), now)) == case_as_told(story)


@stories
@QUICK
@given(st.data())
def test_callback_promises_and_judges_the_same(story: str, data: st.DataObject) -> None:
    log, town = log_of(story), tell(story)
    assert asyncio.run(
        promises_after(log, data.draw(orders(log)), town.clock.now(), town.changes)
    ) == ended_in(town.promises)


@stories
@QUICK
@given(st.data())
def test_every_view_shows_the_same(story: str, data: st.DataObject) -> None:
    log = log_of(story)
    order = data.draw(orders(log))
    for name, view in VIEWS.items():
        assert documents_after(view, log, order) == documents_as_told(name, story)


def test_the_stories_tell_what_can_happen() -> None:
    told = {message.envelope.type for story in STORIES for message in log_of(story)}
    assert told == {name for name, contract in CONTRACTS.items() if issubclass(contract, Contract)}


@pytest.fixture
async def database(mongo_uri: str, unique: str) -> AsyncIterator[AsyncDatabase[dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    yield client[unique]
    await client.drop_database(unique)
    await client.close()


@pytest.mark.mongo
@pytest.mark.parametrize("name", VIEWS)
async def test_the_real_view_shows_what_these_tests_fold(
    name: str, database: AsyncDatabase[dict[str, Any]], logs: list[list[Message]]
) -> None:
    """All cases at once, in batches of any size, some of them read again."""
    shape, random = VIEWS[name], Random(581)
    view = View(database[name], shape.project, shape.key)
    pending: list[Message] = []
    for log in logs:
        sources = [message.envelope.source for message in log]
        random.shuffle(sources)
        pending += [log[place] for place in in_turn(log, sources) if service_of(log[place]) in shape.services]
    while pending:
        size = random.randint(1, 60)
        batch: dict[bytes, list[Message]] = {}
        for message in pending[:size]:
            batch.setdefault(message.contract.case_id.encode(), []).append(message)
        assert await view.reaction(batch) == {}
        pending = pending[size if random.random() < 0.7 or size == 1 else size // 2 :]
    expected = {k: v for log in logs for k, v in documents_after(shape, log, as_told(log)).items()}
    found = await database[name].find({}, {"rev": 0, "seen": 0}).to_list()
    assert {document.pop("_id"): document for document in found} == expected


@pytest.fixture(scope="module", name="logs")
def every_log() -> list[list[Message]]:
    return [log_of(story) for story in STORIES]
