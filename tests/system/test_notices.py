"""Notices with the services running: the citizen hears of a delay, and no address is left anywhere but at intake."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from chassis.testing.waiting import eventually
from lofte_events import CallbackDue, NoticeSent

from tests.harness.people import Person, contact, person
from tests.harness.running import System
from tests.harness.topics import read_topics

pytestmark = pytest.mark.system


async def test_a_citizen_is_told_of_a_delay_and_the_address_is_kept_by_intake_alone(
    system: System, guide: Person
) -> None:
    citizen = {"kind": "person", "name": "Sven Testsson", "email": "sven.notice@example.se"}
    long_ago = (system.now() - timedelta(days=10)).isoformat()
    told = await guide.report(
        contact("email", "city.building-permit", citizen=citizen, occurred_at=long_ago), wait=20
    )
    case_id = told["case_id"]
    folder = system.stack.folder / "notices"

    async def sent() -> NoticeSent | None:
        contracts = [record.contract for record in await read_topics(system, "callback")]
        found = [c for c in contracts if isinstance(c, NoticeSent) and c.case_id == case_id]
        return next((notice for notice in found if notice.receiver == "citizen"), None)

    notice = await eventually(sent, 60, every=0.5)
    assert (notice.channel, notice.attempts) == ("email", 1)
    letter = message_from_bytes((folder / f"{notice.notice_id}.eml").read_bytes(), policy=policy.default)
    assert letter["To"] == "sven.notice@example.se"
    assert letter["Subject"] == f"Ditt ärende {told['case_reference']} är försenat"
    assert "handlägga det än" in letter.get_content()

    [due] = [
        record.contract
        for record in await read_topics(system, "callback")
        if isinstance(record.contract, CallbackDue) and record.contract.case_id == case_id
    ]
    assert "citizen" in due.receivers
    assert due.skipped
    assert due.expected_at is not None
    ledger = (await guide.get("callback", f"/promises/{case_id}/ledger")).json()["promises"][0]
    facts = [(entry["fact"], entry["says"]["notice"]["receiver"]) for entry in ledger["notices"]]
    assert ("NoticeSent", "citizen") in facts
    read = await system.database("intake")["accesses"].find_one({"what": f"reach of case {case_id}"})
    assert read is not None
    assert (read["by"], read["role"]) == ("callback-0581", "system")
    for name in await system.database("callback").list_collection_names():
        assert "sven.notice" not in repr(await system.database("callback")[name].find().to_list()), name
    assert "sven.notice" not in "\n".join(system.log_lines("callback"))
    assert "sven.notice" not in repr([record.value for record in await read_topics(system)])


async def test_how_a_citizen_is_reached_is_told_to_the_whole_municipality_s_own_systems_alone(
    system: System, guide: Person
) -> None:
    told = await guide.report(contact("email", "city.planning"))
    path = f"/cases/{told['case_id']}/reach"
    own, department = person(system, "system"), person(system, "system", department="building")
    stranger = person(system, "system", municipality="2380")
    assert (await own.get("intake", path, channels="sms")).json() == {
        "case_reference": told["case_reference"],
        "channel": "sms",
        "address": "+46701740612",
        "reason": None,
    }
    assert (await department.get("intake", path, channels="sms")).status_code == 403
    assert (await stranger.get("intake", path, channels="sms")).status_code == 404
    for role in ("head", "admin"):
        assert (await person(system, role).get("callback", "/notices/held")).json() == {
            "items": [],
            "next": None,
        }
        narrow = person(system, role, department="building")
        assert (await narrow.get("callback", "/notices/held")).status_code == 403
