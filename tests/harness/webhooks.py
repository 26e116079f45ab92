"""A webhook on the running system, and what its receiver has to have got in the end."""

import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callback.webhooks.models import TELLABLE

from tests.harness.people import person
from tests.harness.receiver import Receiver
from tests.harness.topics import read_topics
from tests.harness.traffic import Traffic

__all__ = ["all_told", "subscribed"]


@asynccontextmanager
async def subscribed(traffic: Traffic, here: Receiver) -> AsyncIterator[str]:
    """The receiver is told of everything; gives the secret."""
    system = person(traffic.system, "system")
    told = await traffic.insist(
        system,
        "POST",
        "callback",
        "/webhooks",
        json={"url": here.url, "types": sorted(TELLABLE)},
        headers={"Idempotency-Key": uuid.uuid4().hex},
    )
    webhook = told.json()
    yield webhook["secret"]
    await traffic.insist(system, "DELETE", "callback", f"/webhooks/{webhook['id']}")


async def all_told(traffic: Traffic, here: Receiver) -> bool:
    """Whether the receiver took every event of the accepted cases that is on the topics by now; at first in order."""
    cases = {case.case_id for case in traffic.accepted}
    published = [
        record.envelope.id
        for record in await read_topics(traffic.system)
        if record.envelope is not None and record.contract is not None and record.contract.case_id in cases
    ]
    assert set(published) <= {got.id for got in here.taken}
    first: dict[str, dict[int, None]] = defaultdict(dict)
    for got in here.taken:
        source, sequence = got.place
        first[source].setdefault(sequence)
    assert all(list(sequences) == sorted(sequences) for sequences in first.values())
    return True
