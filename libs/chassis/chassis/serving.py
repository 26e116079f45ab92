"""Running a service process: the server, the loops of its roles, and an orderly end on SIGTERM."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
import uvicorn
from litestar import Litestar
from lofte_events import Contract, Envelope, parse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.clock import Clock
from chassis.consuming import Consumers, Raw, Subscription
from chassis.ending import told_to_end
from chassis.errors import StartRefused
from chassis.http.app import make_app
from chassis.lease import Lease, MongoLeases
from chassis.outbox import MongoOutbox
from chassis.relay import Relay
from chassis.runtime import Build, Loop, Parts, Runtime, S, make_runtime

_LEAST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
LARGEST_HEAD = 64 * 1024
_HTTP_GRACE, _GRACE, _CLOSING = 5, 8.0, 2.0

_log = structlog.get_logger()


async def serve(name: str, settings: S, build: Build[S]) -> int:
    """Run until SIGTERM or SIGINT; answers the exit code."""
    runtime = make_runtime(name, settings)
    try:
        parts = build(runtime)
        app = make_app(runtime, parts) if "api" in settings.roles else make_app(runtime, Parts(parts.title))
        listening = socket.create_server((settings.host, settings.port), backlog=2048, reuse_port=False)
    except (ValueError, OSError) as error:
        where = f"{settings.host}:{settings.port}: " if isinstance(error, OSError) else ""
        sys.stderr.write(f"{where}{error}\n")
        await runtime.close()
        return 2
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runtime.stopping.set)
    try:
        return await _run(runtime, parts, app, listening)
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(runtime.close(), _CLOSING)


async def _run(runtime: Runtime[Any], parts: Parts, app: Litestar, listening: socket.socket) -> int:
    server = _server(app)
    serving = asyncio.create_task(server.serve([listening]))
    working = asyncio.create_task(_work(runtime, parts))
    _log.info("listening", port=listening.getsockname()[1], roles=sorted(runtime.settings.roles))
    told = asyncio.create_task(runtime.stopping.wait())
    await asyncio.wait({serving, working, told}, return_when=asyncio.FIRST_COMPLETED)
    orderly = told.done()
    _log.info("stopping", orderly=orderly)
    # Both at once: requests under way get their answers, batches in hand are finished and committed.
    runtime.stopping.set()
    server.should_exit = True
    working.cancel()
    await asyncio.wait({serving, working, told}, timeout=_GRACE)
    if working.done() and not working.cancelled() and isinstance(working.exception(), StartRefused):
        sys.stderr.write(f"{working.exception()}\n")
        return 2
    for task in (serving, working):
        if task.done() and not task.cancelled() and task.exception() is not None:
            _log.error("ended by an error", exc_info=task.exception())
            orderly = False
    _log.info("stopped")
    return 0 if orderly else 1


async def _work(runtime: Runtime[Any], parts: Parts) -> None:
    """Prepare the database, however long it is away; then all loops, until cancelled."""
    await until_done("prepare", lambda: prepare(runtime, parts), runtime.clock)
    loops = background_loops(runtime, parts)
    async with asyncio.TaskGroup() as group:
        for name, loop in loops.items():
            group.create_task(kept_running(name, loop, runtime.clock))


async def prepare(runtime: Runtime[Any], parts: Parts) -> None:
    """Make all indexes that the service needs; safe to repeat, and by several at once."""
    await runtime.correction.correct()
    steps: Sequence[Callable[[], Awaitable[None]]] = (
        runtime.store.prepare,
        runtime.held.prepare,
        *(view.prepare for view in parts.views),
        *parts.prepare,
    )
    for step in steps:
        await step()
    runtime.health.prepared = True
    _log.info("prepared")


async def until_done(name: str, step: Loop, clock: Clock) -> None:
    """Do `step` until it succeeds, with growing pauses; each failure is logged.

    Raises:
        StartRefused: no patience would help.
    """
    pause = _LEAST_PAUSE
    while True:
        try:
            return await step()
        except StartRefused:
            raise
        except Exception as error:
            _log.warning("failed, will be tried again", step=name, seconds=pause, exc_info=error)
        await clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def kept_running(name: str, loop: Loop, clock: Clock) -> None:
    """Run `loop` until cancelled: one that fails, or ends, is logged and run again after 1 to 30 s."""
    pause = _LEAST_PAUSE
    while True:
        began = clock.monotonic()
        try:
            await loop()
            _log.error("a loop ended and is run again", loop=name, seconds=pause)
        except (Exception, asyncio.CancelledError) as error:
            if told_to_end():
                raise
            _log.error("a loop failed and is run again", loop=name, seconds=pause, exc_info=error)
        if clock.monotonic() - began > 2 * _LONGEST_PAUSE:
            pause = _LEAST_PAUSE
        await clock.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def background_loops(runtime: Runtime[Any], parts: Parts) -> Mapping[str, Loop]:
    """What runs beside HTTP, by the roles of the process."""
    settings = runtime.settings
    loops: dict[str, Loop] = {"clock": runtime.correction.run}
    if parts.views:
        loops |= {f"view-{view.name}": partial(view.follow, runtime.clock) for view in parts.views}
    told = [*parts.subscriptions, *(view.subscription for view in parts.views)]
    subscriptions = [subscription for subscription in told if subscription.role in settings.roles]
    if subscriptions:
        consumers = make_consumers(runtime, subscriptions)
        runtime.health.last_poll_age = consumers.last_poll_age
        loops["consumers"] = consumers.run
    if "relay" in settings.roles and parts.publish is not None:
        relay = Relay(
            MongoOutbox(runtime.store.commits, runtime.clock),
            runtime.broker,
            Lease(MongoLeases(runtime.database), "relay", settings.replica, runtime.clock),
            runtime.clock,
            prefix=settings.topic_prefix,
            service=runtime.name,
            to_contracts=parts.publish,
            tracing=runtime.tracing,
            metrics=runtime.metrics,
            wake=runtime.wake,
            backlog=runtime.backlog,
            crash=runtime.crash,
        )
        loops["relay"] = relay.run
    for role in settings.roles & parts.loops.keys():
        loops |= {f"{role}-{place}": loop for place, loop in enumerate(parts.loops[role])}
    return loops


def make_consumers(
    runtime: Runtime[Any], subscriptions: Sequence[Subscription], *, lasting: bool = True
) -> Consumers:
    """Consumers as the process's settings say."""
    settings = runtime.settings
    return Consumers(
        subscriptions,
        kafka=settings.kafka,
        access=settings.kafka_access(),
        prefix=settings.topic_prefix,
        replica=settings.replica,
        session_timeout_ms=settings.session_timeout_ms,
        parse=parse_fact,
        held=runtime.held,
        clock=runtime.clock,
        tracing=runtime.tracing,
        metrics=runtime.metrics,
        crash=runtime.crash,
        lasting=lasting and settings.replica_returns,
    )


def parse_fact(raw: Raw) -> tuple[Envelope, Contract] | None:
    """By the catalogue. What is about no case is for none of our services, like a type that is not known."""
    parsed = parse(raw.headers, raw.value)
    return (parsed[0], parsed[1]) if parsed is not None and isinstance(parsed[1], Contract) else None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # Signals are the process's, not the server's: there is more to stop than HTTP.
        yield


class _Protocol(HttpToolsProtocol):
    """HTTP with a bounded head: the parser would take headers without end, before any token is looked at."""

    _head: int | None = 0  # bytes of the head that is being read; None: it is complete

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is None or self.transport.is_closing():
            return
        self._head += len(data)
        if self._head > LARGEST_HEAD:
            self.send_400_response("The headers are too large.")


def _server(app: Litestar) -> uvicorn.Server:
    return _Server(
        uvicorn.Config(
            app,
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_HTTP_GRACE,
        )
    )


def _report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # Not the context's own text: it may hold the repr of an error, and with it what came in.
    _log.error("a task failed unseen", exc_info=context.get("exception"))
