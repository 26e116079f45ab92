"""What a service process stands on (Runtime), and what it is made of (Parts)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic

import httpx
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
from chassis.settings import Role, ServiceSettings
from chassis.store import MongoStore
from chassis.telemetry import Metrics, Tracing

S = TypeVar("S", bound=ServiceSettings, default=ServiceSettings)

Loop = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Runtime(Generic[S]):
    """What the process stands on; given to the service's `build`. `wake` is set after every group of commits,
    `backlog` while there is more to publish than a wave takes,
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
    backlog: asyncio.Event
    stopping: asyncio.Event
    health: Health
    held: HeldMessages
    broker: KafkaBroker
    correction: ClockCorrection

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
        loops: what runs in which role; each runs until cancelled, and again should it fail.
        views: each is prepared, fed from Kafka, followed when its live version changes, and rebuilt by command.
        prepare: once at start, safe to repeat: indexes.
    """

    title: str
    version: str = "0.1.0"
    routes: Sequence[ControllerRouterHandler] = ()
    publish: ToContracts | None = None
    subscriptions: Sequence[Subscription] = ()
    views: Sequence[LiveView] = ()
    loops: Mapping[Role, Sequence[Loop]] = field(default_factory=dict)
    prepare: Sequence[Callable[[], Awaitable[None]]] = ()


Build = Callable[[Runtime[S]], Parts]


def make_runtime(name: str, settings: S) -> Runtime[S]:
    """Everything that a process stands on; nothing is connected yet. Needs a running event loop."""
    clock = make_clock(settings.clock, settings.clock_anchor)
    access = settings.kafka_access()
    authorities = settings.mongo_ca_file
    tls: dict[str, Any] = {"tls": True, "tlsCAFile": str(authorities)} if authorities else {}
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        settings.mongo.get_secret_value(),
        appname=settings.replica,
        maxPoolSize=100,
        # Each retryable write is a second write, to the session's own table. Ours need none: whoever writes repeats,
        # guarded, and knows better when.
        retryWrites=False,
        w="majority",
        tz_aware=True,
        tzinfo=UTC,
        serverSelectionTimeoutMS=3000,
        connectTimeoutMS=3000,
        socketTimeoutMS=10_000,
        **tls,
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
        backlog=asyncio.Event(),
        stopping=asyncio.Event(),
        health=Health(
            client,
            settings.kafka if {"relay", "consumer", "webhooks", "notices"} & settings.roles else None,
            clock,
            kafka_tls=access.ssl_context if access else None,
        ),
        held=HeldMessages(database, clock),
        broker=KafkaBroker(settings.kafka, settings.replica, access=access),
        correction=ClockCorrection(clock, database_time),
    )
