"""Every record that really lies on the topics, read by the official CloudEvents SDK and by us alike."""

import json
from datetime import timedelta

import pytest
from chassis.testing.waiting import eventually
from lofte_events import PUBLISHED, Contract, MessageRejected, format_time, parse

from tests.contracts.test_samples import as_sdk_reads, assert_same
from tests.harness.inbound import CODE, send_inbound
from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System
from tests.harness.topics import Published, read_topics

pytestmark = pytest.mark.system


async def test_the_official_sdk_reads_every_record_on_the_topics(
    system: System, guide: Person, builder: Person
) -> None:
    cases = await one_of_every_contract(system, guide, builder)
    refused = await send_inbound(system, None, b"?")
    every = {contract.TYPE for contracts in PUBLISHED.values() for contract in contracts}

    async def told() -> list[Published] | None:
        found = [record for record in await read_topics(system) if (record.key or b"").decode() in cases]
        found += [record for record in await read_topics(system, f"rejected.{CODE}") if _of(record, refused)]
        types = {record.envelope.type for record in found if record.envelope is not None}
        return found if types == every | {MessageRejected.TYPE} else None

    records = await eventually(told, 60, every=0.5)
    assert records is not None
    for record in records:
        fact = parse(record.headers, record.value)
        assert fact is not None
        headers = dict(record.headers)
        assert len(headers) == len(record.headers), "each header once"
        assert headers["ce_time"].decode() == format_time(fact.envelope.time)
        assert_same(as_sdk_reads(headers, record.value), fact.envelope, fact.contract)
        if isinstance(fact.contract, Contract):
            assert fact.contract.case_id == fact.envelope.subject == (record.key or b"").decode()


def _of(record: Published, refused: tuple[int, int]) -> bool:
    told = json.loads(record.value)
    return (told["partition"], told["offset"]) == refused


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
    told_of_delay, out_of_reach = [
        await guide.report(contact("email", "city.building-permit", occurred_at=long_ago, **citizen))
        for citizen in ({}, {"citizen": {"kind": "anonymous"}})
    ]
    withdrawn = await person(system, "system").report(
        contact(
            "web",
            "city.building-permit",
            occurred_at=long_ago,
            history={
                "outcome": "withdrawn",
                "routed_to": "department.building",
                "promise_due_at": (system.now() + timedelta(days=1)).isoformat(),
            },
        )
    )
    waiting = await one_that_waits(guide, builder)
    return {one["case_id"] for one in (told, late, told_of_delay, out_of_reach, withdrawn, waiting)}


async def one_that_waits(guide: Person, builder: Person) -> Body:
    """Paused until the citizen contacts us again, agreed on anew, withdrawn, and owed again; beside it a party's matter
    that is older than six months."""
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case_id = told["case_id"]
    case = await builder.see_owned(case_id, "department.building")
    await builder.act(case, "await-citizen", {"reason": "awaiting_citizen"})
    await builder.promise(case_id, "paused")
    await guide.report(contact("phone", case_id=case_id))
    await builder.promise(case_id, "open")
    later = {"working_days": 5, "agreed": {"how": "phone"}, "reason": "owner_away"}
    for path, body in (("renew", later), ("withdraw", {"reason": "duplicate"})):
        answer = await builder.post("callback", f"/promises/{case_id}/{path}", body)
        assert answer.status_code == 200, answer.text
    await guide.report(contact("phone", case_id=case_id))
    await builder.promise(case_id, "open")
    long_ago = {"initiated_at": (guide.system.now() - timedelta(days=300)).isoformat()}
    answer = await builder.post("callback", f"/promises/{case_id}/statutory", long_ago)
    assert answer.status_code == 200, answer.text
    return told
