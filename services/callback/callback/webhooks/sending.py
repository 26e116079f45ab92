"""Clock in: what is due goes out, each subscription by itself, each of its cases in order."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from chassis.clock import Clock
from chassis.crash import CrashPoints
from chassis.errors import Unavailable

from callback.webhooks.deliveries import Deliveries, Delivery
from callback.webhooks.domain import Again, Answer, Disable, Done, Hold, judge, rest
from callback.webhooks.lanes import Claim, Lanes, Target
from callback.webhooks.metrics import WebhookMetrics
from callback.webhooks.signing import signed_headers
from callback.webhooks.subscriptions import Subscriptions

_log = structlog.get_logger()

POLL = 0.5
"""Real seconds between looks at what is due, while nothing is."""
BUSY_POLL = 0.02
LANES_AT_ONCE = 8
"""Cases of one subscription that are sent at the same time; one, while its receiver fails."""
IN_A_ROW = 20
LONGEST_TURN = 5.0
"""Deliveries, and seconds, after which a case lets others of its subscription go first."""
STANDING_EVERY = 15.0
_PARTING = 3.0

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Sending:
    """Sends, for all subscriptions of the service. Every replica does: a lane is claimed by one.

    Args:
        post: sends one request; never raises for what a receiver does.
        real_now: real seconds since 1970: receivers compare it with their own clock.
        pauses: seconds after the first failed attempt, the second, ...; after the last one it is held.
        chance: 0 to 1.
    """

    deliveries: Deliveries
    lanes: Lanes
    subscriptions: Subscriptions
    post: Post
    clock: Clock
    real_now: Callable[[], float]
    pauses: Sequence[float]
    metrics: WebhookMetrics
    crash: CrashPoints
    chance: Callable[[], float] = random.random
    busy: dict[str, dict[str, "asyncio.Task[None]"]] = field(default_factory=dict)

    async def run(self) -> None:
        """Send until cancelled; then what is under way has a moment to end."""
        await self.lanes.reclaim()
        try:
            while True:
                try:
                    started = await self.start_due()
                except Unavailable as error:
                    _log.warning("webhooks wait", exc_info=error)
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
                await self.subscriptions.purge()
            await self.clock.sleep(STANDING_EVERY)

    async def _run_lane(self, target: Target, lane: str) -> None:
        try:
            await self.send_lane(target, lane)
        except Unavailable as error:
            # What it claimed is due again when the lease is over.
            _log.warning("a webhook waits", webhook=target.id, exc_info=error)
        except Exception as error:
            _log.error("a webhook cannot be sent", webhook=target.id, exc_info=error)
        finally:
            lanes = self.busy[target.id]
            lanes.pop(lane, None)
            if not lanes:
                self.busy.pop(target.id, None)

    async def send_lane(self, target: Target, lane: str) -> None:
        """Send what is in a lane, in order, until it is empty, its turn is over, or something fails."""
        secrets = await self.subscriptions.secrets(target.municipality, target.id, target.secrets)
        claim = await self.lanes.claim(lane)
        began, sent = self.clock.monotonic(), 0
        while claim is not None:
            delivery = await self.lanes.next(claim)
            if delivery is None:
                claim = await self.lanes.close(claim)
                continue
            if sent >= IN_A_ROW or self.clock.monotonic() - began > LONGEST_TURN:
                return await self.lanes.release(claim)
            claim = await self._send(target, secrets, claim, delivery)
            sent += 1
        return None

    async def _send(
        self, target: Target, secrets: Sequence[str], claim: Claim, delivery: Delivery
    ) -> Claim | None:
        """One attempt at the next delivery of a lane. The lane while it is ours and goes on; None: it has been left."""
        headers = {
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "lofte-webhooks",
            **signed_headers(secrets, delivery.event_id, int(self.real_now()), delivery.body),
        }
        answer = await self.post(target.url, headers, delivery.body)
        self.metrics.attempted(delivered=answer.delivered)
        outcome = judge(answer, claim.attempts + 1, self.pauses, self.chance())
        if isinstance(outcome, Done):
            self.crash.passed("delivered")
            if target.failures:
                await self.subscriptions.succeeded(target.id)
            return await self.lanes.delivered(claim, delivery)
        _log.info("a webhook failed", webhook=target.id, delivery=delivery.event_id, reason=answer.reason)
        match outcome:
            case Again(seconds=seconds):
                await self.lanes.release(claim, after=seconds, failed=True)
            case Hold():
                await self.lanes.hold(claim, delivery, answer.reason)
            case Disable():
                await self.subscriptions.disable(target.id, answer.reason)
                await self.lanes.release(claim)
        await self.subscriptions.failed(target.id, answer.reason, rest(answer, target.failures + 1))
        return None

    async def _part(self) -> None:
        tasks = [task for lanes in self.busy.values() for task in lanes.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_PARTING)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
