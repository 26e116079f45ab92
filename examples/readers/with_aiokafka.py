"""Reads Löfte's topics with aiokafka, in batches: what is done with a batch is stored before its offsets are committed.

python with_aiokafka.py 127.0.0.1:8150
"""

import asyncio
import sys
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer
from lofte_events import Fact, MalformedRecordError, Reader

TOPICS = ("intake", "routing", "casework", "callback")


async def run(
    kafka: str, prefix: str = "lofte", group: str = "my-system", take: Callable[[Fact], None] = print
) -> None:
    """Read until cancelled. `take` stores a fact, guarded by `lofte_events.fold`: records come again."""
    reader = Reader()
    consumer = AIOKafkaConsumer(
        *(f"{prefix}.{service}" for service in TOPICS),
        bootstrap_servers=kafka,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        while True:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                for record in records:
                    try:
                        fact = reader.read(record.headers, record.value)
                    except MalformedRecordError as fault:
                        print(f"{record.topic} {record.partition} {record.offset}: {fault}")
                        continue
                    if fact is not None:
                        take(fact)
            await consumer.commit()
            if reader.later:
                print(f"upgrade lofte-events: {', '.join(reader.later)}")


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1]))
