"""The load generator: a process of its own, honest about coordinated omission.

`python -m bench.load URL TOKEN --count N --connections C [--rate R]`. With a rate the loop is open: every request has
its scheduled moment, and its latency counts from there, however late it could be sent. Prints one JSON document:
`{"took": seconds, "sent": [[scheduled, done, case_id or null], ...]}`, times of the machine's monotonic clock.
"""

import argparse
import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

TOPICS = (
    "city.parking",
    "city.building-permit",
    "school.start",
    "social.elderly-care",
    "culture.library",
    "city.waste",
)


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

    def __init__(self, host: str, port: int, path: str, token: str) -> None:
        self._where = (host, port)
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, body: bytes, key: str) -> tuple[int, bytes]:
        """Status and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._where)
        reader, writer = self._streams
        head = f"{self._head}Idempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0])
        return int(answer[9:12]), await reader.readexactly(length)


async def run(
    url: str, token: str, count: int, connections: int, rate: float, prefix: str
) -> dict[str, object]:
    """Send `count` contacts over `connections`, at `rate` a second where one is given."""
    parts = urlsplit(url)
    began = time.monotonic() + 0.1
    numbers = iter(range(count))
    sent: list[tuple[float, float, str | None]] = []

    async def caller() -> None:
        connection = Connection(parts.hostname or "127.0.0.1", parts.port or 80, parts.path, token)
        for number in numbers:
            scheduled = began + number / rate if rate else time.monotonic()
            ahead = scheduled - time.monotonic()
            if ahead > 0:
                await asyncio.sleep(ahead)
            status, body = await connection.post(contact(number), f"{prefix}-{number}")
            case_id = json.loads(body).get("case_id", "-") if status == 201 else None
            sent.append((scheduled, time.monotonic(), case_id))

    await asyncio.gather(*(caller() for _ in range(connections)))
    return {"took": time.monotonic() - began, "sent": sent}


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
