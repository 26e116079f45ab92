"""Getting back to a citizen: one at a time, and when they can be reached."""

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system

WEEKENDS = [{"days": ["sat", "sun"], "after": "10:00", "before": "24:00"}]


async def test_two_handlers_never_call_the_same_citizen_at_once(
    system: System, guide: Person, builder: Person
) -> None:
    other = person(system, "handler", department="building", subject="handler-eva")
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case_id = told["case_id"]
    case = await builder.act(await builder.see(case_id), "attempt", {"minutes": 20}, key=f"call-{case_id}")
    assert (await other.see(case_id)).body["attempt"]["by"] == "handler-bo"

    path = f"/cases/{case_id}/attempt"
    late = await other.post("casework", path, {}, if_match=case.etag)
    assert (late.status_code, late.json()["code"]) == (409, "attempt-in-flight")
    assert late.json()["detail"].startswith("handler-bo is getting back to the citizen")
    assert [entry["event"] for entry in await builder.history(case_id)][-1] == "AttemptBegun"

    await guide.report(contact("phone", case_id=case_id))  # the citizen was quicker

    async def cancelled() -> bool:
        return (await other.see(case_id)).body["attempt"] is None

    await eventually(cancelled, 20)
    stale = await builder.post("casework", path, {}, if_match=case.etag)
    assert stale.status_code == 412
    case = await other.act(await other.see(case_id), "attempt", {})
    await other.act(case, "citizen-contacted", {"outcome": "no_answer"})
    assert await cancelled()


async def test_a_citizen_says_when_they_can_be_reached_and_what_leaves_no_time_is_told(guide: Person) -> None:
    told = await guide.report(contact("email", "city.building-permit", reachable=WEEKENDS), wait=20)
    case_id = told["case_id"]

    async def said(days: str) -> dict[str, object] | None:
        attempts: dict[str, object] = (await guide.promise(case_id, "open"))["attempts"]
        windows = attempts["reachable"]
        assert isinstance(windows, list)
        return attempts if windows and windows[0]["days"][0] == days else None

    weekends = await eventually(lambda: said("sat"), 20)
    assert weekends["reachable"] == WEEKENDS
    assert (weekends["none_before_due"], weekends["next_at"]) == (True, None)  # nobody is there then

    days = [{"days": ["mon", "tue", "wed", "thu", "fri"], "after": "00:00", "before": "24:00"}]
    await guide.report(contact("phone", case_id=case_id, reachable=days))
    any_day = await eventually(lambda: said("mon"), 20)
    assert any_day["none_before_due"] is False
    assert any_day["next_at"] is not None
