"""The life of a case over HTTP, through all five services: from the call to the kept, or late, promise."""

from datetime import UTC, datetime, timedelta

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system


async def test_a_call_is_solved_at_once_and_owes_no_promise(guide: Person) -> None:
    told = await guide.report(contact("phone", "culture.library"), wait=20)
    assert told["routed_to"] == "group.culture"
    assert told["promise_due_at"] is None
    case = await guide.see(told["case_id"])
    assert (case.body["status"], case.body["owner"]) == ("open", "group.culture")

    resolved = await guide.resolve(case, "Biblioteket öppnar klockan nio.", minutes=4)

    assert resolved.body["status"] == "resolved"
    assert await guide.promises(case.id) == []
    await eventually(lambda: _not_listed(guide, "group.culture", case.id))
    history = await guide.history(case.id)
    assert {entry["event"] for entry in history[:2]} == {"ContactNoted", "RouteNoted"}
    assert (history[-1]["event"], history[-1]["text"]) == ("CaseResolved", "Biblioteket öppnar klockan nio.")
    assert history[-1]["facts"] == {"minutes": 4}


async def test_a_letter_to_a_group_is_promised_at_receipt_and_kept_by_the_answer(
    system: System, guide: Person
) -> None:
    told = await guide.report(contact("email", "school.start"), wait=20)
    assert told["routed_to"] == "group.school"
    case = await guide.see(told["case_id"])
    received_at = datetime.fromisoformat(case.body["received_at"])
    # Four working hours of a Monday that is open from 8 to 17.
    assert datetime.fromisoformat(told["promise_due_at"]) == received_at + timedelta(hours=4)
    row = await eventually(lambda: guide.row("group.school", case.id))
    assert datetime.fromisoformat(row["promise_due_at"]) == received_at + timedelta(hours=4)

    await guide.resolve(case)

    kept = await guide.promise(case.id, "kept")
    assert (kept["how"], kept["owner"], kept["policy"]) == ("resolved", "group.school", "school-group")
    assert kept["broken_at"] is None


async def test_a_department_keeps_its_promise_by_reaching_the_citizen_not_by_trying(
    guide: Person, builder: Person
) -> None:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    assert told["routed_to"] == "department.building"
    await eventually(lambda: builder.row("department.building", told["case_id"]))
    case = await builder.act(await builder.see(told["case_id"]), "claim", {})
    assert case.body["handler"] == "handler-bo"
    for outcome in ("no_answer", "busy", "voicemail", "wrong_number", "refused"):
        case = await builder.act(case, "citizen-contacted", {"outcome": outcome})
    (promise,) = await builder.promises(case.id)
    assert promise["state"] == "open"

    case = await builder.act(case, "citizen-contacted", {"outcome": "reached"})

    kept = await builder.promise(case.id, "kept")
    assert kept["how"] == "reached"
    noted = await builder.post("casework", f"/cases/{case.id}/note", {"text": "Ritning saknas."})
    assert noted.status_code == 200
    events = [entry["event"] for entry in await builder.history(case.id)]
    assert events.count("CitizenContacted") == 6
    assert events[-1] == "NoteAdded"


async def test_forwarding_and_returning_leave_the_promised_time(system: System, guide: Person) -> None:
    streets = person(system, "handler", department="streets", subject="handler-siv")
    told = await guide.report(contact("phone", "city.parking"), wait=20)
    assert told["routed_to"] == "group.city"
    case = await guide.see(told["case_id"])
    received_at = datetime.fromisoformat(case.body["received_at"])

    forwarded = await guide.act(case, "forward", {"to_topic": "city.parking", "reason": "Kräver beslut."})
    assert forwarded.body["status"] == "handed-over"
    case = await streets.see_owned(case.id, "department.streets")
    promised = await streets.promise(case.id, "open")
    assert promised["promised_by"] == "department.streets"
    assert datetime.fromisoformat(promised["due_at"]) == received_at + timedelta(hours=2)
    await streets.act(case, "return", {"reason_code": "could_have_been_answered", "text": "Står på sidan."})

    case = await guide.see_owned(case.id, "group.city")
    # Between owners the case takes notes only; straight back to whom it came from it does not go.
    assert (await streets.get("casework", f"/cases/{case.id}")).status_code == 403
    promised_still = await eventually(lambda: _promise_of(guide, case.id, "group.city"))
    assert promised_still["due_at"] == promised["due_at"]
    assert promised_still["number"] == 1

    await guide.act(case, "forward", {"to_owner": "person.stadsarkitekten", "reason": "Frågar efter henne."})
    architect = person(system, "handler", department="building", subject="stadsarkitekten")
    case = await architect.see_owned(case.id, "person.stadsarkitekten")
    hers = await eventually(lambda: _promise_of(guide, case.id, "person.stadsarkitekten"))
    assert hers["due_at"] == promised["due_at"]
    await architect.resolve(case, minutes=12)
    await architect.promise(case.id, "kept")
    events = [entry["event"] for entry in await architect.history(case.id)]
    assert events.count("RouteNoted") == 4
    assert events.count("CaseForwarded") == 2
    assert events.count("CaseReturned") == 1


async def test_a_group_cannot_return_and_an_owner_cannot_forward_to_itself(guide: Person) -> None:
    case = await guide.see((await guide.report(contact("phone", "work.employment")))["case_id"])
    returned = await guide.post(
        "casework",
        f"/cases/{case.id}/return",
        {"reason_code": "wrong_owner", "text": "Fel."},
        if_match=case.etag,
    )
    forwarded = await guide.post(
        "casework",
        f"/cases/{case.id}/forward",
        {"to_owner": "group.work", "reason": "Fel."},
        if_match=case.etag,
    )
    assert (returned.status_code, returned.json()["code"]) == (409, "not-a-department")
    assert (forwarded.status_code, forwarded.json()["code"]) == (409, "same-owner")


async def test_a_further_contact_joins_the_open_case_and_reopens_the_resolved_one(guide: Person) -> None:
    first = await guide.report(contact("email", "culture.sports"), wait=20)
    case_id = first["case_id"]
    further = await guide.report(contact("phone", case_id=case_id, subject="Samma sak"))
    assert (further["case_id"], further["case_reference"]) == (case_id, first["case_reference"])
    assert further["contact_id"] != first["contact_id"]
    case = await eventually(lambda: _with_contacts(guide, case_id, 2))
    assert case["status"] == "open"
    assert [entry["event"] for entry in await guide.history(case_id)].count("RouteNoted") == 1

    await guide.resolve(await guide.see(case_id))
    kept = await guide.promise(case_id, "kept")
    await guide.report(contact("phone", case_id=case_id))

    case = await eventually(lambda: _with_contacts(guide, case_id, 3))
    assert case["status"] == "open"
    assert case["promise_number"] == 1
    assert await guide.promises(case_id) == [kept]
    reopened = (await guide.history(case_id))[-1]
    assert reopened["event"] == "CaseReopened"
    assert reopened["facts"]["cause"] == "contact"
    row = await eventually(lambda: guide.row("group.culture", case_id))
    assert row["contacts"] == 3


async def test_a_case_is_reopened_by_request_and_only_when_resolved(guide: Person) -> None:
    case = await guide.see((await guide.report(contact("phone", "work.politics")))["case_id"])
    early = await guide.post(
        "casework", f"/cases/{case.id}/reopen", {"reason": "Ett fel."}, if_match=case.etag
    )
    assert (early.status_code, early.json()["code"]) == (409, "case-open")
    case = await guide.resolve(case)
    late = await guide.post("casework", f"/cases/{case.id}/claim", {}, if_match=case.etag)
    assert (late.status_code, late.json()["code"]) == (409, "case-resolved")

    case = await guide.act(case, "reopen", {"reason": "Svaret var fel."})

    assert case.body["status"] == "open"
    assert (await guide.history(case.id))[-1]["text"] == "Svaret var fel."


async def test_a_promise_that_nobody_kept_is_broken_as_of_its_time_and_answered_late(
    system: System, guide: Person, builder: Person
) -> None:
    long_ago = system.now() - timedelta(days=10)
    told = await guide.report(
        contact("email", "city.building-permit", occurred_at=long_ago.isoformat()), wait=20
    )
    case_id = told["case_id"]
    broken = await builder.promise(case_id, "broken", deadline=60)
    assert broken["broken_at"] == broken["due_at"]
    assert datetime.fromisoformat(broken["from_at"]) - long_ago < timedelta(milliseconds=1)
    # The highest stage that was passed is told, those before it are skipped: a moment before or after the judgement.
    stages = await eventually(lambda: _all_stages_passed(builder, case_id), 30)
    assert [stage["stage"] for stage in stages] == ["reminder", "due", "overdue"]
    assert stages[-1]["receivers"] == [
        "head_of_department",
        "contact_centre_head",
    ]  # 8 hours end before a day has

    await builder.resolve(await builder.see(case_id))

    late = await builder.promise(case_id, "answered-late")
    assert (late["kept_at"], late["how"]) == (None, "resolved")
    assert datetime.fromisoformat(late["answered_at"]) > datetime.fromisoformat(late["due_at"])


async def test_a_caller_who_was_not_answered_within_the_hour_is_promised(
    system: System, guide: Person
) -> None:
    """A live contact at an answer group: nothing is promised while the conversation may still go on."""
    before = system.now() - timedelta(minutes=80)
    told = await guide.report(contact("visit", "social.elderly-care", occurred_at=before.isoformat()))
    promised = await guide.promise(told["case_id"], "open", deadline=60)
    assert promised["promised_by"] == "group.social"
    made_at = datetime.fromisoformat(promised["made_at"])
    assert made_at >= before.astimezone(UTC) + timedelta(minutes=60)


async def _not_listed(person: Person, owner: str, case_id: str) -> bool:
    return await person.row(owner, case_id) is None


async def _with_contacts(person: Person, case_id: str, count: int) -> dict[str, object] | None:
    case = await person.see(case_id)
    return dict(case.body) if len(case.body["contacts"]) == count else None


async def _all_stages_passed(person: Person, case_id: str) -> list[dict[str, object]] | None:
    stages = [dict(stage) for stage in (await person.promises(case_id))[0]["stages"]]
    return stages if all(stage["passed"] for stage in stages) else None


async def _promise_of(person: Person, case_id: str, owner: str) -> dict[str, object] | None:
    found = [dict(promise) for promise in await person.promises(case_id) if promise["owner"] == owner]
    return found[0] if found else None
