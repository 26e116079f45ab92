"""Clock in: what is due goes out, each target by itself, each of its lanes in order."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
from chassis.clock import Clock
from chassis.crash import CrashPoints
from chassis.errors import Unavailable

from callback.outgoing.answers import Again, Answer, Disable, Done, Hold, judge, rest
from callback.outgoing.deliveries import Deliveries, Delivery
from callback.outgoing.lanes import Claim, Lanes, Target
from callback.outgoing.metrics import SendingMetrics
from callback.outgoing.standing import Standing

_log = structlog.get_logger()

POLL = 0.5
"""Real seconds between looks at what is due, while nothing is."""
BUSY_POLL = 0.02
LANES_AT_ONCE = 8
"""Lanes of one target that are sent at the same time; one, while it fails."""
IN_A_ROW = 20
LONGEST_TURN = 5.0
"""Deliveries, and seconds, after which a lane lets others of its target go first."""
STANDING_EVERY = 15.0
_PARTING = 3.0

Send = Callable[[Delivery, int], Awaitable[Answer]]
"""Sends a delivery, the n-th time; never raises for what a receiver does."""
Open = Callable[[Target], Awaitable[Send]]
"""Makes ready to send to a target: its address, its secrets."""


async def _nothing(*_: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends, to all targets. Every replica does: a lane is claimed by one.

    Args:
        pauses: seconds after the first failed attempt, the second, ...; after the last one it is held.
        chance: 0 to 1.
        gave_up: told of what was tried for long enough, why, and how often, before it is held.
        tidy: forgets what nobody needs any more, now and then.
    """

    deliveries: Deliveries
    lanes: Lanes
    targets: Standing
    open: Open
    clock: Clock
    pauses: Sequence[float]
    metrics: SendingMetrics
    crash: CrashPoints
    chance: Callable[[], float] = random.random
    gave_up: Callable[[Delivery, str, int], Awaitable[None]] = _nothing
    tidy: Callable[[], Awaitable[None]] = _nothing
    busy: dict[str, dict[str, "asyncio.Task[None]"]] = field(default_factory=dict)

    async def run(self) -> None:
        """Send until cancelled; then what is under way has a moment to end."""
        await self.lanes.reclaim()
        try:
            while True:
                try:
                    started = await self.start_due()
                except Unavailable as error:
                    _log.warning("deliveries wait", exc_info=error)
                    started = 0
                await self.clock.sleep(BUSY_POLL if started else POLL)
        finally:
            await self._part()

    async def start_due(self) -> int:
        """Start what is due and has room; how many lanes were started."""
        started = 0
        for target in await self.lanes.due(LANES_AT_ONCE):
            running = self.busy.setdefault(target.id, {})
            room = (1 if target.failures else LANES_AT_ONCE) - len(running)
            for lane in [lane for lane in target.lanes if lane not in running][: max(room, 0)]:
                running[lane] = asyncio.create_task(self._run_lane(target, lane))
                started += 1
        return started

    async def settle(self) -> None:
        """Wait for what is under way."""
        while tasks := [task for lanes in self.busy.values() for task in lanes.values()]:
            await asyncio.wait(tasks)

    async def watch(self) -> None:
        """Count what waits, and forget what was deleted, every 15 s."""
        while True:
            with contextlib.suppress(Unavailable):
                self.metrics.standing(*await self.deliveries.standing())
                await self.tidy()
            await self.clock.sleep(STANDING_EVERY)

    async def _run_lane(self, target: Target, lane: str) -> None:
        try:
            await self.send_lane(target, lane)
        except Unavailable as error:
            # What it claimed is due again when the lease is over.
            _log.warning("a delivery waits", target=target.id, exc_info=error)
        except Exception as error:
            _log.error("a delivery cannot be sent", target=target.id, exc_info=error)
        finally:
            lanes = self.busy[target.id]
            lanes.pop(lane, None)
            if not lanes:
                self.busy.pop(target.id, None)

    async def send_lane(self, target: Target, lane: str) -> None:
        """Send what is in a lane, in order, until it is empty, its turn is over, or something fails."""
        send = await self.open(target)
        claim = await self.lanes.claim(lane)
        began, sent = self.clock.monotonic(), 0
        while claim is not None:
            delivery = await self.lanes.next(claim)
            if delivery is None:
                claim = await self.lanes.close(claim)
                continue
            if sent >= IN_A_ROW or self.clock.monotonic() - began > LONGEST_TURN:
                return await self.lanes.release(claim)
            claim = await self._send(target, send, claim, delivery)
            sent += 1
        return None

    async def _send(self, target: Target, send: Send, claim: Claim, delivery: Delivery) -> Claim | None:
        """One attempt at the next delivery of a lane. The lane while it is ours and goes on; None: it has been left."""
        answer = await send(delivery, claim.attempts + 1)
        if answer.postponed is not None:
            await self.lanes.release(claim, after=answer.postponed)
            return None
        self.metrics.attempted(delivered=answer.delivered)
        outcome = judge(answer, claim.attempts + 1, self.pauses, self.chance())
        if isinstance(outcome, Done):
            self.crash.passed("delivered")
            if target.failures:
                await self.targets.succeeded(target.id)
            return await self.lanes.delivered(claim, delivery)
        _log.info("a delivery failed", target=target.id, delivery=delivery.event_id, reason=answer.reason)
        match outcome:
            case Again(seconds=seconds):
                await self.lanes.release(claim, after=seconds, failed=True)
            case Hold():
                await self.gave_up(delivery, answer.reason, claim.attempts + 1)
                await self.lanes.hold(claim, delivery, answer.reason)
            case Disable():
                await self.targets.disable(target.id, answer.reason)
                await self.lanes.release(claim)
        if not answer.own:
            await self.targets.failed(target.id, answer.reason, rest(answer, target.failures + 1))
        return None

    async def _part(self) -> None:
        tasks = [task for lanes in self.busy.values() for task in lanes.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_PARTING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
