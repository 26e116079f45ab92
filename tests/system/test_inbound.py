"""Other systems publish into Löfte, on the real broker: the example, both modes, repeats, rejections, matters."""

import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from chassis.testing.waiting import eventually
from lofte_events import ContactSubmitted, MatterStatusReported, MessageRejected, SealedContact

from examples.publish_contact.publish_contact import publish, seal
from tests.harness.inbound import CODE, SOURCE, event, send_inbound
from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System
from tests.harness.topics import read_topics

pytestmark = pytest.mark.system

CONTACT = ContactSubmitted.TYPE


async def test_the_example_publishes_a_contact_that_is_routed_once(system: System, guide: Person) -> None:
    message_id = str(uuid.uuid4())
    for _ in range(2):
        await publish(system.kafka_address, system.url("intake"), _inbound(system), _told(), message_id)
    # Structured, and sealed anew: the same message still.
    data = {"channel": "web", "topic": "city.parking", "sealed": await seal(system.url("intake"), _told())}
    await send_inbound(system, event(message_id, CONTACT, data))
    marker = await _rejected_marker(system)
    commits = [commit async for commit in _caused_by(system, message_id)]
    assert len(commits) == 1, marker
    case = await guide.see(commits[0]["correlation_id"])
    details = (await guide.get("intake", f"/contacts/{commits[0]['result']['contact_id']}")).json()
    assert (details["name"], details["phone"], details["text"]) == ("Maja Lind", "+46701740612", "Nu igen")
    assert case.body["channel"] == "web"


async def test_what_is_wrong_is_told_on_the_rejected_topic_and_stops_nobody(system: System) -> None:
    wrong = str(uuid.uuid4())
    await send_inbound(system, event(wrong, CONTACT, {"channel": "web", "name": "Maja Lind"}))
    garbage = await send_inbound(system, None, b"\xff\x00 Maja Lind")
    right = str(uuid.uuid4())
    await publish(system.kafka_address, system.url("intake"), _inbound(system), _told(), right)

    async def told() -> Mapping[tuple[int, int], MessageRejected] | None:
        found = await _rejected(system)
        return found if garbage in found and wrong in {r.message_id for r in found.values()} else None

    found = await eventually(told, 30)
    assert found is not None
    [first] = [rejected for rejected in found.values() if rejected.message_id == wrong]
    assert (first.reason, first.field, first.message_source) == ("clear-personal-data", "name", SOURCE)
    assert (found[garbage].reason, found[garbage].message_id) == ("unreadable", None)
    assert await eventually(lambda: _one(system, right), 30)
    assert await system.database("intake")["held_messages"].count_documents({}) == 0


async def test_a_matter_is_shown_beside_the_citizens_contact_and_each_reading_is_kept(
    system: System, guide: Person, builder: Person
) -> None:
    citizen = {"kind": "person", "name": "Olga Ek", "phone": "070-174 06 88"}
    told = await guide.report(contact("phone", "city.building-permit", citizen=citizen))
    ref = (await guide.get("intake", f"/contacts/{told['contact_id']}")).json()["citizen_ref"]
    for number, status in ((2, "decided"), (1, "in-progress")):  # the later one first
        data = {
            "matter": "BYGG-2026-7",
            "owner": "department.building",
            "status": status,
            "reported_at": f"2026-03-01T0{number}:00:00Z",
            "expected_at": "2026-04-01T00:00:00Z",
            "citizen_ref": ref,
        }
        await send_inbound(system, event(str(uuid.uuid4()), MatterStatusReported.TYPE, data))

    async def shown() -> list[Body] | None:
        commits = await system.database("intake")["commits"].count_documents(
            {"stream": {"$regex": r"\.matter-"}, "events.data.matter": "BYGG-2026-7"}
        )
        answer = await guide.get("intake", f"/citizens/{ref}/matters")
        assert answer.status_code == 200, answer.text
        return answer.json() if commits == 2 and answer.json() else None

    found = await eventually(shown, 30)
    assert found is not None
    [matter] = found
    assert (matter["matter"], matter["status"], matter["source"]) == ("BYGG-2026-7", "decided", SOURCE)
    assert len((await builder.get("intake", f"/citizens/{ref}/matters")).json()) == 1
    school = person(system, "handler", department="education", subject="handler-school")
    assert (await school.get("intake", f"/citizens/{ref}/matters")).json() == []
    nobody = person(system, "handler", subject="handler-nowhere")
    assert (await nobody.get("intake", f"/citizens/{ref}/matters")).json() == []
    stranger = person(system, "guide", municipality="2380")
    assert (await stranger.get("intake", f"/citizens/{ref}/matters")).json() == []
    kept = await system.database("intake")["accesses"].find_one(
        {"what": f"matters of citizen {ref}", "by": "guide-anna"}
    )
    assert kept is not None


async def test_anybody_may_read_the_keys_and_none_of_their_secrets(system: System) -> None:
    answer = await system.http.get(f"{system.url('intake')}/keys")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    [key] = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def _told() -> SealedContact:
    citizen = {"kind": "person", "name": "Maja Lind", "phone": "070-174 06 12"}
    told = {"municipality": CODE, "citizen": citizen, "subject": "Parkering", "text": "Nu igen"}
    return SealedContact.model_validate(told)


def _inbound(system: System) -> str:
    return system.topic(f"inbound.{CODE}")


async def _rejected(system: System) -> Mapping[tuple[int, int], MessageRejected]:
    records = await read_topics(system, f"rejected.{CODE}")
    contracts = [MessageRejected.model_validate_json(record.value) for record in records]
    return {(rejected.partition, rejected.offset): rejected for rejected in contracts}


async def _rejected_marker(system: System) -> list[tuple[int, int]]:
    """One bad message to each partition, all rejected: what was sent before has been read."""
    wanted = [await send_inbound(system, None, b"marker", number) for number in range(3)]

    async def all_told() -> bool:
        return set(wanted) <= set(await _rejected(system))

    await eventually(all_told, 30)
    return wanted


def _caused_by(system: System, message_id: str) -> Any:
    cause = {"caused_by": {"$regex": f"/{message_id}#receive-contact$"}}
    return system.database("intake")["commits"].find(cause)


async def _one(system: System, message_id: str) -> bool:
    return len([commit async for commit in _caused_by(system, message_id)]) == 1
