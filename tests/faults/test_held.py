"""A malformed record in the running system: it is held with those behind it, and stops nobody else."""

import uuid
from collections.abc import Sequence

import pytest
from chassis.commit import caused_by_request
from chassis.ids import derived_id
from chassis.testing.waiting import eventually
from intake.handlers import case_of

from tests.harness.outcome import all_is_well
from tests.harness.people import contact, person
from tests.harness.poison import POISONED, discard_all, held_messages, poison
from tests.harness.running import System
from tests.harness.topics import publish_poison
from tests.harness.traffic import Traffic

pytestmark = pytest.mark.faults


async def test_a_malformed_record_is_held_with_those_behind_it_and_stops_nobody_else(shaken: System) -> None:
    traffic = Traffic(shaken)
    case = await poison(traffic)
    held = await eventually(lambda: _held(shaken, "metrics", case.case_id, 3), 60)
    first, *behind = sorted(held, key=lambda message: message["reason"].startswith("behind"))
    assert first["reason"].startswith("MalformedRecordError")
    assert first["key"] == case.case_id
    await traffic.one_of_each()
    resolved = [other.case_id for other in traffic.accepted if other.resolved]
    assert resolved
    await eventually(lambda: _acts_are_counted(shaken, resolved), 60)

    admin = person(shaken, "admin")
    shown = (await admin.get("metrics", f"/held/{first['id']}")).json()
    assert shown["value_base64"]
    replayed = await admin.post("metrics", f"/held/{first['id']}/replay", {})
    assert replayed.status_code == 202, replayed.text
    # It is as malformed as before: it is held again, and those behind it wait on.
    assert await eventually(lambda: _held(shaken, "metrics", case.case_id, 3), 30)
    somebody = person(shaken, "admin", municipality="2380")
    assert (await somebody.get("metrics", f"/held/{first['id']}")).status_code == 404

    await discard_all(shaken)

    given_up = (await admin.get("metrics", f"/held/{first['id']}")).json()
    assert (given_up["state"], given_up["discarded_because"]) == ("discarded", "A test put it in.")
    for message in behind:
        later = (await admin.get("metrics", f"/held/{message['id']}")).json()
        assert later["state"] in ("replayed", "discarded")
    await all_is_well(shaken, traffic.accepted)


async def test_a_promise_of_a_case_with_a_held_message_waits_for_its_judgement(shaken: System) -> None:
    """The poison is there before the contact, whose promise could be judged at once."""
    key = uuid.uuid4().hex
    guide = person(shaken, "guide", subject="guide-anna")
    contact_id = derived_id("0581", caused_by_request("0581/guide-anna", key), "contact")
    case_id = case_of(contact_id)
    await publish_poison(shaken, "casework", POISONED["casework"], case_id)
    await eventually(lambda: _held(shaken, "callback", case_id, 1), 60)
    traffic = Traffic(shaken)
    long_ago = (await traffic.some("long-ago")).case_id  # as a measure: this one is judged

    told = contact("email", "city.building-permit", occurred_at="2026-11-02T09:00:00+01:00")
    told["occurred_at"] = (await guide.promise(long_ago, "broken", deadline=90))["from_at"]
    assert (await guide.report(told, key=key))["case_id"] == case_id
    await guide.promise(case_id, "open", deadline=60)
    another = (await traffic.some("long-ago")).case_id
    await guide.promise(another, "broken", deadline=90)

    (waiting,) = await guide.promises(case_id)
    assert (waiting["state"], waiting["judgement_waiting"]) == ("open", True)
    assert waiting["broken_at"] is None

    await discard_all(shaken)

    broken = await guide.promise(case_id, "broken", deadline=90)
    assert (broken["judgement_waiting"], broken["broken_at"]) == (False, broken["due_at"])


async def test_an_unknown_type_is_passed(shaken: System) -> None:
    traffic = Traffic(shaken)
    case = await traffic.some("written")
    await publish_poison(shaken, "casework", "casework.case-weighed.v1", case.case_id)
    await traffic.claim(case)
    await traffic.resolve(case)
    await all_is_well(shaken, traffic.accepted)
    metrics = (await shaken.http.get(f"{shaken.url('metrics')}/health/metrics")).text
    assert any(line.startswith("lofte_unknown_types_total{") for line in metrics.splitlines())


async def _acts_are_counted(system: System, cases: Sequence[str]) -> bool:
    """In metrics, though it holds messages of another case."""
    facts = await system.view("metrics", "facts")
    wanted = {"_id": {"$in": [f"0581.{case}" for case in cases]}, "resolutions.minutes": 3}
    return await facts.count_documents(wanted) == len(cases)


async def _held(system: System, service: str, case_id: str, least: int) -> list[dict[str, str]] | None:
    found = [dict(m) for m in await held_messages(system, service) if m["key"] == case_id]
    return found if len(found) >= least else None
