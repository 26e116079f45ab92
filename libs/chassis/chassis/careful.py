"""A Kafka client that goes on behind a record that it cannot read.

aiokafka decodes the names of headers while it takes records out of what was fetched. One that is not UTF-8 raises there, at
each attempt anew: whoever polls would stand for ever, and what other partitions had given in the same poll would be
passed over. So all partitions go back to what was handed over last, and are read one record at a time until the one that
cannot be read is found; an empty record stands in its place. What its sender put behind it into the same batch cannot be
read either, and is told in the same way.
"""

import logging
from collections import deque
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from chassis.reacting import UNREADABLE

_SOON = 500
"""Milliseconds for the next record of a partition, fetched anew."""
_log = logging.getLogger("chassis.consuming")


class Careful:
    """Takes the place of `getmany` and `seek` of an aiokafka consumer."""

    def __init__(self, kafka: Any) -> None:
        self._kafka = kafka
        self._fetch, self._seek = kafka.getmany, kafka.seek
        self._handed: dict[TopicPartition, int] = {}  # what comes next, after what was handed over
        self._suspect: deque[TopicPartition] = deque()
        self._astray = False  # some of what was taken out was not handed over
        self._found = False  # what could not be read; what is behind it is looked at first
        kafka.getmany, kafka.seek = self.getmany, self.seek

    def assigned(self) -> None:
        """The partitions changed: they begin where they were committed."""
        self._handed, self._astray = {}, False
        self._suspect.clear()

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._seek(partition, offset)
        self._handed[partition] = offset

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int, max_records: int | None) -> Any:
        if self._astray:
            await self._rewind()
        if not self._suspect:
            try:
                found = await self._fetch(*partitions, timeout_ms=timeout_ms, max_records=max_records)
            except UnicodeDecodeError:
                self._astray = True
                return {}
            return self._handing(found)
        for _ in range(len(self._suspect)):
            partition = self._suspect.popleft()
            found = await self._one(partition)
            if found:
                return self._handing(found)
        return {}

    async def _one(self, partition: TopicPartition) -> dict[TopicPartition, list[Any]]:
        """The next record of a partition; none: it has none, and nothing is wrong with it."""
        if partition not in self._kafka.assignment():
            return {}
        try:
            found: dict[TopicPartition, list[Any]] = await self._fetch(
                partition, timeout_ms=_SOON, max_records=1
            )
        except UnicodeDecodeError:
            offset = await self._kafka.position(partition)
            _log.error("a record cannot be read: %s, partition %s, offset %s", *partition, offset)
            self._seek(partition, offset + 1)
            self._suspect, self._found = deque([partition]), True
            return {partition: [_in_place_of(partition, offset)]}
        if found and not self._found:
            self._suspect.append(partition)
        return found

    async def _rewind(self) -> None:
        """What was taken out and not handed over comes again."""
        assigned = self._kafka.assignment()
        for partition in assigned:
            offset = self._handed.get(partition)
            if offset is None:
                offset = await self._kafka.committed(partition)
            if offset is None:
                await self._kafka.seek_to_beginning(partition)
            else:
                # What was handed over before the partition was assigned anew may lie ahead of where it is now.
                self._seek(partition, min(offset, await self._kafka.position(partition)))
        self._suspect.extend(assigned)
        self._astray = self._found = False

    def _handing(self, found: dict[TopicPartition, list[Any]]) -> dict[TopicPartition, list[Any]]:
        self._handed |= {partition: records[-1].offset + 1 for partition, records in found.items() if records}
        return found


def _in_place_of(partition: TopicPartition, offset: int) -> Any:
    return ConsumerRecord(
        topic=partition.topic,
        partition=partition.partition,
        offset=offset,
        timestamp=0,
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=UNREADABLE,
    )
