"""Reads Löfte's topics with FastStream.

    python with_faststream.py 127.0.0.1:8150

Three of its defaults lose records or stumble: say `NACK_ON_ERROR` (others commit what failed), `earliest`, and a decoder that
hands the record over as it is, so that one record that cannot be read does not take others along.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from lofte_events import Fact, MalformedRecordError, Reader

TOPICS = ("intake", "routing", "casework", "callback")


async def raw(message: Any) -> Any:
    """The decoder: Kafka's own record."""
    return message.raw_message


def make_app(
    kafka: str, prefix: str = "lofte", group: str = "my-system", take: Callable[[Fact], None] = print
) -> FastStream:
    """An app to run. `take` stores a fact, guarded by `lofte_events.fold`: records come again."""
    broker = KafkaBroker(kafka, decoder=raw, apply_types=False, allow_auto_create_topics=False)
    reader = Reader()

    @broker.subscriber(
        *(f"{prefix}.{service}" for service in TOPICS),
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def on_record(record: Any) -> None:
        try:
            fact = reader.read(record.headers, record.value)
        except MalformedRecordError as fault:
            print(f"{record.topic} {record.partition} {record.offset}: {fault}")
            return
        if fact is not None:
            take(fact)

    return FastStream(broker)


if __name__ == "__main__":
    asyncio.run(make_app(sys.argv[1]).run())
