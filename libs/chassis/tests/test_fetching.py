"""How records are fetched: one policy for all, and what is left of a failed batch is read again."""

import asyncio
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from chassis.consuming import Raw, Subscription
from chassis.fetching import Fetched, make_subscriber
from faststream import AckPolicy
from faststream.kafka import KafkaBroker


async def test_the_policy_is_the_same_for_every_subscriber() -> None:
    broker = KafkaBroker("127.0.0.1:1", consumer_only=True)
    for group, services in (("routing", ["intake"]), ("casework.cases.v1", ["intake", "routing"])):
        subscription = Subscription(group, services, lambda batch: asyncio.sleep(0, {}))
        subscriber = make_subscriber(
            broker, subscription, prefix="lofte", replica="casework-1", session_timeout_ms=20_000
        )
        assert subscriber.ack_policy is AckPolicy.NACK_ON_ERROR
        assert subscriber.group_id == f"lofte.{group}"
        assert subscriber.topic_names == [f"lofte.{service}" for service in services]
        assert (subscriber.max_records, subscriber.batch_timeout_ms) == (500, 20)
        wanted = {
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "group_instance_id": f"casework-1.{group}",
            "session_timeout_ms": 20_000,
            "heartbeat_interval_ms": 1000,
        }
        assert wanted.items() <= subscriber._connection_args.items()


async def test_a_failed_batch_rewinds_what_is_left_of_it() -> None:
    """FastStream's own nack stops at the partition that was taken away; the other would be passed."""

    @dataclass
    class Kafka:
        sought: dict[TopicPartition, int] = field(default_factory=dict)

        def assignment(self) -> set[TopicPartition]:
            return {TopicPartition("t", 1)}

        def seek(self, partition: TopicPartition, offset: int) -> None:
            if partition not in self.assignment():
                raise RuntimeError("not assigned")
            self.sought[partition] = offset

    kafka = Kafka()
    records = tuple(Raw("t", p, o, None, None, (), 0) for p, o in ((0, 4), (0, 5), (1, 7), (1, 8)))
    await Fetched(body=b"", raw_message=records, consumer=kafka).nack()
    assert kafka.sought == {TopicPartition("t", 1): 7}
