"""The load generator: a process of its own, honest about coordinated omission.

`python -m bench.load URL TOKEN --count N --connections C [--rate R]`. With a rate the loop is open: every request has
its scheduled moment, and its latency counts from there, however late it could be sent. Without one each connection is
a caller who waits for the answer before he asks again: latencies are what he sees, and say nothing of those who would
have come meanwhile. Bodies are made and connections opened before the clock starts. The rate is counted between the
first and the last twentieth of the answers, when all connections work. Prints one JSON document: `{"took": seconds,
"rate": answers a second, "refused": statuses that were not 201, "sent": [[scheduled, done, case_id or null], ...]}`,
times of the machine's monotonic clock.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

TOPICS = (
    "city.parking",
    "city.building-permit",
    "school.start",
    "social.elderly-care",
    "culture.library",
    "city.waste",
)
_LEAD = 0.05


def contact(number: int) -> bytes:
    """The body of the n-th contact: written, so that every one is promised; six topics, two thousand citizens."""
    return json.dumps(
        {
            "municipality": "0581",
            "channel": "email",
            "citizen": {
                "kind": "person",
                "name": "Anna Andersson",
                "phone": f"+4670174{number % 2000:04d}",
                "email": f"anna{number % 2000}@example.se",
            },
            "subject": "A question",
            "text": "When may I park outside the library? " * 4,
            "topic": TOPICS[number % len(TOPICS)],
        }
    ).encode()


class Connection:
    """One kept-alive HTTP/1.1 connection, as little as can be: the generator must not be what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def post(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._writer.write(request)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
        return int(answer[9:12]), await self._reader.readexactly(length)


async def run(url: str, token: str, count: int, connections: int, rate: float, prefix: str) -> dict[str, Any]:
    """Send `count` contacts over `connections`, at `rate` a second where one is given."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    head = (
        f"POST {parts.path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\n"
    )

    def request(number: int) -> bytes:
        body = contact(number)
        own = f"Idempotency-Key: {prefix}-{number}\r\nContent-Length: {len(body)}\r\n\r\n"
        return (head + own).encode() + body

    requests = [request(number) for number in range(count)]
    opened = [Connection(*await asyncio.open_connection(host, port)) for _ in range(connections)]
    numbers = iter(range(count))
    answers: list[tuple[float, float, int, bytes]] = []
    began = time.monotonic() + _LEAD

    async def caller(connection: Connection) -> None:
        await asyncio.sleep(began - time.monotonic())
        for number in numbers:
            scheduled = began + number / rate if rate else time.monotonic()
            ahead = scheduled - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            status, body = await connection.post(requests[number])
            answers.append((scheduled, time.monotonic(), status, body))

    await asyncio.gather(*(caller(connection) for connection in opened))
    return {
        "took": max(done for _, done, _, _ in answers) - began,
        "rate": steady_rate(sorted(done for _, done, _, _ in answers)),
        "refused": sorted({status for _, _, status, _ in answers} - {201}),
        "sent": [
            (scheduled, done, json.loads(body).get("case_id") if status == 201 else None)
            for scheduled, done, status, body in answers
        ],
    }


def steady_rate(moments: Sequence[float]) -> float:
    """A second, between the first and the last twentieth of the sorted `moments`."""
    first, last = len(moments) // 20, len(moments) - 1 - len(moments) // 20
    return (last - first) / (moments[last] - moments[first]) if last > first else 0.0


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.load")
    parser.add_argument("url")
    parser.add_argument("token")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument(
        "--rate", type=float, default=0, help="requests a second; 0: as fast as they are answered"
    )
    parser.add_argument("--prefix", default="bench", help="of the idempotency keys")
    given = parser.parse_args()
    import uvloop

    answer = uvloop.run(run(given.url, given.token, given.count, given.connections, given.rate, given.prefix))
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
