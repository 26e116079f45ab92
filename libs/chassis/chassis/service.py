"""A service process: what it stands on (Runtime), what it is made of (Parts), and `main`, which runs it."""

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic

import httpx
import uvloop
from litestar.types import ControllerRouterHandler
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from typing_extensions import TypeVar

from chassis.auth import TokenVerifier
from chassis.broker import KafkaBroker
from chassis.clock import SystemClock, make_clock
from chassis.consuming import Subscription
from chassis.correction import ClockCorrection
from chassis.crash import CrashPoints
from chassis.errors import LofteError
from chassis.held import HeldMessages
from chassis.http.app import api_document
from chassis.http.health import Health
from chassis.outbox import MongoOutbox
from chassis.relay import ToContracts
from chassis.republish import republish
from chassis.settings import ServiceSettings, WrongSettings, describe_settings, read_settings
from chassis.store import MongoStore
from chassis.telemetry import Metrics, Tracing, configure_logging

S = TypeVar("S", bound=ServiceSettings, default=ServiceSettings)

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Runtime(Generic[S]):
    """What the process stands on; given to the service's `build`. `wake` is set after every group of commits,
    `stopping` when the process is told to end: whoever waits for something may give up.
    """

    name: str
    settings: S
    clock: SystemClock
    client: AsyncMongoClient[dict[str, Any]]
    database: AsyncDatabase[dict[str, Any]]
    store: MongoStore
    crash: CrashPoints
    tracing: Tracing
    metrics: Metrics
    verifier: TokenVerifier
    wake: asyncio.Event
    stopping: asyncio.Event
    health: Health
    held: HeldMessages
    broker: KafkaBroker
    correction: ClockCorrection

    @property
    def clock_sure(self) -> bool:
        """Whether the clock was compared with the database's a moment ago; timers fire only then."""
        return self.correction.sure

    async def close(self) -> None:
        """Leave MongoDB, Kafka and the issuer; write the last spans."""
        self.tracing.close()
        await self.broker.close()
        await self.verifier.close()
        await self.client.close()


@dataclass(frozen=True)
class Parts:
    """What a service is made of.

    Attributes:
        title: of the API document.
        routes: Litestar handlers, each with `**allow(...)`.
        publish: one contract, or None, for each event of a commit; None: the service publishes nothing.
        subscriptions: who reads what from Kafka.
        loops: the timers role; each runs until cancelled, and again should it fail.
        prepare: once at start, safe to repeat: indexes.
    """

    title: str
    version: str = "0.1.0"
    routes: Sequence[ControllerRouterHandler] = ()
    publish: ToContracts | None = None
    subscriptions: Sequence[Subscription] = ()
    loops: Sequence[Loop] = ()
    prepare: Sequence[Callable[[], Awaitable[None]]] = ()


Build = Callable[[Runtime[S]], Parts]


def make_runtime(name: str, settings: S) -> Runtime[S]:
    """Everything that a process stands on; nothing is connected yet. Needs a running event loop."""
    clock = make_clock(settings.clock, settings.clock_anchor)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo.get_secret_value(),
        appname=settings.replica,
        maxPoolSize=100,
        retryWrites=True,
        w="majority",
        tz_aware=True,
        tzinfo=UTC,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        socketTimeoutMS=10_000,
    )
    crash, metrics, wake = CrashPoints(settings.crash_at), Metrics(), asyncio.Event()
    database = client[settings.database]

    def written() -> None:
        metrics.group_appended()
        wake.set()

    async def database_time() -> datetime:
        # A command's answer is decoded without the client's own options: it is UTC and does not say so.
        told: datetime = (await client.admin.command("hello"))["localTime"]
        return told.replace(tzinfo=UTC)

    return Runtime(
        name=name,
        settings=settings,
        clock=clock,
        client=client,
        database=database,
        store=MongoStore(database, clock, crash=crash, wake=written),
        crash=crash,
        tracing=Tracing(name, settings.spans_file),
        metrics=metrics,
        verifier=TokenVerifier(
            settings.issuer,
            settings.audience,
            client=httpx.AsyncClient(timeout=3.0),
            now=lambda: clock.real_now().timestamp(),
            monotonic=clock.monotonic,
        ),
        wake=wake,
        stopping=asyncio.Event(),
        health=Health(client, settings.kafka if {"relay", "consumer"} & settings.roles else None, clock),
        held=HeldMessages(database, clock),
        broker=KafkaBroker(settings.kafka, settings.replica),
        correction=ClockCorrection(clock, database_time),
    )


def main(name: str, settings_class: type[S], build: Build[S]) -> None:
    """`python -m SERVICE [serve|republish|openapi|settings]`; ends the process."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    commands = ("serve", "republish", "openapi", "settings")
    parser.add_argument("command", nargs="?", default="serve", choices=commands)
    command = parser.parse_args().command
    if command == "settings":
        sys.stdout.write(describe_settings(settings_class) + "\n")
        return
    try:
        settings = read_settings(settings_class, name)
    except WrongSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(name, settings.replica, settings.log_level)
    if command == "serve":
        from chassis.serving import serve

        sys.exit(uvloop.run(serve(name, settings, build)))
    sys.exit(
        uvloop.run(_once(name, settings, build, _republish if command == "republish" else _print_document))
    )


async def _once(
    name: str, settings: S, build: Build[S], command: Callable[[Runtime[S], Parts], Awaitable[None]]
) -> int:
    runtime = make_runtime(name, settings)
    try:
        await command(runtime, build(runtime))
    except (LofteError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        await runtime.close()
    return 0


async def _print_document(_: Runtime[S], parts: Parts) -> None:
    sys.stdout.write(json.dumps(api_document(parts), indent=2, sort_keys=True) + "\n")


async def _republish(runtime: Runtime[S], parts: Parts) -> None:
    if parts.publish is None:
        raise ValueError(f"{runtime.name} publishes nothing")
    sent = await republish(
        MongoOutbox(runtime.store.commits, runtime.clock),
        runtime.broker,
        runtime.clock,
        prefix=runtime.settings.topic_prefix,
        service=runtime.name,
        to_contracts=parts.publish,
        progress=_tell,
    )
    sys.stdout.write(f"done: {sent} records\n")


def _tell(commits: int, records: int) -> None:
    sys.stdout.write(f"{commits} commits read, {records} records sent\n")
    sys.stdout.flush()
