"""What routing makes of the contracts of others, once; and what it publishes."""

import asyncio
from datetime import UTC, datetime

import pytest
from chassis.errors import OutcomeUnknown
from chassis.reacting import Message
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import (
    CaseForwarded,
    CaseReturned,
    CaseRouted,
    ContactReceived,
    Contract,
    Envelope,
    NoteAdded,
)
from routing.consumers import react
from routing.handlers import Router, decider
from routing.publisher import to_contracts

from .test_domain import BOOK

CODE, CASE = "0581", "c1"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def message(contract: Contract, source: str, sequence: int = 1) -> Message:
    envelope = Envelope(f"{source}-{sequence}", contract.TYPE, f"/{CODE}/{source}", CASE, NOW, sequence, CODE)
    return Message(envelope, contract, None)


def received(*, opens_case: bool = True) -> Message:
    contract = ContactReceived(
        case_id=CASE,
        contact_id="k1" if opens_case else "k2",
        case_reference="R",
        opens_case=opens_case,
        channel="phone",
        citizen_kind="person",
        topic="city.parking",
        live=True,
        received_at=NOW,
        accepted_at=NOW,
        dataref="/contacts/k1",
    )
    return message(contract, f"intake/contact-{contract.contact_id}")


STANDING = {"case_id": CASE, "by": "anna", "promise_number": 1, "asked_at": NOW}
FORWARDED = message(
    CaseForwarded.model_validate(
        {
            **STANDING,
            "owner": "group.city",
            "route_number": 1,
            "hand_over_number": 1,
            "to_topic": "city.parking",
            "forwarded_at": NOW,
        }
    ),
    "casework/case-c1",
    4,
)
RETURNED = message(
    CaseReturned.model_validate(
        {
            **STANDING,
            "owner": "department.streets",
            "route_number": 2,
            "hand_over_number": 2,
            "reason_code": "could_have_been_answered",
            "returned_at": NOW,
        }
    ),
    "casework/case-c1",
    6,
)


@pytest.fixture
def router() -> Router:
    clock = ManualClock(NOW)
    return Router(MemoryStore(clock), clock, {CODE: BOOK}, decider())


def published(router: Router) -> list[CaseRouted]:
    assert isinstance(router.store, MemoryStore)
    found = [c for commit in router.store.commits for c in to_contracts(router.decider, commit)]
    return [contract for contract in found if isinstance(contract, CaseRouted)]


async def test_a_case_is_routed_passed_on_and_sent_back(router: Router) -> None:
    for told in (received(), FORWARDED, RETURNED):
        await react(router, told)
    assert [(made.route_number, made.owner, made.cause) for made in published(router)] == [
        (1, "group.city", "contact"),
        (2, "department.streets", "forward"),
        (3, "group.city", "return"),
    ]


async def test_a_further_contact_makes_no_route(router: Router) -> None:
    await react(router, received(opens_case=False))
    assert published(router) == []
    await react(router, received())
    await react(router, received(opens_case=False))
    assert len(published(router)) == 1


async def test_whatever_is_read_again_or_at_once_is_routed_once(router: Router) -> None:
    for told in (received(), FORWARDED, RETURNED):
        await asyncio.gather(*(react(router, told) for _ in range(4)))
        await react(router, told)
    assert [made.route_number for made in published(router)] == [1, 2, 3]


async def test_a_route_that_nobody_could_confirm_is_made_when_the_message_is_read_again(
    router: Router,
) -> None:
    assert isinstance(router.store, MemoryStore)
    router.store.unreachable = 1
    with pytest.raises(OutcomeUnknown):
        await react(router, received())
    await react(router, received())
    assert len(published(router)) == 1


async def test_a_hand_over_before_its_contact_publishes_nothing_yet(router: Router) -> None:
    await react(router, FORWARDED)
    assert published(router) == []
    await react(router, received())
    assert [made.route_number for made in published(router)] == [1, 2]


async def test_what_concerns_no_route_is_passed(router: Router) -> None:
    note = NoteAdded.model_validate(
        {
            **STANDING,
            "owner": "group.city",
            "route_number": 1,
            "note_id": "n",
            "added_at": NOW,
            "dataref": "/cases/c1/history",
        }
    )
    await react(router, message(note, "casework/case-c1"))
    assert isinstance(router.store, MemoryStore)
    assert router.store.commits == []
