"""The statutory clock stands beside the promise: with and without one every view, figure and promise is the same."""

import asyncio
from datetime import timedelta

import pytest
from callback.domain.statutory import RequestDecision, StartClock
from lofte_events import StatutoryStageReached

from .reading import VIEWS, Order, documents_after, ended_in
from .stories import STORIES
from .town import Town, message_of

INITIATED = timedelta(days=240)
LIVES = ["written_to_a_department", "renewed_and_kept", "renewed_twice_and_broken", "tried_and_replied"]


def lived(story: str, *, statutory: bool) -> Town:
    async def told() -> Town:
        town = Town("beside")
        await STORIES[story](town)
        return town

    async def told_with_a_clock() -> Town:
        town = Beside("beside")
        await STORIES[story](town)
        return town

    return asyncio.run(told_with_a_clock() if statutory else told())


class Beside(Town):
    """As soon as the case is there, a party's matter of eight months ago is noted beside it, and the party's request."""

    async def contact(self, *told: object, **more: object) -> None:
        first = not self.log
        await super().contact(*told, **more)  # type: ignore[arg-type]
        if first:
            await self.statutory(StartClock(self.clock.now() - INITIATED, "bo"))
            await self.statutory(RequestDecision(self.clock.now() - timedelta(days=27), "bo"))


@pytest.mark.parametrize("story", LIVES)
def test_a_statutory_clock_moves_no_promise_no_view_and_no_figure(story: str) -> None:
    plain, beside = lived(story, statutory=False), lived(story, statutory=True)
    assert ended_in(beside.promises) == ended_in(plain.promises)
    logs = [[message_of(record) for record in town.log] for town in (plain, beside)]
    told = [message for message in logs[1] if isinstance(message.contract, StatutoryStageReached)]
    assert told, "somebody was told of it"
    for view in VIEWS.values():
        one, other = (documents_after(view, log, Order(range(len(log)))) for log in logs)
        assert other == one
