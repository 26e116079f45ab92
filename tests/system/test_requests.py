"""What a caller can rely on: waiting for what follows, versions, two at once, repeats with the same key."""

import asyncio
import uuid

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system


async def test_waiting_ends_at_routed_for_a_live_contact_and_at_promised_for_a_written_one(
    guide: Person,
) -> None:
    live = await guide.report(contact("chat", "city.streets"), wait=20)
    written = await guide.report(contact("social", "city.streets"), wait=20)
    spoken_but_not_live = await guide.report(contact("phone", "city.streets", live=False), wait=20)
    assert (live["routed_to"], live["promise_due_at"]) == ("group.city", None)
    for told in (written, spoken_but_not_live):
        assert told["routed_to"] == "group.city"
        assert told["promise_due_at"] is not None
    details = (await guide.get("intake", f"/contacts/{written['contact_id']}")).json()
    assert details["promise_due_at"] == written["promise_due_at"]


async def test_without_waiting_the_answer_comes_at_once(guide: Person) -> None:
    told = await guide.report(contact("email", "city.streets"))
    assert (told["routed_to"], told["promise_due_at"]) == (None, None)


async def test_a_case_that_casework_has_not_heard_of_may_come(guide: Person) -> None:
    for service, path in (
        ("casework", "/cases/{}"),
        ("casework", "/cases/{}/history"),
        ("callback", "/promises/{}"),
    ):
        answer = await guide.get(service, path.format(uuid.uuid4()))
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:lofte:problem:not-yet-visible")
        assert answer.headers["Retry-After"]


async def test_an_act_on_an_old_version_is_told_what_is_new(system: System, guide: Person) -> None:
    case = await guide.see((await guide.report(contact("phone", "school.transport")))["case_id"])
    await guide.act(case, "claim", {})
    late = person(system, "guide", subject="guide-bengt")
    for verb, body in (
        ("claim", {}),
        ("attempt", {}),
        ("citizen-contacted", {"outcome": "reached"}),
        ("await-citizen", {"reason": "awaiting_citizen"}),
        ("resume", {}),
        ("withdraw", {"reason": "duplicate"}),
        ("forward", {"to_topic": "school.transport", "reason": "Beslut."}),
        ("resolve", {"answer": "Ja.", "minutes": 1}),
        ("reopen", {"reason": "Fel."}),
    ):
        answer = await late.post("casework", f"/cases/{case.id}/{verb}", body, if_match=case.etag)
        problem = answer.json()
        assert (answer.status_code, problem["type"]) == (412, "urn:lofte:problem:version-mismatch"), verb
        assert problem["handler"] == "guide-anna"
        assert problem["owner"] == "group.school"
        assert f'"{problem["version"]}"' == (await guide.see(case.id)).etag
        answer = await late.post("casework", f"/cases/{case.id}/{verb}", body)
        assert (answer.status_code, answer.json()["type"]) == (428, "urn:lofte:problem:version-required")


async def test_of_two_who_claim_at_once_one_wins_and_the_other_is_told_who(
    system: System, guide: Person
) -> None:
    handlers = [person(system, "handler", department="building", subject=f"handler-{n}") for n in range(2)]
    for _ in range(5):
        told = await guide.report(contact("email", "city.building-permit"), wait=20)
        case = await guide.see(told["case_id"])
        answers = await asyncio.gather(
            *(h.post("casework", f"/cases/{case.id}/claim", {}, if_match=case.etag) for h in handlers)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert lost.json()["handler"] == won.json()["handler"] in ("handler-0", "handler-1")
        events = [entry["event"] for entry in await guide.history(case.id)]
        assert events.count("CaseClaimed") == 1


async def test_a_repeat_gets_the_same_answer_and_happens_once(system: System, guide: Person) -> None:
    key = uuid.uuid4().hex
    told = contact("email", "school.preschool")
    answers = await asyncio.gather(*(guide.post("intake", "/contacts", told, key=key) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    case = await guide.see(answers[0].json()["case_id"])
    assert len(case.body["contacts"]) == 1

    other = await guide.post("intake", "/contacts", {**told, "subject": "En annan"}, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:lofte:problem:key-reused")

    somebody = person(system, "guide", subject="guide-bengt")
    theirs = await somebody.post("intake", "/contacts", told, key=key)
    assert theirs.status_code == 201
    assert theirs.json()["case_id"] != case.id


async def test_a_repeated_act_happens_once_though_its_version_has_passed(guide: Person) -> None:
    case = await guide.see((await guide.report(contact("phone", "school.after-school")))["case_id"])
    key, path = uuid.uuid4().hex, f"/cases/{case.id}/resolve"
    body = {"answer": "Ja, till klockan 17.", "minutes": 3}
    first = await guide.post("casework", path, body, key=key, if_match=case.etag)
    again = await guide.post("casework", path, body, key=key, if_match=case.etag)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    other = await guide.post("casework", path, {**body, "minutes": 4}, key=key, if_match=case.etag)
    assert (other.status_code, other.json()["type"]) == (422, "urn:lofte:problem:key-reused")
    note = {"text": "En gång."}
    for _ in range(2):
        assert (
            await guide.post("casework", f"/cases/{case.id}/note", note, key=key + "n")
        ).status_code == 200
    events = [entry["event"] for entry in await guide.history(case.id)]
    assert (events.count("CaseResolved"), events.count("NoteAdded")) == (1, 1)


async def test_who_read_a_persons_details_is_kept(system: System, guide: Person) -> None:
    told = await guide.report(contact("phone", "city.planning"))
    auditor = person(system, "auditor", subject="auditor-ulla")
    assert (await auditor.get("intake", f"/contacts/{told['contact_id']}")).status_code == 200
    accesses = system.database("intake")["accesses"]
    kept = await eventually(lambda: accesses.find_one({"what": f"contact {told['contact_id']}"}))
    assert (kept["by"], kept["role"]) == ("auditor-ulla", "auditor")

    await guide.see(told["case_id"])
    assert (await auditor.get("casework", f"/cases/{told['case_id']}/history")).status_code == 200
    stranger = person(system, "handler", department="social", subject="handler-sten")
    assert (await stranger.get("casework", f"/cases/{told['case_id']}/history")).status_code == 403
    accesses = system.database("casework")["accesses"]
    readers = await accesses.distinct("by", {"what": f"history of case {told['case_id']}"})
    assert readers == ["auditor-ulla"], "whoever is refused has read nothing"
