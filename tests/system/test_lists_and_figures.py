"""What is read of many cases: owners' lists, promises, figures; and what would happen to a contact."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system

DAY: dict[str, Any] = {"from": "2026-03-02", "to": "2026-03-03"}


async def test_an_owner_sees_the_least_time_left_first_page_by_page(system: System, guide: Person) -> None:
    ages = [timedelta(minutes=minutes) for minutes in (3, 40, 12, 55, 21)]
    by_case = {}
    for age in ages:
        told = contact("email", "culture.associations", occurred_at=(system.now() - age).isoformat())
        by_case[(await guide.report(told))["case_id"]] = age
    everyone = await eventually(lambda: _all_promised(guide, "group.culture", by_case), 30)

    rows = await guide.rows("group.culture", limit=2)

    assert [row["case_id"] for row in rows] == [row["case_id"] for row in everyone]
    dues = [row["promise_due_at"] or "9999" for row in rows]
    assert dues == sorted(dues)
    ours = [row["case_id"] for row in rows if row["case_id"] in by_case]
    assert ours == sorted(by_case, key=lambda case: by_case[case], reverse=True)


async def test_a_department_sees_its_own_and_nobody_elses(system: System, guide: Person) -> None:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case = await guide.see(told["case_id"])
    builder = person(system, "handler", department="building", subject="handler-bo")
    teacher = person(system, "handler", department="education", subject="handler-eva")
    for path in (
        "/owners/department.building/cases",
        f"/cases/{case.id}",
        f"/cases/{case.id}/history",
    ):
        assert (await builder.get("casework", path)).status_code == 200
        refused = await teacher.get("casework", path)
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:lofte:problem:not-allowed")
    refused = await teacher.post("casework", f"/cases/{case.id}/claim", {}, if_match=case.etag)
    assert refused.status_code == 403
    # The centre sees every case; it acts on the answer groups' alone.
    acted = await guide.post("casework", f"/cases/{case.id}/claim", {}, if_match=case.etag)
    assert acted.status_code == 403
    contact_path = f"/contacts/{told['contact_id']}"
    assert (await builder.get("intake", contact_path)).json()["name"] == "Maja Lind"
    assert (await teacher.get("intake", contact_path)).status_code == 403
    listed = await teacher.get("callback", "/promises", owner="department.building")
    assert listed.status_code == 403


async def test_promises_are_listed_by_state_owner_and_time(system: System, guide: Person) -> None:
    kept_case = (await guide.report(contact("letter", "city.waste"), wait=20))["case_id"]
    await guide.resolve(await guide.see(kept_case))
    open_case = (await guide.report(contact("letter", "city.waste"), wait=20))["case_id"]
    old = (system.now() - timedelta(days=9)).isoformat()
    broken_case = (await guide.report(contact("letter", "city.waste", occurred_at=old)))["case_id"]
    late_case = (await guide.report(contact("letter", "city.waste", occurred_at=old)))["case_id"]
    for case_id, state in ((kept_case, "kept"), (broken_case, "broken"), (late_case, "broken")):
        await guide.promise(case_id, state, deadline=60)
    await guide.resolve(await guide.see(late_case))
    await guide.promise(late_case, "answered-late")
    wanted = {kept_case: "kept", open_case: "open", broken_case: "broken", late_case: "answered-late"}
    for case_id, state in wanted.items():
        await eventually(lambda: _lists(guide, case_id, state=state, owner="group.city"))  # noqa: B023
        others = [other for other in set(wanted.values()) if other != state]
        for other in others:
            assert not await _lists(guide, case_id, state=other, owner="group.city")
    noon = "2026-03-02T12:00:00+01:00"
    assert await _lists(guide, broken_case, due_before=noon)
    assert not await _lists(guide, open_case, due_before=noon)
    assert not await _lists(guide, open_case, owner="group.school")
    rows = await _promise_rows(guide, owner="group.city")
    dues = [datetime.fromisoformat(row["due_at"]) for row in rows]
    assert dues == sorted(dues)
    assert len({(row["case_id"], row["number"]) for row in rows}) == len(rows)


async def test_the_figures_of_a_day_equal_what_was_played(system: System, guide: Person) -> None:
    """Played on a topic that no other test uses, so that its row is ours alone."""
    topic, department = "work.debt-advice", "department.work"
    before = await _row(guide, "department", department)
    worker = person(system, "handler", department="work", subject="handler-per")
    for _ in range(2):  # solved at first contact, four minutes each
        case = await guide.see((await guide.report(contact("phone", topic)))["case_id"])
        await guide.resolve(case, minutes=4)
    again = (await guide.report(contact("chat", topic)))["case_id"]  # solved, then contacted about again
    await guide.resolve(await guide.see(again), minutes=1)
    await guide.report(contact("chat", case_id=again))
    written = (await guide.report(contact("email", topic), wait=20))["case_id"]
    await guide.resolve(await guide.see(written), minutes=6)
    passed_on = (await guide.report(contact("visit", topic)))["case_id"]
    await guide.act(await guide.see(passed_on), "forward", {"to_topic": topic, "reason": "Beslut."})
    await worker.act(
        await worker.see_owned(passed_on, department),
        "return",
        {"reason_code": "information_missing", "text": "Vem?"},
    )
    await guide.see_owned(passed_on, "group.work")
    expected = {
        "contacts": 6,
        "cases": 5,
        "resolved": 4,
        # Written ones count too; what was passed on does not.
        "solved_at_first_contact": 4,
        "solved_at_first_contact_net": 3,
        "forwarded": 1,
        "returned": 1,
        "promises_made": 3,  # the letter, what was passed on, and what came back
        "promises_kept": 1,
        "promises_open": 2,
        "promises_broken": 0,
        "promises_answered_late": 0,
        "answered": 4,
        "minutes_spent": 15,
        "kept_share": None,
    }

    async def agrees() -> Body:
        row = await _row(guide, "topic", topic)
        assert {name: row.get(name) for name in expected} == expected
        return row

    row = await eventually(agrees, 30)
    assert 0 <= row["minutes_to_answer_median"] <= row["minutes_to_answer_p90"] < 5
    after = await _row(guide, "department", department)
    assert after["returned"] - before.get("returned", 0) == 1
    summary = (await guide.get("metrics", "/summary", by="none", **DAY)).json()
    assert set(expected) <= set(summary["definitions"])
    assert len(summary["rows"]) == 1


async def test_figures_count_by_the_local_day_of_receipt(system: System, guide: Person) -> None:
    """Midnight in Stockholm is the day before in UTC; the period is half-open."""
    late = "2026-02-10T23:59:59.999+01:00"
    early = "2026-02-11T00:00:00+01:00"
    for moment in (late, early, early):
        await guide.report(contact("phone", "work.business-permit", occurred_at=moment))

    async def counted(start: str, end: str) -> int:
        answer = await guide.get("metrics", "/summary", by="none", **_period(start, end))
        return int(answer.json()["rows"][0]["cases"])

    async def all_counted() -> bool:
        return await counted("2026-02-10", "2026-02-12") == 3

    await eventually(all_counted, 30)
    assert await counted("2026-02-10", "2026-02-11") == 1
    assert await counted("2026-02-11", "2026-02-12") == 2


@pytest.mark.parametrize(
    ("asked", "owner", "rule"),
    [
        (
            {"channel": "email", "topic": "city.building-permit"},
            "department.building",
            "written-building-permit",
        ),
        ({"channel": "phone", "topic": "city.building-permit"}, "group.city", "city"),
        ({"channel": "phone", "menu_choice": 2}, "group.school", "menu-2"),
        ({"channel": "phone"}, "group.general", "fallback"),
        ({"channel": "web", "citizen_kind": "business"}, "group.business", "business-lane"),
        (
            {"channel": "phone", "asked_for": "person.stadsarkitekten"},
            "person.stadsarkitekten",
            "asked-for",
        ),
    ],
)
async def test_what_is_explained_is_what_happens(
    guide: Person, asked: Mapping[str, Any], owner: str, rule: str
) -> None:
    explained = await guide.post("routing", "/routes/explain", asked)
    assert explained.status_code == 200
    assert (explained.json()["owner"], explained.json()["rule"]) == (owner, rule)
    assert explained.json()["rule_version"] == 1
    assert explained.json()["reason"]
    kind = asked.get("citizen_kind", "person")
    told = {**asked, "citizen": {"kind": kind}, "municipality": "0581", "subject": "?", "live": True}
    told.pop("citizen_kind", None)
    assert (await guide.report(told, wait=20))["routed_to"] == owner


def _period(start: str, end: str) -> dict[str, Any]:
    return {"from": start, "to": end}  # `from` is no name for an argument


async def _all_promised(guide: Person, owner: str, cases: Mapping[str, Any]) -> list[Body] | None:
    rows = list(await guide.rows(owner))
    promised = {row["case_id"] for row in rows if row["promise_due_at"]}
    return rows if set(cases) <= promised else None


async def _promise_rows(guide: Person, **filters: Any) -> list[Body]:
    found: list[Body] = []
    cursor: dict[str, Any] = {}
    while True:
        answer = await guide.get("callback", "/promises", limit=3, **filters, **cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        if answer.json()["next"] is None:
            return found
        cursor = {"cursor": answer.json()["next"]}


async def _lists(guide: Person, case_id: str, **filters: str) -> bool:
    return any(row["case_id"] == case_id for row in await _promise_rows(guide, **filters))


async def _row(guide: Person, by: str, group: str) -> Body:
    answer = await guide.get("metrics", "/summary", by=by, **DAY)
    assert answer.status_code == 200, answer.text
    rows: list[Body] = [row for row in answer.json()["rows"] if row["group"] == group]
    return rows[0] if rows else {}
