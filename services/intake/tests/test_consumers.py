"""What other systems tell is taken once, whatever comes how often in which order."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.reacting import Raw
from chassis.sealing import open_or_erased
from intake import consumers
from intake.domain import MatterStatusReported, Reachable
from intake.handlers import Told, receive_contact
from intake.matters import find_matters
from intake.publisher import to_contracts
from lofte_events import ContactReceived

from .submitting import (
    CODE,
    NAME,
    PHONE,
    SOURCE,
    TEXT,
    binary,
    contact_data,
    contact_plain,
    matter,
    matter_data,
    raw,
    structured,
)
from .town import NEW, NOW, OLD, Town

TOLD_THEN = {
    "municipality": CODE,
    "channel": "web",
    "citizen": {"kind": "person", "name": NAME, "phone": "+46701740605", "email": None},
    "subject": TEXT,
    "text": TEXT,
    "topic": "city.parking",
    **dict.fromkeys(
        ("menu_choice", "asked_for", "occurred_at", "live", "case_id", "history", "agreed_due_at")
    ),
}

pytestmark = pytest.mark.mongo  # the keys are kept in MongoDB; the log is in memory


@pytest.mark.parametrize("mode", [binary, structured])
@pytest.mark.parametrize("key", [NEW, OLD], ids=["newest key", "older key"])
async def test_a_contact_is_taken_down_as_the_api_would(
    town: Town, mode: Callable[..., Raw], key: Any
) -> None:
    await town.tell(mode("e1", contact_data(key, occurred_at="2026-03-01T10:00:00+01:00")))
    [contact] = town.contacts()
    assert (contact.channel, contact.topic, contact.opens_case, contact.live) == (
        "web",
        "city.parking",
        True,
        False,
    )
    assert contact.received_at == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert contact.accepted_at == NOW
    citizen = await town.desk.keys.find(contact.details.citizen_key)
    case = await town.desk.keys.find(contact.details.case_key)
    assert open_or_erased(citizen, "name", contact.details.name) == NAME
    assert open_or_erased(citizen, "phone", contact.details.phone) == "+46701740605"
    assert open_or_erased(case, "text", contact.details.text) == TEXT
    # The same citizen who calls is known by the same name.
    told = Told("phone", "person", None, "+46701740605", None, "?", None, None, None, None, None, None, None)
    await receive_contact(town.desk, CODE, told, consumers.Cause("request:anna:k", "anna"))
    assert town.contacts()[1].citizen_ref == contact.citizen_ref
    assert town.rejections() == []


async def test_a_time_agreed_with_the_citizen_and_when_they_can_be_reached_are_taken(town: Town) -> None:
    said = [{"days": ["mon", "tue"], "after": "15:00"}]
    data = contact_data(NEW, agreed_due_at="2026-03-04T15:00:00Z", reachable=said)
    await town.tell(binary("a", data))
    [contact] = town.contacts()
    assert contact.agreed_due_at == datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert contact.reachable == (Reachable(("mon", "tue"), "15:00", "24:00"),)
    [told] = to_contracts(town.desk.decider, town.store.commits[-1])
    assert isinstance(told, ContactReceived)
    assert [window.model_dump() for window in told.reachable] == [
        {"days": ("mon", "tue"), "after": "15:00", "before": "24:00"}
    ]


async def test_a_message_is_one_contact_however_often_in_whatever_mode_and_seal_it_comes(town: Town) -> None:
    await town.tell(*(binary("e1", contact_data(NEW)) for _ in range(3)))
    await town.tell(structured("e1", contact_data(OLD)), binary("e1", contact_data(NEW)))
    await asyncio.gather(*(town.tell(binary("e1", contact_data(NEW))) for _ in range(5)))
    assert len(town.store.commits) == 1
    assert town.store.commits[0].causation_id == "e1"


async def test_ids_are_the_senders_own_and_never_run_together(town: Town) -> None:
    pairs = [("/a/b", "c"), ("/a", "b/c"), ("/a", "b%2Fc"), ("/a", "b#receive-contact"), ("request:x:k", "c")]
    await town.tell(*(binary(event_id, contact_data(NEW), source=source) for source, event_id in pairs))
    assert len({contact.contact_id for contact in town.contacts()}) == len(pairs)


async def test_a_repeat_after_keys_and_time_have_changed_is_still_a_repeat(town: Town) -> None:
    then = binary("e1", contact_data(OLD, occurred_at="2026-03-01T10:00:00+01:00"))
    await town.tell(then)
    town.keys = [NEW]
    await town.tell(then)
    town.keys = [NEW, OLD]
    town.desk.clock.advance(timedelta(days=40))  # type: ignore[attr-defined]
    await town.tell(then)
    assert len(town.store.commits) == 1


async def test_what_was_told_before_times_to_be_reached_could_be_comes_again_as_the_same(town: Town) -> None:
    """A digest is kept for ever: this is what was digested before `reachable` came."""
    await town.tell(binary("e1", contact_data(NEW)))
    [commit] = town.store.commits
    body = json.dumps(TOLD_THEN, ensure_ascii=False, separators=(",", ":"))
    assert commit.cause.body_hash == town.desk.keys.blind_index(CODE, f"message:{body}")
    said = {"reachable": [{"days": ["mon"], "after": "15:00"}]}
    rejected = await town.rejection(binary("e1", contact_data(NEW, **said)))
    assert rejected.reason == "id-reused"


async def test_another_body_under_the_same_id_is_rejected_and_the_first_stands(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW)))
    another = contact_plain(text="another")
    for told in (contact_data(NEW, another), contact_data(NEW, another, topic="city.unicorns")):
        rejected = await town.rejection(binary("e1", told))
        assert (rejected.reason, rejected.field) == ("id-reused", "id")
    assert (rejected.message_source, rejected.message_id) == (SOURCE, "e1")
    assert len(town.contacts()) == 1


async def test_what_was_rejected_is_mended_and_sent_again_under_its_id(town: Town) -> None:
    await town.rejection(binary("e1", contact_data(NEW, topic="city.unicorns")))
    await town.tell(binary("e1", contact_data(NEW)))
    assert len(town.contacts()) == 1


async def test_a_rejection_is_told_once_however_often_the_record_is_read(town: Town) -> None:
    bad = raw(b"\xff\x00", {})
    await town.tell(bad, bad)
    await town.tell(bad)
    assert len(town.rejections()) == 1
    # A topic that was made anew counts from 0 again.
    await town.tell(replace(bad, timestamp=bad.timestamp + 1))
    assert len(town.rejections()) == 2


async def test_the_longest_text_that_the_api_takes_is_taken(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW, contact_plain(text="ö" * (32 * 1024)))))
    assert len(town.contacts()) == 1


async def test_a_further_contact_joins_its_case(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW)))
    case_id = town.contacts()[0].case_id
    await town.tell(structured("e2", contact_data(NEW, case_id=case_id)))
    assert [contact.case_id for contact in town.contacts()] == [case_id, case_id]
    assert [contact.opens_case for contact in town.contacts()] == [True, False]


async def matters(town: Town, ref: str) -> list[tuple[str, str, str | None]]:
    found = await find_matters(town.desk, CODE, ref)
    return [(shown.report.matter, shown.report.status, shown.next_step) for shown in found]


async def ref_of(town: Town, event_id: str, **citizen: str) -> str:
    """The name of whoever calls from there."""
    await town.tell(binary(event_id, contact_data(NEW, contact_plain(citizen={"kind": "person", **citizen}))))
    ref = town.contacts()[-1].citizen_ref
    assert ref is not None
    return ref


async def test_a_matter_is_found_by_the_citizen_who_calls_before_or_after(town: Town) -> None:
    step = "Skicka in ritningarna"
    await town.tell(matter("m1", matter_data(NEW, {"email": "Signe@Example.se", "next_step": step})))
    by_phone = await ref_of(town, "c1", phone="0046701740605")
    by_email = await ref_of(town, "c2", email="signe@example.se")
    assert by_phone != by_email
    for ref in (by_phone, by_email):
        assert await matters(town, ref) == [("BYGG-2026-000123", "in-progress", step)]
    await town.tell(matter("m2", matter_data(None, matter="B-2", citizen_ref=by_phone, status="decided")))
    assert {name for name, *_ in await matters(town, by_phone)} == {"BYGG-2026-000123", "B-2"}
    assert await matters(town, await ref_of(town, "c3", phone="070-174 06 12")) == []
    assert await find_matters(town.desk, "2380", by_phone) == []
    assert step not in repr(town.store.commits)


async def test_the_newest_report_holds_in_whatever_order_and_however_often_they_come(town: Town) -> None:
    ref = await ref_of(town, "c", phone=PHONE)
    at = "2026-03-02T0{}:00:00Z"
    reports = [
        matter("m1", matter_data(NEW, status="received", reported_at=at.format(5))),
        matter("m2", matter_data(NEW, status="in-progress", reported_at=at.format(6))),
        matter("m3", matter_data(NEW, status="decided", reported_at=at.format(7))),
        matter("m4", matter_data(NEW, status="closed", reported_at=at.format(7))),  # of two, the greater id
    ]
    for number, order in enumerate(([3, 0, 1, 2], [0, 2, 3, 1], [2, 1, 0, 3, 3, 0])):
        source = f"/system-{number}"
        headers = [[(n, source.encode() if n == "ce_source" else v) for n, v in r.headers] for r in reports]
        await town.tell(*(replace(reports[place], headers=headers[place]) for place in order))
    assert await matters(town, ref) == [("BYGG-2026-000123", "closed", None)] * 3
    assert len([c for c in town.store.commits if ".matter-" in c.stream]) == 3 * 4
    assert town.rejections() == []


async def test_a_matter_that_passed_to_somebody_else_is_shown_to_them_alone(town: Town) -> None:
    first, second = await ref_of(town, "c1", phone=PHONE), await ref_of(town, "c2", phone="070-174 06 12")
    await town.tell(matter("m1", matter_data(NEW)))
    later = {"phone": "070-174 06 12"}
    await town.tell(matter("m2", matter_data(NEW, later, reported_at="2026-03-02T07:30:00Z")))
    assert await matters(town, first) == []
    assert [name for name, *_ in await matters(town, second)] == ["BYGG-2026-000123"]


async def test_a_matter_is_the_systems_that_tells_it(town: Town) -> None:
    ref = await ref_of(town, "c1", phone=PHONE)
    await town.tell(matter("m1", matter_data(NEW)), matter("m1", matter_data(NEW), source="/other"))
    assert len(await matters(town, ref)) == 2


async def test_another_report_under_the_same_id_is_rejected(town: Town) -> None:
    ref = await ref_of(town, "c1", phone=PHONE)
    await town.tell(matter("m1", matter_data(NEW)))
    rejected = await town.rejection(matter("m1", matter_data(NEW, {"phone": "070-174 06 12"})))
    assert rejected.reason == "id-reused"
    assert len(await matters(town, ref)) == 1


async def test_matters_stay_in_the_house_and_their_times_read_back_as_written(town: Town) -> None:
    told = matter("m1", matter_data(NEW, reported_at="2026-03-02T07:00:00.123456Z"))
    await town.tell(told, told)
    stored = [event for event in town._events() if isinstance(event, MatterStatusReported)]
    assert [event.reported_at.microsecond for event in stored] == [123_000]
    assert all(
        contract is None for c in town.store.commits for contract in to_contracts(town.desk.decider, c)
    )
    assert all(commit.inside for commit in town.store.commits)
