"""Every record that really lies on the topics, read by the official CloudEvents SDK and by us alike."""

import json
from datetime import timedelta

import pytest
from chassis.testing.waiting import eventually
from lofte_events import CONTRACTS, format_time

from tests.contracts.test_samples import as_sdk_reads, assert_same
from tests.harness.people import Person, contact, person
from tests.harness.running import System
from tests.harness.topics import Published, read_topics

pytestmark = pytest.mark.system


async def test_the_official_sdk_reads_every_record_on_the_topics(
    system: System, guide: Person, builder: Person
) -> None:
    cases = await one_of_every_contract(system, guide, builder)

    async def told() -> list[Published] | None:
        found = [record for record in await read_topics(system) if (record.key or b"").decode() in cases]
        types = {record.envelope.type for record in found if record.envelope is not None}
        return found if types == set(CONTRACTS) else None

    records = await eventually(told, 60, every=0.5)
    assert records is not None
    for record in records:
        assert record.envelope is not None
        assert record.contract is not None
        headers = dict(record.headers)
        assert len(headers) == len(record.headers), "each header once"
        assert headers["ce_time"].decode() == format_time(record.envelope.time)
        assert_same(as_sdk_reads(headers, record.value), record.envelope, record.contract)
        assert json.loads(record.value)["case_id"] == record.envelope.subject == (record.key or b"").decode()


async def one_of_every_contract(system: System, guide: Person, builder: Person) -> set[str]:
    """Cases whose lives bring about every fact that there is."""
    streets = person(system, "handler", department="streets", subject="handler-siv")
    told = await guide.report(contact("email", "city.building-permit"))
    case = await builder.see_owned(told["case_id"], "department.building")
    case = await builder.act(case, "claim", {})
    case = await builder.act(case, "note", {"text": "?"})
    case = await builder.act(case, "citizen-contacted", {"outcome": "reached"})  # kept
    case = await builder.act(case, "forward", {"to_owner": "department.streets", "reason": "?"})
    case = await streets.see_owned(case.id, "department.streets")
    await streets.act(case, "return", {"reason_code": "wrong_owner", "text": "?"})
    long_ago = (system.now() - timedelta(days=9)).isoformat()
    late = await guide.report(contact("email", "city.building-permit", occurred_at=long_ago))
    await guide.promise(late["case_id"], "broken", deadline=60)
    case = await builder.see_owned(late["case_id"], "department.building")
    case = await builder.resolve(case)  # answered late
    await builder.act(case, "reopen", {"reason": "?"})
    return {told["case_id"], late["case_id"]}
