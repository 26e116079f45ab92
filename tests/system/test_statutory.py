"""The statutory clock of a party's matter: over HTTP, through the running services, beside the promise."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system

INITIATED = "2025-08-01T08:00:00Z"  # six months end on 2 February 2026: the first is a Sunday


async def test_a_matter_is_started_asked_about_refused_and_decided_beside_the_promise(
    system: System, guide: Person, builder: Person
) -> None:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case_id = told["case_id"]
    promised = await builder.promise(case_id, "open")
    path, key = f"/promises/{case_id}/statutory", f"statutory-{case_id}"
    assert (await _all(builder, case_id))["statutory"] is None

    for stranger in (guide, person(system, "handler", department="streets"), person(system, "handler")):
        assert (await stranger.post("callback", path, {"initiated_at": INITIATED})).status_code == 403
    answers = [await builder.post("callback", path, {"initiated_at": INITIATED}, key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    started = answers[0].json()
    assert (started["state"], started["version"], started["last_day"]) == ("running", 1, "2026-02-02")
    assert (started["due_at"], started["in_time"]) == ("2026-02-02T23:00:00Z", False)
    other = await builder.post("callback", path, {"initiated_at": "2025-08-02T08:00:00Z"}, key=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:lofte:problem:key-reused")
    await _refused(builder, path, {"initiated_at": INITIATED}, "statutory-started")

    # It is old already: the loop tells at once, once, and shows it.
    clock = await eventually(lambda: _told(builder, case_id))
    assert [(stage["stage"], stage["passed"]) for stage in clock["stages"]] == [("request_possible", True)]

    notice = {"reason": "referral", "how": "letter", "occurred_at": "2026-01-12T09:00:00Z"}
    answer = await builder.post("callback", f"{path}/delay-notice", notice)
    assert answer.status_code == 200, answer.text
    [given] = answer.json()["notices"]
    assert (given["reason"], given["by"], given["expected_at"]) == ("referral", "handler-bo", None)

    request = f"{path}/request"
    await _refused(builder, request, {"received_at": "2026-02-02T22:59:59Z"}, "months-not-over")
    before = system.now()
    answer = await builder.post("callback", request, {"received_at": "2026-02-20T09:00:00Z"})
    assert answer.status_code == 200, answer.text
    asked = answer.json()["request"]
    assert (asked["last_day"], asked["due_at"], asked["in_time"]) == (
        "2026-03-20",
        "2026-03-20T23:00:00Z",
        None,
    )
    await _refused(builder, request, {}, "requested-before")

    decision = f"{path}/decision"
    answer = await builder.post("callback", decision, {"outcome": "request_refused"})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["state"], answer.json()["request"]["in_time"]) == ("request_refused", True)
    await _refused(builder, request, {}, "requested-before")
    answer = await builder.post("callback", decision, {"outcome": "decided"})
    assert (answer.json()["state"], answer.json()["in_time"]) == ("decided", False)
    await _refused(builder, decision, {"outcome": "withdrawn"}, "statutory-ended")

    shown = await _all(builder, case_id)
    assert shown["statutory"]["state"] == "decided"
    [still] = shown["promises"]
    assert still == promised, "the promise has no part in it"
    await _proven(builder, case_id)
    then, now = await asyncio.gather(
        eventually(lambda: builder.as_of(case_id, before.isoformat())),
        eventually(lambda: builder.as_of(case_id, system.now().isoformat())),
    )
    assert then is not None
    assert now is not None
    assert (then["statutory"]["state"], now["statutory"]["state"]) == ("running", "decided")
    assert (then["statutory"]["request"], then["state"], now["state"]) == (None, "open", "open")


async def test_a_matter_that_is_not_old_yet_waits_for_its_months(system: System, guide: Person) -> None:
    told = await guide.report(contact("phone", "city.parking"), wait=20)
    path = f"/promises/{told['case_id']}/statutory"
    today = system.now()
    head = person(system, "head")
    answer = await eventually(lambda: _started(head, path, {"initiated_at": today.isoformat()}))
    assert (answer["state"], answer["in_time"]) == ("running", None)
    assert answer["stages"][0]["passed"] is False
    early = await head.post("callback", f"{path}/request", {})
    assert (early.status_code, early.json()["code"]) == (409, "months-not-over")
    assert answer["last_day"] in early.json()["detail"]
    ahead = {"initiated_at": (today + timedelta(days=1)).isoformat()}
    assert (await head.post("callback", path, ahead)).status_code == 422


async def _proven(who: Person, case_id: str) -> None:
    answer = await who.get("callback", f"/promises/{case_id}/ledger")
    assert answer.status_code == 200, answer.text
    ledger = answer.json()["statutory"]
    assert [entry["fact"] for entry in ledger["entries"]] == [
        "StatutoryClockStarted",
        "StatutoryStageReached",
        "DelayNoticeGiven",
        "DecisionRequested",
        "DecisionRequestRefused",
        "StatutoryClockEnded",
    ]
    assert (ledger["version"], ledger["rules"]["months"], ledger["rules"]["weeks"]) == (1, 6, 4)
    assert "refused at" in ledger["because"]
    of_promise = {entry["fact"] for one in answer.json()["promises"] for entry in one["entries"]}
    assert not of_promise & {entry["fact"] for entry in ledger["entries"]}


async def _all(who: Person, case_id: str) -> Body:
    answer = await who.get("callback", f"/promises/{case_id}")
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def _told(who: Person, case_id: str) -> Any:
    clock = (await _all(who, case_id))["statutory"]
    return clock if any(stage["passed"] for stage in clock["stages"]) else None


async def _started(who: Person, path: str, body: Body) -> Any:
    """As soon as callback has heard of the case."""
    answer = await who.post("callback", path, body)
    return answer.json() if answer.status_code == 200 else None


async def _refused(who: Person, path: str, body: Body, code: str) -> None:
    answer = await who.post("callback", path, body)
    assert (answer.status_code, answer.json().get("code")) == (409, code), answer.text
