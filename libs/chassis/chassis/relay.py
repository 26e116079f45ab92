"""The relay: commits out to Kafka, in order per stream, then stamped. One is active per service (decision 2)."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import Any

import structlog
from lofte_events import AnyContract

from chassis.broker import Broker, Producer, Record, to_record
from chassis.clock import Clock
from chassis.commit import Commit
from chassis.crash import NEVER, CrashPoints
from chassis.ending import told_to_end
from chassis.lease import Leadership
from chassis.outbox import Outbox
from chassis.sending import send_in_order
from chassis.store import StreamKey
from chassis.telemetry import Metrics, Tracing
from chassis.watermarks import WatermarkPublisher

ToContracts = Callable[[Commit], Sequence[AnyContract | None]]
"""A service's publisher: for each event of a commit its contract, or None for what stays inside."""

LARGEST_WAVE = 500
_WAVES = 2
_IN_A_ROW = 10
_POLL = 0.1
_STANDBY = 0.5
_COUNT_EVERY = 5.0
_GATHER = 0.025
_GRACE = 2.0
_BLOCKED_FOR = 10.0
_LEAST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_REMEMBERED = 20_000

_log = structlog.get_logger()


class Relay:
    """Publishes a service's commits while it holds the lease, and the service's watermark beside them.

    Streams go out together in waves; of a stream, a commit is sent when all earlier ones are stamped, and its events
    one after another. After any failed send it begins anew, with a new producer and a new look at the log. A commit
    that cannot be mapped holds up its own stream alone.

    Args:
        wake: set when commits were written in this process; otherwise the log is polled.
        backlog: set by the relay while there is more to publish than a wave takes.
    """

    def __init__(
        self,
        outbox: Outbox,
        broker: Broker,
        lease: Leadership,
        clock: Clock,
        *,
        prefix: str,
        service: str,
        to_contracts: ToContracts,
        tracing: Tracing,
        metrics: Metrics,
        wake: asyncio.Event,
        backlog: asyncio.Event | None = None,
        crash: CrashPoints = NEVER,
    ) -> None:
        self._outbox = outbox
        self._broker = broker
        self._lease = lease
        self._clock = clock
        self._prefix = prefix
        self._service = service
        self._to_contracts = to_contracts
        self._tracing = tracing
        self._metrics = metrics
        self._wake = wake
        self._backlog = backlog or asyncio.Event()
        self._crash = crash
        self._watermarks = WatermarkPublisher(outbox, broker, lease, clock, prefix=prefix, service=service)
        # Commits that are being sent, or cannot be mapped: their streams wait, and they are not read again.
        self._under_way: dict[Any, StreamKey] = {}
        self._blocked: dict[Any, StreamKey] = {}
        self._unblocked_at = 0.0
        # A stream's last version that we stamped: true for ever, so it spares the question what is behind.
        self._stamped: dict[StreamKey, int] = {}
        self._pause = _LEAST_PAUSE
        self._read_at = 0.0
        self._woken: asyncio.Future[Any] | None = None

    async def run(self) -> None:
        """Relay until cancelled; then finish what is under way, and release the lease."""
        async with asyncio.TaskGroup() as group:
            leading = group.create_task(self._lease.run())
            try:
                async with asyncio.TaskGroup() as working:
                    working.create_task(self._publish())
                    working.create_task(self._watermarks.run())
                    working.create_task(self._count())
            finally:
                leading.cancel()

    async def _publish(self) -> None:
        while True:
            if not self._lease.held():
                await self._clock.sleep(_STANDBY)
                continue
            try:
                await self._lead()
            except (Exception, asyncio.CancelledError) as error:
                if told_to_end():
                    raise
                _log.warning("publishing failed, will be tried again", seconds=self._pause, exc_info=error)
                await self._clock.sleep(self._pause)
                self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def _lead(self) -> None:
        """Send wave after wave while the lease is held; raises the first failure."""
        producer = self._broker.producer()
        waves: set[asyncio.Task[None]] = set()
        try:
            await producer.start()
            while self._lease.held():
                await self._gather()
                self._wake.clear()
                self._unblock()
                batch = await self._outbox.unpublished(LARGEST_WAVE, [*self._under_way, *self._blocked])
                (self._backlog.set if len(batch) == LARGEST_WAVE else self._backlog.clear)()
                streams = await self._ready(batch)
                if streams:
                    self._under_way |= {c.id: _stream(c) for commits in streams for c in commits}
                    waves.add(asyncio.create_task(self._send(producer, streams)))
                if len(batch) < LARGEST_WAVE or not streams:
                    left = len(batch) > sum(map(len, streams))
                    await self._rest(waves, left)
                while len(waves) >= _WAVES:
                    await asyncio.wait(waves, return_when=asyncio.FIRST_COMPLETED)
                    _end(waves)
            await self._finish(waves)
        except asyncio.CancelledError:
            await self._finish(waves)
            raise
        finally:
            self._backlog.clear()
            await producer.close()
            if self._woken is not None:
                self._woken.cancel()
            for wave in waves:
                wave.cancel()
            await asyncio.gather(*waves, return_exceptions=True)
            self._under_way.clear()

    async def _ready(self, batch: Iterable[Commit]) -> Sequence[Sequence[Commit]]:
        """Of every stream that may go on now its commits, in order and without a gap."""
        blocked = set(self._blocked.values())
        streams: dict[StreamKey, list[Commit]] = {}
        for commit in sorted(batch, key=lambda commit: commit.first_version):
            stream = streams.setdefault(_stream(commit), [])
            if not stream or commit.first_version == stream[-1].last_version + 1:
                stream.append(commit)
        for key in blocked & set(streams):
            # Not to be read again either: they would keep others from being seen.
            self._blocked |= {commit.id: key for commit in streams[key]}
        waiting = blocked | set(self._under_way.values())
        streams = {key: commits[:_IN_A_ROW] for key, commits in streams.items() if key not in waiting}
        unsure = [
            key
            for key, commits in streams.items()
            if commits[0].first_version != self._stamped.get(key, 0) + 1
        ]
        if unsure:
            first = await self._outbox.behind(unsure)
            for key in unsure:
                if first.get(key) != streams[key][0].first_version:
                    del streams[key]
        return list(streams.values())

    async def _send(self, producer: Producer, streams: Sequence[Sequence[Commit]]) -> None:
        """One wave: the first commit of each stream, stamped together; then the second of each that has one."""
        ids = [commit.id for stream in streams for commit in stream]
        try:
            while streams:
                going = await self._send_heads(producer, [stream[0] for stream in streams])
                streams = [rest for stream in streams if _stream(stream[0]) in going and (rest := stream[1:])]
        finally:
            for commit_id in ids:
                self._under_way.pop(commit_id, None)

    async def _send_heads(self, producer: Producer, heads: Sequence[Commit]) -> set[StreamKey]:
        """Send and stamp; answers the streams that may go on."""
        with ExitStack() as spans:
            mapped: list[tuple[Commit, Sequence[Record]]] = []
            for commit in heads:
                try:
                    mapped.append((commit, self._records(commit, spans)))
                except Exception as error:
                    _log.error("a commit cannot be published", stream=commit.stream, exc_info=error)
                    self._blocked[commit.id] = _stream(commit)
            complete, failure = await send_in_order(producer, [records for _, records in mapped], self._crash)
        published = [commit for (commit, _), done in zip(mapped, complete, strict=True) if done]
        if published:
            await self._outbox.stamp([commit.id for commit in published])
            self._crash.passed("stamped")
            self._metrics.relay_published(len(published))
            self._pause = _LEAST_PAUSE
        if failure is not None:
            raise failure
        for commit in published:
            self._stamped.pop(_stream(commit), None)
            self._stamped[_stream(commit)] = commit.last_version
            self._under_way.pop(commit.id, None)
        while len(self._stamped) > _REMEMBERED:
            del self._stamped[next(iter(self._stamped))]
        return {_stream(commit) for commit in published}

    def _records(self, commit: Commit, spans: ExitStack) -> Sequence[Record]:
        contracts = self._to_contracts(commit)
        if not any(contracts):
            return ()
        traceparent = spans.enter_context(
            self._tracing.span("relay", commit.cause.traceparent, stream=commit.stream)
        )
        return [
            to_record(self._prefix, self._service, commit, index, contract, traceparent)
            for index, contract in enumerate(contracts)
            if contract is not None
        ]

    def _unblock(self) -> None:
        if self._blocked and self._clock.monotonic() >= self._unblocked_at + _BLOCKED_FOR:
            self._blocked.clear()
            self._unblocked_at = self._clock.monotonic()

    async def _gather(self) -> None:
        """What is written in a moment goes with the next wave, not each in one of its own."""
        pause = self._read_at + _GATHER - self._clock.monotonic()
        if pause > 0:
            await self._clock.sleep(pause)
        self._read_at = self._clock.monotonic()

    async def _rest(self, waves: set[asyncio.Task[None]], left: bool) -> None:
        """Until something was written or it is time to look again; or, with something `left`, a wave is done."""
        # One waiter outlives many looks in vain.
        woken = self._woken
        if woken is None or woken.done():
            woken = self._woken = asyncio.ensure_future(self._wake.wait())
        looking = asyncio.ensure_future(self._clock.sleep(_POLL))
        try:
            while not woken.done() and not looking.done() and not (_end(waves) and left):
                await asyncio.wait({woken, looking, *waves}, return_when=asyncio.FIRST_COMPLETED)
            _end(waves)
        finally:
            looking.cancel()

    async def _finish(self, waves: Iterable[asyncio.Task[None]]) -> None:
        """Let what is under way end well, within bounds: fewer repeats for whoever relays next."""
        if not waves:
            return
        patience: asyncio.Future[Any] = asyncio.ensure_future(self._clock.sleep(_GRACE))
        ended: asyncio.Future[Any] = asyncio.gather(*waves, return_exceptions=True)
        await asyncio.wait({patience, ended}, return_when=asyncio.FIRST_COMPLETED)
        patience.cancel()

    async def _count(self) -> None:
        while True:
            if self._lease.held():
                try:
                    self._metrics.relay_backlog(await self._outbox.count())
                except Exception as error:
                    _log.warning("the backlog could not be counted", exc_info=error)
            else:
                self._metrics.relay_backlog(0)
            await self._clock.sleep(_COUNT_EVERY)


def _end(waves: set[asyncio.Task[None]]) -> bool:
    """Take out the waves that are done; whether there were any. Raises the failure of one that failed."""
    done = {wave for wave in waves if wave.done()}
    waves -= done
    for wave in done:
        wave.result()
    return bool(done)


def _stream(commit: Commit) -> StreamKey:
    return commit.municipality, commit.stream
