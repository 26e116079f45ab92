"""Health without a token: alive, ready, metrics. Ready needs MongoDB alone; without Kafka it is degraded."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client import CONTENT_TYPE_LATEST
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from chassis.clock import Clock
from chassis.telemetry import Metrics

_HUNG_AFTER = 120.0
_KEPT = 1.0


@dataclass(slots=True)
class Health:
    """What is known of this process. `prepared`: indexes are there; `last_poll_age`: the consumers', None without."""

    client: AsyncMongoClient[dict[str, Any]]
    kafka: str | None
    clock: Clock
    kafka_tls: ssl.SSLContext | None = None
    prepared: bool = False
    last_poll_age: Callable[[], float] | None = None
    _checked_at: float = -_KEPT
    _mongo: bool = False
    _kafka: bool = False

    async def check(self) -> tuple[bool, bool]:
        """Whether MongoDB and Kafka answer; asked at most once a second."""
        if self.clock.monotonic() - self._checked_at >= _KEPT:
            self._checked_at = self.clock.monotonic()
            self._mongo, self._kafka = await asyncio.gather(self._mongo_answers(), self._kafka_answers())
        return self._mongo, self._kafka

    async def _mongo_answers(self) -> bool:
        try:
            await asyncio.wait_for(self.client.admin.command("ping"), 2.0)
        except (PyMongoError, TimeoutError):
            return False
        return True

    async def _kafka_answers(self) -> bool:
        if self.kafka is None:
            return True
        for address in self.kafka.split(","):
            host, _, port = address.strip().rpartition(":")
            try:
                opening = asyncio.open_connection(host.strip("[]"), int(port), ssl=self.kafka_tls)
                _, writer = await asyncio.wait_for(opening, 1.0)
            except (OSError, ValueError, TimeoutError):
                continue
            writer.close()
            return True
        return False


def health_routes(health: Health, metrics: Metrics) -> list[HTTPRouteHandler]:
    """`/health/live`, `/health/ready`, `/health/metrics`."""

    @get("/health/live", include_in_schema=False, opt={"public": True})
    async def live() -> Response[dict[str, Any]]:
        age = health.last_poll_age() if health.last_poll_age else None
        hung = age is not None and age > _HUNG_AFTER
        return Response(
            {"status": "hung" if hung else "ok", "last_poll_age": age}, status_code=503 if hung else 200
        )

    @get("/health/ready", include_in_schema=False, opt={"public": True})
    async def ready() -> Response[dict[str, Any]]:
        mongo, kafka = await health.check()
        able = mongo and health.prepared
        body = {
            "status": "unavailable" if not able else "ok" if kafka else "degraded",
            "mongo": "ok" if mongo else "away",
            "kafka": "ok" if kafka else "away",
            "prepared": health.prepared,
        }
        return Response(body, status_code=200 if able else 503)

    @get("/health/metrics", include_in_schema=False, opt={"public": True})
    async def exposition() -> Response[bytes]:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return [live, ready, exposition]
