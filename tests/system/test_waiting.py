"""Waiting for the citizen, a time agreed anew, and what nobody needs any more: over HTTP, through all services."""

from datetime import datetime, timedelta

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system


async def _promised(guide: Person) -> Body:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    return {"case_id": told["case_id"], **await guide.promise(told["case_id"], "open")}


async def test_the_clock_stands_until_the_citizen_contacts_us_again(guide: Person, builder: Person) -> None:
    promised = await _promised(guide)
    case_id = promised["case_id"]
    until = datetime.fromisoformat(promised["due_at"]) + timedelta(days=1)

    body = {"reason": "time_chosen_by_citizen", "until": until.isoformat()}
    case = await builder.act(await builder.see(case_id), "await-citizen", body, key=f"wait-{case_id}")
    assert case.body["status"] == "awaiting"
    paused = await builder.promise(case_id, "paused")
    [pause] = paused["pauses"]
    assert (pause["reason"], pause["ended_at"]) == ("time_chosen_by_citizen", None)
    assert datetime.fromisoformat(pause["limit_at"]) <= until
    assert paused["due_at"] == promised["due_at"]
    seen = (await builder.see(case_id)).body
    assert datetime.fromisoformat(seen["awaiting"]["until"]) - until < timedelta(milliseconds=1)
    row = await eventually(lambda: _in_state(builder, "paused", case_id))
    assert (row["pauses"], row["first_due_at"]) == (1, promised["due_at"])
    again = await builder.post(
        "casework", f"/cases/{case_id}/await-citizen", body, if_match=case.etag, key=f"wait-{case_id}-2"
    )
    assert (again.status_code, again.json()["code"]) == (409, "awaiting-already")

    await guide.report(contact("phone", case_id=case_id))

    resumed = await builder.promise(case_id, "open")
    assert resumed["pauses"][0]["cause"] == "contact"
    assert datetime.fromisoformat(resumed["due_at"]) >= datetime.fromisoformat(promised["due_at"])
    assert resumed["first_due_at"] == promised["due_at"]
    assert (await builder.see(case_id)).body["status"] == "open"
    events = [entry["event"] for entry in await builder.history(case_id)]
    assert events[-1] == "CaseResumed"


async def test_another_time_is_agreed_with_the_citizen_once_however_often_it_is_sent(
    guide: Person, builder: Person
) -> None:
    promised = await _promised(guide)
    case_id = promised["case_id"]
    body = {"working_days": 5, "agreed": {"how": "phone"}, "reason": "owner_away"}
    path = f"/promises/{case_id}/renew"
    answers = [await builder.post("callback", path, body, key=f"renew-{case_id}") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    renewed = answers[0].json()
    assert [answer.json()["due_at"] for answer in answers] == [renewed["due_at"]] * 3
    assert renewed["due_at"] > promised["due_at"] == renewed["first_due_at"]
    [agreed] = (await builder.promise(case_id, "open"))["renewals"]
    assert (agreed["how"], agreed["reason"], agreed["due_before"]) == (
        "phone",
        "owner_away",
        promised["due_at"],
    )
    other = await builder.post("callback", path, {**body, "working_days": 6}, key=f"renew-{case_id}")
    assert (other.status_code, other.json()["type"]) == (422, "urn:lofte:problem:key-reused")

    await builder.resolve(await builder.see(case_id))

    kept = await builder.promise(case_id, "kept")
    assert kept["due_at"] == renewed["due_at"]
    ended = await builder.post("callback", path, body)
    assert (ended.status_code, ended.json()["code"]) == (409, "promise-ended")


async def test_what_nobody_needs_is_withdrawn_by_the_owner_alone_and_owed_again_when_the_citizen_asks(
    system: System, guide: Person, builder: Person
) -> None:
    promised = await _promised(guide)
    case_id = promised["case_id"]
    path, body = f"/promises/{case_id}/withdraw", {"reason": "duplicate"}
    for stranger in (guide, person(system, "handler", department="streets"), person(system, "handler")):
        assert (await stranger.post("callback", path, body)).status_code == 403
    withdrawn = await builder.post("callback", path, body)
    assert withdrawn.status_code == 200, withdrawn.text
    assert (withdrawn.json()["state"], withdrawn.json()["reason"]) == ("withdrawn", "duplicate")

    await guide.report(contact("phone", case_id=case_id))

    owed = await builder.promise(case_id, "open")
    assert owed["due_at"] > promised["due_at"] == owed["first_due_at"]

    case = await builder.act(await builder.see(case_id), "withdraw", {"reason": "cancelled"})
    assert case.body["status"] == "withdrawn"
    assert (await builder.promise(case_id, "withdrawn"))["reason"] == "cancelled"


async def _in_state(who: Person, state: str, case_id: str) -> Body | None:
    answer = await who.get("callback", "/promises", state=state, limit=200)
    assert answer.status_code == 200, answer.text
    return next((row for row in answer.json()["items"] if row["case_id"] == case_id), None)
