"""Republishing: a service's whole log sent again, with the same ids, for topics that lost what was on them."""

from collections.abc import Callable, Iterable, Sequence

from chassis.broker import Broker, Producer, Record, to_record
from chassis.clock import Clock
from chassis.commit import Commit
from chassis.errors import Unavailable
from chassis.outbox import Outbox
from chassis.relay import ToContracts
from chassis.sending import send_in_order

_BATCH = 500
_ATTEMPTS = 8
_PAUSE = 0.25


async def republish(
    outbox: Outbox,
    broker: Broker,
    clock: Clock,
    *,
    prefix: str,
    service: str,
    to_contracts: ToContracts,
    progress: Callable[[int, int], None] = lambda commits, records: None,
) -> int:
    """Send all that was ever published, in order per stream; answers the number of records.

    A relay may run meanwhile: readers see repeats, which their guards pass over. `progress` is told after every
    batch how many commits were read and how many records sent.

    Raises:
        Unavailable: MongoDB or Kafka is away for longer than the back-off bears; safe to begin again.
    """
    sender = _Sender(broker, clock)
    commits = records = 0
    try:
        async for batch in outbox.published(_BATCH):
            streams = _by_stream(prefix, service, to_contracts, batch)
            await sender.send(streams)
            commits += len(batch)
            records += sum(map(len, streams))
            progress(commits, records)
    finally:
        await sender.close()
    return records


def _by_stream(
    prefix: str, service: str, to_contracts: ToContracts, batch: Iterable[Commit]
) -> Sequence[Sequence[Record]]:
    streams: dict[tuple[str, str], list[Record]] = {}
    for commit in batch:
        stream = streams.setdefault((commit.municipality, commit.stream), [])
        for index, contract in enumerate(to_contracts(commit)):
            if contract is not None:
                stream.append(to_record(prefix, service, commit, index, contract))
    return list(streams.values())


class _Sender:
    """A producer, and a new one after each failure."""

    def __init__(self, broker: Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._producer: Producer | None = None

    async def send(self, streams: Sequence[Sequence[Record]]) -> None:
        failure: Exception | None = None
        for attempt in range(_ATTEMPTS):
            try:
                if self._producer is None:
                    self._producer = self._broker.producer()
                    await self._producer.start()
                _, failure = await send_in_order(self._producer, streams)
            except Unavailable as error:
                failure = error
            if failure is None:
                return
            await self.close()
            await self._clock.sleep(_PAUSE * 2**attempt)
        raise Unavailable("Kafka: it does not take the records") from failure

    async def close(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.close()
