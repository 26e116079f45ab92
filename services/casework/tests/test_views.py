"""The owners' list: whose case it is now, by whom, until when; topics in any order."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from casework.views import NO_TIME_LIMIT, project
from chassis.reacting import Message
from lofte_events import (
    CaseAwaitingCitizen,
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseRouted,
    ContactReceived,
    Contract,
    Envelope,
    NoteAdded,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ACT: dict[str, Any] = {
    "case_id": "c1",
    "owner": "group.city",
    "by": "anna",
    "route_number": 1,
    "promise_number": 1,
}
PROMISE: dict[str, Any] = {"case_id": "c1", "owner": "group.city", "due_at": NOW}


def message(contract: Contract) -> Message:
    return Message(Envelope("e", contract.TYPE, "/0581/x/y", "c1", NOW, 1, "0581"), contract, None)


def fold(*contracts: Contract) -> dict[str, Any]:
    body: dict[str, Any] | None = None
    for contract in contracts:
        body = project(body, message(contract))
    return body or {}


def contact(*, opens_case: bool = True) -> ContactReceived:
    return ContactReceived(
        case_id="c1",
        contact_id="k1",
        case_reference="R",
        opens_case=opens_case,
        channel="phone",
        citizen_kind="person",
        live=True,
        received_at=NOW,
        accepted_at=NOW,
        dataref="/contacts/k1",
    )


def route(number: int, owner: str, answers: int | None = None) -> CaseRouted:
    return CaseRouted(
        case_id="c1",
        route_number=number,
        owner=owner,
        cause="contact",
        hand_over_number=answers,
        rule="r",
        rule_version=1,
        reason="Because.",
        asked_at=NOW,
        routed_at=NOW,
    )


def made(number: int = 1, hours: int = 4) -> PromiseMade:
    due_at = NOW + timedelta(hours=hours)
    told = {**PROMISE, "promise_number": number, "due_at": due_at, "policy": "p", "policy_version": 1}
    return PromiseMade.model_validate({**told, "from_at": NOW, "made_at": NOW})


CLAIMED = CaseClaimed.model_validate({**ACT, "claimed_at": NOW})
FORWARDED = CaseForwarded.model_validate({**ACT, "hand_over_number": 1, "asked_at": NOW, "forwarded_at": NOW})
RESOLVED = CaseResolved.model_validate({**ACT, "minutes": 5, "occurred_at": NOW, "dataref": "/x"})
REOPENED = CaseReopened.model_validate(
    {**ACT, "owes_promise": False, "cause": "contact", "asked_at": NOW, "reopened_at": NOW}
)


def test_a_case_is_listed_once_it_has_a_contact_and_an_owner() -> None:
    assert not fold(contact())["listed"]
    assert not fold(route(1, "group.city"))["listed"]
    assert fold(contact(), route(1, "group.city"))["listed"]
    assert not fold(contact(opens_case=False), route(1, "group.city"))["listed"]


def test_a_claim_lasts_until_the_hand_over_whatever_is_read_first() -> None:
    assert fold(contact(), route(1, "group.city"), CLAIMED)["handler"] == "anna"
    assert fold(contact(), CLAIMED, route(1, "group.city"))["handler"] == "anna"
    assert fold(contact(), route(1, "group.city"), CLAIMED, FORWARDED)["handler"] is None
    routes = (route(1, "group.city"), route(2, "department.building", 1))
    assert fold(contact(), CLAIMED, FORWARDED, *routes)["handler"] is None


def test_a_case_is_on_its_way_until_the_route_that_answers_it() -> None:
    assert fold(contact(), route(1, "group.city"), FORWARDED)["status"] == "handed-over"
    there = fold(contact(), FORWARDED, route(1, "group.city"), route(2, "department.building", 1))
    assert (there["status"], there["owner"]) == ("open", "department.building")


def test_a_resolved_case_leaves_the_list_and_a_reopened_one_comes_back() -> None:
    start = (contact(), route(1, "group.city"))
    assert not fold(*start, RESOLVED)["listed"]
    assert fold(*start, RESOLVED, REOPENED)["listed"]


def test_a_case_that_awaits_the_citizen_says_until_when() -> None:
    until = NOW + timedelta(days=2)
    told = {**ACT, "reason": "time_chosen_by_citizen", "occurred_at": NOW, "until": until}
    awaiting = CaseAwaitingCitizen.model_validate(told)
    resumed = CaseResumed.model_validate({**ACT, "cause": "request", "resumed_at": NOW})
    start = (contact(), route(1, "group.city"), awaiting)
    assert fold(*start)["status"] == "awaiting"
    assert fold(*start)["awaiting"] == {"reason": "time_chosen_by_citizen", "since": NOW, "until": until}
    assert fold(*start, resumed)["status"] == "open"


def test_the_least_time_left_is_that_of_the_promise_that_is_owed() -> None:
    start = (contact(), route(1, "group.city"))
    broken = PromiseBroken.model_validate(
        {**PROMISE, "promise_number": 1, "broken_at": NOW, "judged_at": NOW}
    )
    kept = PromiseKept.model_validate({**PROMISE, "promise_number": 1, "kept_at": NOW, "how": "reached"})
    assert fold(*start)["least_at"] == NO_TIME_LIMIT
    assert fold(*start, made())["least_at"] == NOW + timedelta(hours=4)
    assert fold(*start, made(), broken)["least_at"] == NOW, "broken is still owed"
    assert fold(*start, made(), kept)["least_at"] == NO_TIME_LIMIT


def test_of_two_promises_the_later_one_counts_in_any_order() -> None:
    first, second = made(), made(2, hours=9)
    bodies = [fold(*order) for order in permutations((contact(), route(1, "group.city"), first, second))]
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["promise"] == {
        "number": 2,
        "state": "open",
        "due_at": NOW + timedelta(hours=9),
        "broken": False,
    }


def test_further_contacts_are_seen() -> None:
    assert fold(contact(), route(1, "group.city"), contact(opens_case=False))["contacts"] == 2


def test_what_the_list_does_not_show_changes_nothing() -> None:
    note = NoteAdded.model_validate({**ACT, "note_id": "n", "added_at": NOW, "dataref": "/x"})
    assert project(None, message(note)) is None
    body = fold(contact())
    assert project(body, message(note)) == body
