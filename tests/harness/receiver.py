"""A receiver of webhooks: a real server on a port of its own, that answers as it is told."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Got", "Receiver", "Reply", "receiver", "well"]

Reply = tuple[int, Mapping[str, str]]


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def case_id(self) -> str:
        return str(self.event["subject"])

    @property
    def place(self) -> tuple[str, int]:
        """Source and sequence."""
        return self.event["source"], int(self.event["sequence"])


async def well(_: Got) -> Reply:
    return 204, {}


@dataclass
class Receiver:
    """`got`: all requests; `taken`: those that it answered with 2xx. `answer` and `content`, the answer's body, may be
    replaced at any time."""

    url: str
    answer: Callable[[Got], Awaitable[Reply]] = well
    content: Callable[[Got], bytes] = lambda _: b""
    got: list[Got] = field(default_factory=list)
    taken: list[Got] = field(default_factory=list)

    def fails(self, status: int, **headers: str) -> None:
        """From now on it answers so."""

        async def failing(_: Got) -> Reply:
            return status, {name.replace("_", "-"): value for name, value in headers.items()}

        self.answer = failing

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in lines[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            got = Got(lines[0].split(" ")[1], headers, body, time.monotonic())
            self.got.append(got)
            status, told = await self.answer(got)
            content = self.content(got)
            if 200 <= status < 300:
                self.taken.append(got)
            head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
            writer.write(
                f"HTTP/1.1 {status} So\r\n{head}content-length: {len(content)}\r\nconnection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """One that takes everything, until it is told otherwise."""
    found = Receiver("")
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield found
    finally:
        server.close()
