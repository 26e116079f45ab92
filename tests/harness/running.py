"""The five services as real processes: started, killed and started again one by one, and ended by pid."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from chassis.clock import SystemClock, make_clock
from chassis.testing.waiting import eventually
from lofte_local.ports import free_base_port
from lofte_local.settings import SERVICES, StackSettings
from lofte_local.stack import Stack
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from tests.harness.papers import documented

Document = dict[str, Any]

__all__ = ["SERVICES", "Replica", "System", "running_system"]


@dataclass(frozen=True, order=True)
class Replica:
    """One process of a service; numbers count from 1."""

    service: str
    number: int = 1


class System:
    """A running stack, seen from a test. Its topics and databases carry a name that no other test has."""

    def __init__(self, stack: Stack, extra: Mapping[str, str]) -> None:
        self.stack = stack
        self.http = httpx.AsyncClient(
            timeout=40.0, trust_env=False, event_hooks={"response": [self._as_documented]}
        )
        self.mongo: AsyncMongoClient[Document] = AsyncMongoClient(stack.mongo_uri, tz_aware=True)
        self.doors = cycle(range(1, stack.settings.replicas + 1))  # callers take one replica after the other
        self._extra = dict(extra)
        self._services = {
            httpx.URL(stack.service_url(service, number)).port: service
            for service, number in stack.replicas()
        }

    @property
    def kafka_address(self) -> str:
        return self.stack.kafka_address

    @property
    def spans_file(self) -> Path:
        return Path(self._extra["LOFTE_SPANS_FILE"])

    @property
    def clock(self) -> SystemClock:
        """The domain clock that the services have."""
        anchor = self.stack.settings.anchor
        return make_clock(self.stack.settings.clock, datetime.fromisoformat(anchor) if anchor else None)

    def now(self) -> datetime:
        """Domain time."""
        return self.clock.now()

    def topic(self, service: str) -> str:
        return f"{self.stack.topic_prefix}.{service}"

    def database(self, service: str) -> AsyncDatabase[Document]:
        return self.mongo[self.stack.database(service)]

    async def view(self, service: str, name: str) -> AsyncCollection[Document]:
        """The newest collection of a view: a rebuilt one counts up."""
        found = [c for c in await self.database(service).list_collection_names() if c.startswith(f"{name}_v")]
        assert found, f"{service}: nothing is in the view {name} yet"
        return self.database(service)[max(found, key=lambda c: int(c.rpartition("_v")[2]))]

    def url(self, service: str, number: int = 1) -> str:
        return self.stack.service_url(service, number)

    def replicas(self, *services: str) -> Iterator[Replica]:
        """All replicas, or those of some services."""
        for service, number in self.stack.replicas():
            if not services or service in services:
                yield Replica(service, number)

    def alive(self, replica: Replica) -> bool:
        return self.stack.service(replica.service, replica.number).alive

    def exit_code(self, replica: Replica) -> int | None:
        """How it ended; negative: by that signal."""
        return self.stack.service(replica.service, replica.number).exit_code

    def kill(self, *replicas: Replica) -> None:
        """kill -9."""
        for replica in replicas:
            self.stack.service(replica.service, replica.number).kill()

    def stall(self, replica: Replica) -> None:
        """SIGSTOP: it does nothing, and knows nothing of it."""
        self.stack.service(replica.service, replica.number).pause()

    def wake(self, replica: Replica) -> None:
        """SIGCONT."""
        self.stack.service(replica.service, replica.number).resume()

    def launch(self, replica: Replica, *, crash_at: str | None = None) -> None:
        """Start a replica that does not run; `ready` tells when it serves."""
        process = self.stack.service(replica.service, replica.number)
        own = self._extra | ({"LOFTE_CRASH_AT": crash_at} if crash_at else {})
        process.environment = self.stack.environment(replica.service, replica.number) | own
        process.start()

    async def ready(self, *replicas: Replica, deadline: float = 180) -> None:
        """All of them (or all there are) serve."""
        for replica in replicas or tuple(self.replicas()):
            await eventually(partial(self._serves, replica), deadline, every=0.1)

    async def restart(self, *replicas: Replica, crash_at: str | None = None) -> None:
        """kill -9 and start again."""
        self.kill(*replicas)
        for replica in replicas:
            self.launch(replica, crash_at=crash_at)
        await self.ready(*replicas)

    async def stop_orderly(self, *replicas: Replica, deadline: float = 20) -> None:
        """SIGTERM, and wait until they have left; their exit code has to be 0."""
        for replica in replicas:
            self.stack.service(replica.service, replica.number).signal(signal.SIGTERM)
        for replica in replicas:
            await eventually(partial(self._ended, replica), deadline)
            assert self.exit_code(replica) == 0, f"{replica}: {self.exit_code(replica)}"

    def log_lines(self, service: str, number: int = 1) -> list[str]:
        """What a replica has written."""
        text = self.stack.service(service, number).log.read_text(encoding="utf-8", errors="replace")
        return text.splitlines()

    async def close(self) -> None:
        await self.http.aclose()
        await self.mongo.close()

    async def _as_documented(self, answer: httpx.Response) -> None:
        service = self._services.get(answer.request.url.port)
        if service is not None:
            await documented(service, answer)

    def _ended(self, replica: Replica) -> bool:
        return not self.alive(replica)

    async def _serves(self, replica: Replica) -> bool:
        try:
            answer = await self.http.get(f"{self.url(replica.service, replica.number)}/health/ready")
        except httpx.TransportError:
            assert self.alive(replica), f"{replica} ended: {self.log_lines(replica.service)[-5:]}"
            return False
        return answer.status_code == httpx.codes.OK


@asynccontextmanager
async def running_system(
    name: str,
    *,
    kafka: str | None = None,
    mongo: str | None = None,
    replicas: int = 1,
    clock: str | None = None,
    spans: bool = False,
    municipalities: Path | None = None,
) -> AsyncIterator[System]:
    """The five services, ready; on servers of their own where none are given. All has ended afterwards."""
    settings = StackSettings(
        name=name,
        base_port=free_base_port(len(SERVICES), replicas),
        replicas=replicas,
        kafka=kafka,
        mongo=mongo,
        clock=clock,
        municipalities=str(municipalities) if municipalities else None,
    )
    with tempfile.TemporaryDirectory(prefix="lofte-system-", ignore_cleanup_errors=True) as folder:
        stack = Stack(Path(folder), settings)
        extra = {"LOFTE_SPANS_FILE": f"{folder}/spans.jsonl"} if spans else {}
        with stack.running(extra=extra):
            system = System(stack, extra)
            try:
                yield system
            finally:
                await _drop_databases(system)
                await system.close()


async def _drop_databases(system: System) -> None:
    """A session's MongoDB is shared by many tests: nothing of this one is left. First the services must end."""
    system.kill(*system.replicas())
    if system.stack.mongo is None:
        # A client of its own: a test that computed for long has kept the other one from hearing its server.
        async with AsyncMongoClient[Document](system.stack.mongo_uri) as client:
            await asyncio.gather(
                *(client.drop_database(system.stack.database(service)) for service in SERVICES)
            )
