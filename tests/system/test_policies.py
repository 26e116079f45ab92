"""Policies and calendars on a running system: quotes, drafts, open hours, and versions that are kept."""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
from chassis.testing.waiting import eventually
from lofte_local.cli import app
from lofte_local.paths import MUNICIPALITIES
from typer.testing import CliRunner

from tests.harness.people import Body, Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system

FILE = (MUNICIPALITIES / "0581.yaml").read_text("utf-8")
SLOWER = (
    "when: {owner: department.building, topic: city.building-permit}\n      promise: {working_hours: 4}",
    "when: {owner: department.building, topic: city.building-permit}\n      promise: {working_hours: 5}",
)
SECOND = ("promises:\n  version: 1", "promises:\n  version: 2")


def changed(*changes: tuple[str, str]) -> str:
    text = FILE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


async def test_a_quote_is_what_is_promised(system: System, guide: Person) -> None:
    told = await guide.report(contact("email", "city.building-permit"))
    promise = await guide.promise(told["case_id"], "open")
    answer = await guide.post(
        "callback",
        "/promises/quote",
        {"topic": "city.building-permit", "channel": "email", "received_at": promise["from_at"]},
    )
    assert answer.status_code == 200, answer.text
    quoted = answer.json()
    assert (quoted["owner"], quoted["calendar"]) == ("department.building", "office")
    same = ("policy", "policy_version", "due_at")
    assert [quoted[field] for field in same] == [promise[field] for field in same]


async def test_a_time_agreed_with_the_citizen_is_what_is_promised(system: System, guide: Person) -> None:
    """On the phone, to be called back by the answer group: nobody waits for the end of the conversation."""
    agreed = (system.now() + timedelta(hours=5)).replace(microsecond=0)
    told = await guide.report(contact("phone", "city.parking", agreed_due_at=agreed.isoformat()))
    promise = await guide.promise(told["case_id"], "open")
    assert (promise["policy"], promise["owner"]) == ("agreed", "group.city")
    assert datetime.fromisoformat(promise["due_at"]) == agreed


async def test_what_can_be_kept_is_quoted_and_forecast(system: System, guide: Person) -> None:
    """Who answered one in a half day until now is asked by three, who were all told the same hour."""
    owner, other = "person.kommundirektoren", person(system, "system")
    for weeks in (1, 2, 3, 4):
        asked = system.now() - timedelta(weeks=weeks)
        history = {
            "outcome": "answered",
            "routed_to": owner,
            "promise_due_at": (asked + timedelta(days=2)).isoformat(),
            "answered_at": (asked + timedelta(hours=1)).isoformat(),
        }
        await other.report(contact("web", occurred_at=asked.isoformat(), history=history))

    async def quoted() -> Body:
        answer = await guide.post("callback", "/promises/quote", {"owner": owner})
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    async def known() -> bool:
        return ((await quoted())["capacity"] or {}).get("weeks") == 4

    await eventually(known, 30)
    alone = await quoted()
    assert (alone["ahead"], alone["likely_kept"], alone["agree_on"]) == (0, True, None)
    agreed = system.now() + timedelta(hours=9)
    more = {"asked_for": owner, "agreed_due_at": agreed.isoformat()}
    cases = [(await guide.report(contact("email", **more)))["case_id"] for _ in range(3)]
    for case_id in cases:
        assert (await guide.promise(case_id, "open"))["owner"] == owner

    async def forecast() -> Body:
        end = (system.now() + timedelta(days=2)).isoformat()
        answer = await guide.get("callback", "/promises/forecast", owner=owner, until=end)
        assert answer.status_code == 200, answer.text
        found: Body = answer.json()
        return found

    async def shown() -> bool:
        return (await forecast())["looked_at"] == 3

    await eventually(shown, 30)
    told = await forecast()
    assert told["not_known"] == []
    last = told["likely_to_break"][-1]
    assert last["case_id"] in cases
    assert (last["ahead"], last["overdue_ahead"]) == (2, 0)
    assert datetime.fromisoformat(last["expected_at"]) > datetime.fromisoformat(last["due_at"])
    assert last["because"].startswith(f"2 go before it, 0 of them overdue; {owner} answers ")
    assert (await quoted())["ahead"] == 3
    builder = person(system, "handler", department="building")
    refused = await builder.get("callback", "/promises/forecast", owner=owner)
    assert (refused.status_code, refused.json()["type"]) == (403, "urn:lofte:problem:not-allowed")


async def test_a_draft_tells_which_promises_it_would_have_moved_and_moves_none(
    system: System, guide: Person
) -> None:
    head = person(system, "head")
    told = await guide.report(contact("email", "city.building-permit"))
    other = await guide.report(contact("email", "culture.associations"))
    promise = await guide.promise(told["case_id"], "open")
    await guide.promise(other["case_id"], "open")

    async def compared(*changes: tuple[str, str]) -> tuple[dict[str, Body], Body]:
        touched: dict[str, Body] = {}
        cursor: dict[str, str] = {}
        while True:
            query = "".join(f"&cursor={place}" for place in cursor.values())
            answer = await head.post(
                "callback", f"/policies/compare?limit=3{query}", {"file": changed(*changes)}
            )
            assert answer.status_code == 200, answer.text
            page = answer.json()
            touched |= {one["case_id"]: one for one in page["touched"]}
            if page["next"] is None:
                return touched, page
            cursor = {"cursor": page["next"]}

    async def listed() -> bool:
        return told["case_id"] in (await compared(SLOWER, SECOND))[0]

    await eventually(listed, 30)
    touched, page = await compared(SLOWER, SECOND)
    assert other["case_id"] not in touched
    one = touched[told["case_id"]]
    assert (one["due_at"], one["policy"]) == (promise["due_at"], "building-permit")
    later = datetime.fromisoformat(one["draft_due_at"]) - datetime.fromisoformat(one["due_at"])
    assert later == timedelta(hours=1)
    assert (page["policy_version"], page["start_refused"]) == (2, None)
    refused = (await compared(SLOWER))[1]["start_refused"]
    assert refused.startswith("0581.yaml: promises.policies[2].promise.working_hours: ")
    assert (await guide.promise(told["case_id"], "open"))["due_at"] == promise["due_at"]


async def test_a_draft_is_compared_on_the_command_line(
    system: System, guide: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await guide.report(contact("email", "city.building-permit"))
    promise = await guide.promise(told["case_id"], "open")
    monkeypatch.setenv("LOFTE_TOKEN", system.stack.token("auditor", "0581"))
    monkeypatch.setenv("COLUMNS", "200")
    draft = tmp_path / "0581.yaml"

    def compared(*options: str, draft: Path = draft) -> tuple[int, str]:
        asked = ["policies", "compare", str(draft), "--callback", system.url("callback"), *options]
        found = CliRunner().invoke(app, asked)
        return found.exit_code, found.output or str(found.exception)

    draft.write_text(changed(SLOWER, SECOND), "utf-8")

    async def listed() -> dict[str, Any] | None:
        code, output = compared("--json")
        assert code == 0, output
        touched = {one["case_id"]: one for one in json.loads(output)["touched"]}
        return touched.get(told["case_id"])

    one = await eventually(listed, 30)
    assert one["due_at"] == promise["due_at"]
    _, table = compared()
    then = datetime.fromisoformat(one["draft_due_at"]).astimezone(ZoneInfo("Europe/Stockholm"))
    [row] = [line for line in table.splitlines() if told["case_id"] in line]
    assert f"{then:%Y-%m-%d %H:%M}" in row
    assert "would have another time under version 2. None is moved." in table

    draft.write_text(changed(SLOWER), "utf-8")
    code, refused = compared()
    assert code == 1
    assert "callback would not start with it: 0581.yaml: promises.policies[2]" in refused
    draft.write_text(changed(("{working_days: 2}", "{working_days: 0}")), "utf-8")
    code, faulty = compared()
    assert code != 0
    assert "callback: has 1 fault" in faulty or "0581.yaml:" in faulty
    nameless = tmp_path / "draft.yaml"
    nameless.write_text(changed(SLOWER, SECOND), "utf-8")
    assert "--municipality" in compared(draft=nameless)[1]
    assert compared("--municipality", "0581", draft=nameless)[0] == 0


async def test_a_draft_with_faults_is_told_each_with_its_line(system: System) -> None:
    head = person(system, "head")
    file = changed(("calendar: leisure\n", "calendar: lesure\n"), ("{working_days: 2}", "{working_days: 0}"))
    answer = await head.post("callback", "/policies/compare", {"file": file})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:lofte:problem:invalid-input")
    lines = file.split("\n")
    expected = [
        next(n for n, line in enumerate(lines, 1) if words in line)
        for words in ("lesure", "{working_days: 0}")
    ]
    told = [error["detail"].split(":")[:2] for error in answer.json()["errors"]]
    assert told == [["0581.yaml", str(line)] for line in expected]


async def test_a_draft_of_another_municipality_is_refused(system: System) -> None:
    head = person(system, "head")
    other = (MUNICIPALITIES / "2380.yaml").read_text("utf-8")
    answer = await head.post("callback", "/policies/compare", {"file": other})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "file")


async def test_open_hours_are_had_as_icalendar(guide: Person) -> None:
    answer = await guide.get("callback", "/calendars/department.culture.ics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/calendar")
    events = icalendar.Calendar.from_ical(answer.content).events
    told = {str(event["summary"]) for event in events}
    assert {"Öppet", "Stängt: Långfredagen", "Stängt: Julafton"} <= told
    missing = await guide.get("callback", "/calendars/department.unicorns.ics")
    assert missing.status_code == 404


async def test_a_version_is_kept_and_none_is_written_anew(system: System, tmp_path: Path) -> None:
    """What the job before a roll-out does: it refuses what the services would refuse, and keeps what they will need."""

    async def prepared(*changes: tuple[str, str]) -> tuple[int | None, str]:
        (tmp_path / "0581.yaml").write_text(changed(*changes), "utf-8")
        environment = system.stack.environment("callback") | {"LOFTE_MUNICIPALITIES": str(tmp_path)}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "callback", "prepare"),
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, told = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, told.decode()

    code, told = await prepared(SLOWER)
    assert code == 2
    assert told.startswith(
        "0581.yaml: promises.policies[2].promise.working_hours: is not what version 1 said before"
    )
    assert await prepared(SLOWER, SECOND) == (0, "")
    commits = system.database("callback")["commits"]
    kept = [commit async for commit in commits.find({"stream": {"$regex": "^0581.policy-book-"}})]
    assert sorted(commit["stream"] for commit in kept) == ["0581.policy-book-1", "0581.policy-book-2"]
    assert all(commit["published_at"] is not None for commit in kept)
