"""Lives of cases that nobody wrote down: whatever is done, in whatever order it is read, it ends the same."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from callback.domain import PromiseMade
from chassis.errors import RuleViolation
from hypothesis import given, settings
from hypothesis import strategies as st

from .reading import case_after, ended_in, promises_after
from .test_interleavings import as_told, orders
from .town import Town, commits_of, message_of

ACTS: Mapping[str, Callable[[Town], Awaitable[None]]] = {
    "await": lambda town: town.await_citizen(),
    "say late that it waits": lambda town: town.await_citizen(back=10),
    "await until tomorrow": lambda town: town.await_citizen(until=timedelta(days=1)),
    "resume": lambda town: town.resume(),
    "reach": lambda town: town.call("reached"),
    "say late that they were reached": lambda town: town.call("reached", back=14),
    "call in vain": lambda town: town.call("no_answer"),
    "leave a message": lambda town: town.call("voicemail"),
    "ask again": lambda town: town.contact("phone", None),
    "ask again by letter": lambda town: town.contact("letter", None, back=300),
    "forward": lambda town: town.forward(owner="department.streets"),
    "send back": lambda town: town.send_back(),
    "resolve": lambda town: town.resolve(),
    "withdraw": lambda town: town.withdraw_case(),
}
MINUTES = (1, 9, 14, 16, 45, 75, 121, 180, 300, 24 * 60, 7 * 24 * 60, 31 * 24 * 60)
OPENERS = (
    ("phone", "city.parking"),
    ("phone", "city.building-permit"),
    ("email", "city.building-permit"),  # four working hours
    ("email", "social.family-support"),  # one working day
    ("web", "social.economic-aid-application"),  # 24 hours of the clock
)

steps = st.tuples(st.sampled_from(MINUTES), st.sampled_from(sorted(ACTS)))
lives = st.lists(steps, min_size=2, max_size=9)


async def live(opener: tuple[str, str], life: list[tuple[int, str]]) -> Town:
    """The town after a life; what is not allowed is not done."""
    town = Town("any-life")
    await town.contact(*opener)
    for minutes, act in life:
        await town.wait(minutes)
        try:
            await ACTS[act](town)
        except RuleViolation:
            continue
        await town.wait(1)
    await town.wait(days=1)
    return town


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(OPENERS), lives, st.data())
def test_any_life_ends_the_same_in_any_order(
    opener: tuple[str, str], life: list[tuple[int, str]], data: st.DataObject
) -> None:
    town = asyncio.run(live(opener, life))
    log, now = [message_of(record) for record in town.log], town.clock.now()
    for _ in range(2):
        order = data.draw(orders(log))
        assert asyncio.run(promises_after(log, order, now)) == ended_in(town.promises)
        assert asyncio.run(case_after(log, order, now)) == asyncio.run(case_after(log, as_told(log), now))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.sampled_from(OPENERS), lives)
def test_nothing_moves_a_due_time_but_what_says_so(
    opener: tuple[str, str], life: list[tuple[int, str]]
) -> None:
    """Each promise has the time of its making until an event that names the one before and the one after."""
    town = asyncio.run(live(opener, life))
    due: dict[str, datetime] = {}
    for commit in commits_of(town.promises.store):
        assert commit.timers is not None
        for stored in commit.events:
            event = town.promises.decider.codec.restore(stored)
            moved = getattr(event, "due_before", None)
            due_at = getattr(event, "due_at", None)
            if moved is not None:
                assert moved == due[commit.stream]
            elif due_at is not None and not isinstance(event, PromiseMade):
                assert due_at == due[commit.stream]
            if due_at is not None:
                due[commit.stream] = due_at
