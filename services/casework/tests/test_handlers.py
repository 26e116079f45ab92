"""The handlers on a store: guards, repeats, and who wins."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from casework.domain import Case, Command
from casework.handlers import Cases, decider, do_act, key_of, load_case, note_fact, seal
from casework.history import entries
from casework.publisher import to_contracts
from chassis.commit import Cause
from chassis.errors import KeyReused, NotAllowed, NotYetVisible, RuleViolation, VersionMismatch
from chassis.handling import Handled
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import Contract
from pymongo import AsyncMongoClient

from .test_domain import CLAIM, FORWARD, NOTE, OPEN, RESOLVE, SEALED, contact, route

CODE, CASE = "0581", "c1"
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@pytest.fixture
async def nowhere() -> AsyncIterator[KeyRing]:
    """Keys of a database that nobody may ask: texts come sealed here."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("mongodb://127.0.0.1:1", connect=False)
    yield KeyRing(client["nowhere"], b"k" * 32, ManualClock(NOW))
    await client.close()


@pytest.fixture
async def cases(nowhere: KeyRing) -> Cases:
    """One open case of group.city, at version 2."""
    clock = ManualClock(NOW)
    made = Cases(MemoryStore(clock), clock, nowhere, decider())
    for number, command in enumerate(OPEN):
        await note_fact(made, CODE, CASE, command, Cause(f"/0581/x/m{number}#note", "casework"))
    return made


def allow(case: Case) -> None: ...


async def act(
    cases: Cases,
    command: Command,
    key: str,
    *,
    if_match: int | None = 2,
    body: str = "b",
    case_id: str = CASE,
) -> Handled[Case]:
    cause = Cause(f"request:anna:{key}", "anna", body)
    return await do_act(cases, CODE, case_id, command, cause, may=allow, if_match=if_match)


def written(cases: Cases) -> int:
    assert isinstance(cases.store, MemoryStore)
    return len(cases.store.commits)


async def test_a_request_sent_again_writes_nothing_and_answers_the_same(cases: Cases) -> None:
    first = await act(cases, CLAIM, "k1")
    await act(cases, RESOLVE, "k2", if_match=3)
    before = written(cases)
    again = await act(cases, CLAIM, "k1")
    assert (again.state, again.version, again.repeated) == (first.state, 3, True)
    assert again.state.status == "open", "as it was told the first time"
    assert written(cases) == before


async def test_the_same_key_for_another_request_is_refused(cases: Cases) -> None:
    await act(cases, CLAIM, "k1")
    with pytest.raises(KeyReused):
        await act(cases, RESOLVE, "k1", body="another", if_match=3)


async def test_a_stale_version_is_told_the_present_one_with_owner_and_handler(cases: Cases) -> None:
    await act(cases, CLAIM, "k1")
    with pytest.raises(VersionMismatch) as mismatch:
        await act(cases, RESOLVE, "k2")
    assert mismatch.value.extra == {"version": 3, "owner": "group.city", "handler": "anna"}


async def test_of_those_who_claim_at_once_one_wins_and_the_others_are_told_who(cases: Cases) -> None:
    names = ("anna", "bo", "cia", "dan")
    outcomes = await asyncio.gather(
        *(act(cases, type(CLAIM)(name), name) for name in names), return_exceptions=True
    )
    [winner] = [outcome for outcome in outcomes if isinstance(outcome, Handled)]
    others = [outcome for outcome in outcomes if isinstance(outcome, VersionMismatch)]
    assert len(others) == 3
    assert {told.extra["handler"] for told in others} == {winner.state.handler}


async def test_who_claims_what_is_claimed_is_told_by_whom(cases: Cases) -> None:
    await act(cases, CLAIM, "k1")
    with pytest.raises(RuleViolation) as broken:
        await act(cases, type(CLAIM)("bo"), "k2", if_match=3)
    assert broken.value.extra == {"code": "already-claimed", "owner": "group.city", "handler": "anna"}


async def test_a_note_needs_no_version_and_is_never_refused_for_one(cases: Cases) -> None:
    await asyncio.gather(*(act(cases, NOTE, f"n{n}", if_match=None) for n in range(3)))
    assert written(cases) == 5


async def test_a_case_that_casework_has_not_heard_of_is_not_yet_visible(cases: Cases) -> None:
    with pytest.raises(NotYetVisible):
        await act(cases, CLAIM, "k1", case_id="c2")
    await note_fact(cases, CODE, "c2", contact(), Cause("/0581/x/m9#note", "casework"), new=True)
    with pytest.raises(NotYetVisible):
        await act(cases, CLAIM, "k2", case_id="c2")
    with pytest.raises(NotYetVisible):
        await load_case(cases, CODE, "c2")


async def test_who_may_not_see_a_case_is_not_told_its_version(cases: Cases) -> None:
    def forbid(case: Case) -> None:
        raise NotAllowed("another department's")

    with pytest.raises(NotAllowed):
        await do_act(cases, CODE, CASE, CLAIM, Cause("request:x:1", "x"), may=forbid, if_match=1)


async def test_a_route_that_comes_while_somebody_acts_is_a_conflict_told_to_nobody_but_the_actor(
    cases: Cases,
) -> None:
    noted, claimed = await asyncio.gather(
        note_fact(cases, CODE, CASE, route(2, "department.building"), Cause("/0581/x/m7#note", "casework")),
        act(cases, CLAIM, "k1"),
        return_exceptions=True,
    )
    assert isinstance(noted, Handled)
    assert isinstance(claimed, Handled | VersionMismatch)
    loaded = await load_case(cases, CODE, CASE)
    assert loaded.case.route == route(2, "department.building").route


async def test_texts_stay_inside(cases: Cases) -> None:
    await act(cases, NOTE, "k1")
    await act(cases, FORWARD, "k2", if_match=3)
    assert isinstance(cases.store, MemoryStore)
    told: list[Contract] = [
        contract
        for commit in cases.store.commits
        for contract in to_contracts(cases.decider, commit)
        if contract
    ]
    assert [type(contract).__name__ for contract in told] == ["NoteAdded", "CaseForwarded"]
    assert not any(SEALED.decode() in contract.model_dump_json() for contract in told)


@pytest.mark.mongo
async def test_a_note_is_sealed_under_the_key_of_its_case_and_read_from_its_history(
    cases: Cases, mongo_uri: str, unique: str
) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    ring = KeyRing(client[unique], b"k" * 32, cases.clock)
    office = Cases(cases.store, cases.clock, ring, cases.decider)
    sealed = await seal(office, CODE, CASE, "note", "ring tomorrow")
    await act(office, type(NOTE)("n1", "anna", sealed), "k1")
    with pytest.raises(NotYetVisible):
        await seal(office, CODE, "no-such-case", "note", "x")
    loaded = await load_case(office, CODE, CASE)
    key = await ring.find(key_of(CODE, CASE))
    assert [entry.text for entry in entries(office.decider, loaded.commits, key)] == [
        None,
        None,
        "ring tomorrow",
    ]
    assert entries(office.decider, loaded.commits, None)[-1].text is None, "erased"
    await client.drop_database(unique)
    await client.close()
