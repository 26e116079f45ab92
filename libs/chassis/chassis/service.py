"""A service process: what it stands on (Runtime), what it is made of (Parts), and `main`, which runs it."""

import argparse
import asyncio
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
from chassis.held import HeldMessages
from chassis.http.health import Health
from chassis.rebuild import LiveView
from chassis.relay import ToContracts
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
        views: each is prepared, fed from Kafka, followed when its live version changes, and rebuilt by command.
        prepare: once at start, safe to repeat: indexes.
    """

    title: str
    version: str = "0.1.0"
    routes: Sequence[ControllerRouterHandler] = ()
    publish: ToContracts | None = None
    subscriptions: Sequence[Subscription] = ()
    views: Sequence[LiveView] = ()
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
    """`python -m SERVICE [serve|rebuild|republish|openapi|settings]`; ends the process unless all is well."""
    parser = argparse.ArgumentParser(prog=f"python -m {name}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("serve", help="run (what is done without a command)")
    rebuilding = commands.add_parser("rebuild", help="build views anew from the topics, beside the live ones")
    rebuilding.add_argument("views", nargs="*", metavar="VIEW", help="which; all without a name")
    rebuilding.add_argument(
        "--republished", action="store_true", help="facts that a topic had lost were sent again"
    )
    commands.add_parser("republish", help="send the whole log again, with the same ids")
    commands.add_parser("openapi", help="print the API document")
    commands.add_parser("settings", help="print every environment variable")
    given = parser.parse_args()
    if given.command == "settings":
        sys.stdout.write(describe_settings(settings_class) + "\n")
        return
    try:
        settings = read_settings(settings_class, name)
    except WrongSettings as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    configure_logging(name, settings.replica, settings.log_level)
    # Imported here because they stand on this file.
    if given.command in (None, "serve"):
        from chassis.serving import serve

        sys.exit(uvloop.run(serve(name, settings, build)))
    from chassis import commands as once

    todo = {
        "openapi": once.print_document,
        "republish": once.republish_log,
        "rebuild": lambda runtime, parts: once.rebuild_views(
            runtime, parts, given.views, republished=given.republished
        ),
    }
    sys.exit(uvloop.run(once.run(name, settings, build, todo[given.command])))
