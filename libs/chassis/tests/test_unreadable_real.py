"""A record that the Kafka client cannot read is told by its place, and nobody waits behind it or is passed over."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.record.util import calc_crc32c
from chassis.consuming import Raw
from chassis.reacting import UNREADABLE
from chassis.reacting import Raw as Record
from chassis.testing.records import parse
from chassis.testing.waiting import eventually

from .office import Office

pytestmark = [pytest.mark.kafka, pytest.mark.mongo]

_NAME, _BYTES = "not-utf-8-to-come", b"not-\xff\xfe\xfd-8-to-come"
_CRC, _CHECKED = 17, 21
"""Where a batch of Kafka's second format has its sum, and from where on it is made."""


class _Spoiled:
    """A batch whose header name is no UTF-8; no client of ours would send it."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def build(self) -> bytearray:
        built = bytearray(bytes(self._builder.build()).replace(_NAME.encode(), _BYTES))
        assert _BYTES in built
        built[_CRC:_CHECKED] = calc_crc32c(built[_CHECKED:]).to_bytes(4)
        return built


async def spoiled(office: Office, topic: str, partition: int, *around: Raw) -> None:
    """One batch: what is around it first and last, and the record that cannot be read in the middle."""
    batch = office.producer.create_batch()
    before, after = around
    for raw, headers in (
        (before, before.headers),
        (before, [(_NAME, b"x"), *before.headers]),
        (after, after.headers),
    ):
        batch.append(timestamp=None, key=raw.key, value=raw.value, headers=list(headers))
    batch._builder = _Spoiled(batch._builder)
    await (await office.producer.send_batch(batch, topic, partition=partition))


async def test_nobody_waits_behind_a_record_that_cannot_be_read_and_none_is_passed_over_in_silence(
    office: Office,
) -> None:
    topic = office.topics[0]
    seen: list[Record] = []

    def looking(record: Record) -> Any:
        seen.append(record)
        return parse(record)

    for partition in range(3):
        first = office.casework.noted(f"p{partition}", "first")
        await office.producer.send_and_wait(
            topic, first.value, first.key, headers=list(first.headers), partition=partition
        )
    before, after = office.casework.noted("bad", "before"), office.casework.noted("bad", "after")
    await spoiled(office, topic, 1, before, after)
    for partition in range(3):
        last = office.casework.noted(f"p{partition}", "last")
        await office.producer.send_and_wait(
            topic, last.value, last.key, headers=list(last.headers), partition=partition
        )
    office.start(parse=looking)
    await eventually(office.caught_up, 30)
    for partition in range(3):
        assert await office.words(f"p{partition}") == ["casework:first", "casework:last"]
    assert await office.words("bad") == ["casework:before"]
    told = {(r.partition, r.offset) for r in seen if r.headers == UNREADABLE and r.value is None}
    assert told == {(1, 2), (1, 3)}, "and the one behind it in its batch"
    assert (await office.committed())[TopicPartition(topic, 1)] == 5
