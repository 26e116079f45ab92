"""FastStream, tamed: one factory sets the policy of every subscriber, and batches are handed over raw.

FastStream's own handling of offsets is not enough: its nack stops at the first partition that was taken away, and
the next ack would commit past the others. So the handler commits, by name, and only a failure is left to the nack.
"""

from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.message import AckStatus

from chassis.reacting import LARGEST_BATCH, Subscription


class Fetched(KafkaAckableMessage):
    """A batch as FastStream passes it on. Its handler committed the offsets; a failure rewinds them."""

    async def ack(self) -> None:
        self.committed = AckStatus.ACKED

    async def nack(self) -> None:
        starts = {
            TopicPartition(record.topic, record.partition): record.offset
            for record in reversed(self.raw_message)
        }
        for partition, offset in starts.items():
            if partition in self.consumer.assignment():  # type: ignore[attr-defined]  # or taken away meanwhile
                self.consumer.seek(partition, offset)
        self.committed = AckStatus.NACKED


async def raw_records(message: Fetched) -> Any:
    """The decoder: nothing is decoded before `consume`, where one bad record cannot take its batch along."""
    return message.raw_message


def group_id(prefix: str, group: str) -> str:
    """A consumer group's name on Kafka: installations that share a cluster share no group."""
    return f"{prefix}.{group}"


def make_subscriber(
    broker: KafkaBroker,
    subscription: Subscription,
    *,
    prefix: str,
    replica: str | None,
    session_timeout_ms: int,
    listener: ConsumerRebalanceListener | None = None,
) -> BatchSubscriber:
    """The only place that makes a subscriber: the policy of decision 3, the same for all.

    A `replica` that comes back takes its partitions over at once, and keeps them meanwhile; None leaves for good.
    """
    subscriber: BatchSubscriber = broker.subscriber(
        *(f"{prefix}.{service}" for service in subscription.services),
        batch=True,
        group_id=group_id(prefix, subscription.group),
        group_instance_id=None if replica is None else f"{replica}.{subscription.group}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        session_timeout_ms=session_timeout_ms,
        heartbeat_interval_ms=min(1000, session_timeout_ms // 3),
        batch_timeout_ms=20,
        max_records=LARGEST_BATCH,
        no_reply=True,
        listener=listener,
    )
    return subscriber
