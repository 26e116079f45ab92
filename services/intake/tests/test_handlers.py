"""Taking a contact down: once per key, sealed before it is decided on, under a reference that nobody else has."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chassis.commit import Cause
from chassis.errors import InvalidInput, KeyReused, OutcomeUnknown
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from intake import domain
from intake.domain import is_case_reference
from intake.handlers import Desk, Told, case_of, decider, find_contact, receive_contact
from intake.publisher import to_contracts
from lofte_events import ContactReceived
from pymongo import AsyncMongoClient

pytestmark = pytest.mark.mongo  # the keys are kept in MongoDB; the log is in memory
CODE = "0581"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NAME, PHONE, TEXT = "Signe Testsson", "+46701740605", "My neighbour's tree"
TOLD = Told(
    channel="phone",
    citizen_kind="person",
    name=NAME,
    phone=PHONE,
    email=None,
    subject=TEXT,
    text=TEXT,
    topic="city.parking",
    menu_choice=None,
    asked_for=None,
    occurred_at=None,
    live=None,
    case_id=None,
)


@pytest.fixture
async def desk(mongo_uri: str, unique: str) -> AsyncIterator[Desk]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    clock = ManualClock(NOW)
    yield Desk(MemoryStore(clock), clock, KeyRing(client[unique], b"k" * 32, clock), decider())
    await client.drop_database(unique)
    await client.close()


def cause(key: str, body: str = "b") -> Cause:
    return Cause(f"request:anna:{key}", "anna", body)


def store(desk: Desk) -> MemoryStore:
    assert isinstance(desk.store, MemoryStore)
    return desk.store


async def test_a_request_sent_again_or_at_once_is_one_contact_with_one_answer(desk: Desk) -> None:
    first = await receive_contact(desk, CODE, TOLD, cause("k1"))
    again = await asyncio.gather(*(receive_contact(desk, CODE, TOLD, cause("k1")) for _ in range(3)))
    assert all(answer == first for answer in again)
    assert len(store(desk).commits) == 1
    assert first["case_id"] == case_of(first["contact_id"])
    assert is_case_reference(first["case_reference"])


async def test_the_same_key_for_another_body_is_refused(desk: Desk) -> None:
    await receive_contact(desk, CODE, TOLD, cause("k1"))
    with pytest.raises(KeyReused):
        await receive_contact(desk, CODE, replace(TOLD, text="another"), cause("k1", "another"))


async def test_keys_are_the_clients_own(desk: Desk) -> None:
    await receive_contact(desk, CODE, TOLD, cause("k1"))
    await receive_contact(desk, CODE, TOLD, Cause("request:bo:k1", "bo", "b"))
    await receive_contact(desk, "2380", TOLD, cause("k1"))
    assert len({commit.stream for commit in store(desk).commits}) == 3


async def test_a_reference_that_is_taken_is_drawn_again(desk: Desk) -> None:
    first = await receive_contact(desk, CODE, TOLD, cause("k1"))
    # Somebody else's case has the very reference that this one would draw.
    [taken] = store(desk).commits
    elsewhere = replace(desk, store=MemoryStore(desk.clock))
    await elsewhere.store.append(replace(taken, stream=f"{CODE}.contact-other", cause=cause("other")))
    again = await receive_contact(elsewhere, CODE, TOLD, cause("k1"))
    assert again["case_id"] == first["case_id"]
    assert again["case_reference"] == domain.case_reference(first["case_id"], 1) != first["case_reference"]


async def test_the_same_reference_may_exist_in_another_municipality(desk: Desk) -> None:
    await receive_contact(desk, CODE, TOLD, cause("k1"))
    [taken] = store(desk).commits
    await store(desk).append(replace(taken, municipality="2380", stream="2380.contact-x"))


async def test_a_further_contact_joins_the_case_that_it_names(desk: Desk) -> None:
    first = await receive_contact(desk, CODE, TOLD, cause("k1"))
    further = await receive_contact(desk, CODE, replace(TOLD, case_id=first["case_id"]), cause("k2"))
    assert further["case_id"] == first["case_id"]
    assert further["case_reference"] == first["case_reference"]
    assert further["contact_id"] != first["contact_id"]
    contact = await find_contact(desk, CODE, further["contact_id"])
    assert contact is not None
    assert not contact.opens_case


async def test_a_case_must_be_of_this_municipality_and_opened_by_its_contact(desk: Desk) -> None:
    first = await receive_contact(desk, CODE, TOLD, cause("k1"))
    further = await receive_contact(desk, CODE, replace(TOLD, case_id=first["case_id"]), cause("k2"))
    strangers = [
        (CODE, case_of("00000000-0000-5000-8000-000000000000")),
        (CODE, case_of(further["contact_id"])),
        (CODE, first["contact_id"]),
        ("2380", first["case_id"]),
    ]
    for number, (municipality, case_id) in enumerate(strangers):
        with pytest.raises(InvalidInput) as refused:
            await receive_contact(desk, municipality, replace(TOLD, case_id=case_id), cause(f"s{number}"))
        assert refused.value.extra["errors"][0]["field"] == "case_id"
    assert len(store(desk).commits) == 2


async def test_what_happened_too_long_ago_is_refused_by_its_field(desk: Desk) -> None:
    with pytest.raises(InvalidInput) as refused:
        await receive_contact(desk, CODE, replace(TOLD, occurred_at=NOW - timedelta(days=31)), cause("k1"))
    assert refused.value.extra["errors"][0]["field"] == "occurred_at"
    assert store(desk).commits == []


async def test_an_answer_that_was_lost_is_got_with_the_same_key(desk: Desk) -> None:
    store(desk).unreachable = 1
    with pytest.raises(OutcomeUnknown):
        await receive_contact(desk, CODE, TOLD, cause("k1"))
    assert (await receive_contact(desk, CODE, TOLD, cause("k1")))["case_reference"]


async def test_nothing_that_a_person_said_is_kept_or_published_in_clear(desk: Desk) -> None:
    answer = await receive_contact(desk, CODE, TOLD, cause("k1"))
    [commit] = store(desk).commits
    [contract] = to_contracts(desk.decider, commit)
    assert isinstance(contract, ContactReceived)
    for said in (NAME, PHONE, TEXT):
        assert said not in repr(commit)
        assert said not in contract.model_dump_json()
    assert contract.dataref == f"/contacts/{answer['contact_id']}"
    contact = await find_contact(desk, CODE, answer["contact_id"])
    assert contact is not None
    key = await desk.keys.find(contact.details.citizen_key)
    assert key is not None
    assert key.open("phone", contact.details.phone or b"") == PHONE


async def test_the_same_citizen_has_one_random_name_and_who_left_no_address_has_none(desk: Desk) -> None:
    for key in ("k1", "k2"):
        await receive_contact(desk, CODE, TOLD, cause(key))
    await receive_contact(desk, CODE, replace(TOLD, phone=None), cause("k3"))
    events = [desk.decider.codec.restore(commit.events[0]) for commit in store(desk).commits]
    refs = [event.citizen_ref for event in events if isinstance(event, domain.ContactReceived)]
    assert refs[0] == refs[1] is not None
    assert refs[2] is None
