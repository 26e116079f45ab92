"""What callback makes of the contracts of others: facts of a promise, or nothing. And what it publishes."""

from dataclasses import replace
from datetime import datetime

import pytest
from callback.consumers import react
from callback.domain import Attempt, Promise, Reply, Resume, Window
from callback.handlers import Promises, decider, judge, stream_of
from callback.publisher import to_contracts
from chassis.reacting import Message
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import (
    CallbackDue,
    CaseAwaitingCitizen,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseRouted,
    CaseWithdrawn,
    CitizenAskedAgain,
    CitizenContacted,
    ContactReceived,
    Contract,
    Envelope,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseMade,
    Reachable,
)

from .given import BOOKS, at
from .test_events import EVERY_EVENT

CODE, CASE = "0581", "c1"


def message(contract: Contract, source: str, sequence: int = 1, stored_at: datetime | None = None) -> Message:
    envelope = Envelope(
        id=f"{source}-{sequence}",
        type=contract.TYPE,
        source=f"/{CODE}/{source}",
        subject=CASE,
        time=at("09:00"),
        sequence=sequence,
        municipality=CODE,
        stored_at=stored_at,
    )
    return Message(envelope, contract, None)


def received(
    *, opens_case: bool = True, live: bool = False, reachable: tuple[Reachable, ...] = ()
) -> Message:
    contract = ContactReceived(
        case_id=CASE,
        contact_id="k1" if opens_case else "k2",
        case_reference="R",
        opens_case=opens_case,
        channel="phone" if live else "email",
        citizen_kind="person",
        topic="city.building-permit",
        live=live,
        received_at=at("09:00"),
        accepted_at=at("09:00"),
        dataref="/contacts/k1",
        reachable=reachable,
    )
    return message(contract, f"intake/contact-{contract.contact_id}")


def routed(number: int, owner: str, promise_number: int = 1) -> Message:
    contract = CaseRouted(
        case_id=CASE,
        route_number=number,
        owner=owner,
        cause="contact",
        promise_number=promise_number,
        rule="r",
        rule_version=1,
        reason="Because.",
        asked_at=at("09:00"),
        routed_at=at("09:01"),
    )
    return message(contract, "routing/route-c1", number)


STANDING = {
    "case_id": CASE,
    "owner": "department.building",
    "by": "anna",
    "route_number": 1,
    "promise_number": 1,
}


def contacted(outcome: str, clock: str, sequence: int, stored: str | None = None) -> Message:
    contract = CitizenContacted.model_validate({**STANDING, "outcome": outcome, "occurred_at": at(clock)})
    return message(contract, "casework/case-c1", sequence, at(stored or clock))


@pytest.fixture
def promises() -> Promises:
    clock = ManualClock(at("09:01"))
    return Promises(MemoryStore(clock), clock, {CODE: BOOKS}, decider())


async def fold(promises: Promises, *messages: Message, number: int = 1) -> Promise:
    for told in messages:
        await react(promises, told)
    return promises.decider.fold(await promises.store.load(CODE, stream_of(CODE, CASE, number)))


async def test_the_opening_contact_starts_the_clock_and_a_further_one_starts_none(promises: Promises) -> None:
    assert await fold(promises, received(opens_case=False)) == Promise()
    promise = await fold(promises, received(), routed(1, "department.building"), received(opens_case=False))
    assert promise.terms is not None
    assert promise.terms.due_at == at("13:00")


@pytest.mark.parametrize(
    "outcome", ["no_answer", "busy", "voicemail", "wrong_number", "refused", "later-word"]
)
async def test_an_attempt_keeps_no_promise(promises: Promises, outcome: str) -> None:
    promise = await fold(
        promises, received(), routed(1, "department.building"), contacted(outcome, "10:00", 1)
    )
    assert not promise.ended
    assert [type(fact) for fact in promise.facts] == [Attempt]


@pytest.mark.parametrize("outcome", ["reached", "answered_in_writing"])
async def test_who_reaches_or_answers_keeps_it(promises: Promises, outcome: str) -> None:
    promise = await fold(
        promises, contacted(outcome, "10:00", 1), received(), routed(1, "department.building")
    )
    assert promise.kept is not None
    assert (promise.kept.kept_at, promise.kept.how) == (at("10:00"), outcome)


def of_case(kind: type[Contract], clock: str, sequence: int, **told: object) -> Message:
    contract = kind.model_validate({**STANDING, **told})
    told_at = message(contract, "casework/case-c1", sequence, at(clock))
    return replace(told_at, envelope=replace(told_at.envelope, time=at(clock)))


OWED = (received(), routed(1, "department.building"))


async def test_a_case_that_awaits_the_citizen_pauses_the_promise_until_it_resumes(promises: Promises) -> None:
    awaiting = of_case(CaseAwaitingCitizen, "10:30", 1, reason="awaiting_citizen", occurred_at=at("10:00"))
    paused = await fold(promises, *OWED, awaiting)
    assert paused.paused is not None
    assert paused.paused.paused_at == at("10:15"), "told late, it counts from the limit before it was stored"
    resumed = of_case(CaseResumed, "11:30", 2, cause="request", resumed_at=at("11:30"))
    promise = await fold(promises, resumed)
    assert promise.clock is not None
    assert promise.clock.due_at == at("14:15")
    assert not any(isinstance(fact, Reply) for fact in promise.facts)


async def test_a_contact_that_ends_the_waiting_is_a_reply_too(promises: Promises) -> None:
    resumed = of_case(CaseResumed, "11:30", 2, cause="contact", contact_id="k2", resumed_at=at("11:20"))
    promise = await fold(promises, *OWED, resumed)
    assert promise.facts == (Resume("contact", at("11:20")), Reply(at("11:20"), at("11:30")))


async def test_a_case_that_needs_no_answer_withdraws_its_promise_and_a_further_contact_owes_it_again(
    promises: Promises,
) -> None:
    withdrawn = of_case(CaseWithdrawn, "10:00", 1, reason="cancelled", occurred_at=at("10:00"))
    promise = await fold(promises, *OWED, withdrawn)
    assert promise.withdrawn is not None
    assert (promise.withdrawn.reason, promise.withdrawn.by) == ("cancelled", "anna")
    asked = of_case(CitizenAskedAgain, "10:30", 2, contact_id="k2", asked_at=at("10:20"))
    promise = await fold(promises, asked)
    assert promise.clock is not None
    assert promise.clock.due_at == at("13:20")


async def test_a_forward_alone_promises_nothing(promises: Promises) -> None:
    forwarded = CaseForwarded.model_validate(
        {
            **STANDING,
            "hand_over_number": 1,
            "to_owner": "department.streets",
            "asked_at": at("09:00"),
            "forwarded_at": at("09:10"),
        }
    )
    told = received(live=True), routed(1, "group.city"), message(forwarded, "casework/case-c1")
    assert (await fold(promises, *told)).terms is None


async def test_a_reopening_within_thirty_days_owes_no_new_promise(promises: Promises) -> None:
    first = await fold(
        promises, received(), routed(1, "department.building"), contacted("reached", "10:00", 1)
    )
    again = await fold(promises, reopened(owes=False, number=1))
    assert again == replace(first, reopening=again.reopening, facts=again.facts)
    assert await fold(promises, number=2) == Promise()


async def test_any_contact_says_when_the_citizen_can_be_reached_and_days_we_do_not_know_are_passed_over(
    promises: Promises,
) -> None:
    days = Reachable(days=("mon", "lundag"), after="15:00", before="18:30")
    unknown = Reachable(days=("lundag",))
    again = received(opens_case=False, reachable=(days, unknown))
    promise = await fold(promises, received(live=False), again)
    assert promise.reachable is not None
    assert promise.reachable.windows == (Window((0,), 15 * 60, 18 * 60 + 30),)


async def test_a_reopening_that_owes_one_makes_the_next_promise(promises: Promises) -> None:
    second = await fold(promises, reopened(owes=True, number=2), number=2)
    assert second.terms is not None
    assert (second.terms.number, second.terms.due_at) == (2, at("14:00", day=3))
    moved = await fold(promises, routed(2, "group.city", promise_number=2), number=2)
    assert moved.terms == second.terms
    assert [route.owner for route in moved.routes] == ["group.city"]


def reopened(*, owes: bool, number: int) -> Message:
    contract = CaseReopened(
        case_id=CASE,
        owner="department.building",
        route_number=1,
        promise_number=number,
        owes_promise=owes,
        cause="contact",
        topic="city.building-permit",
        asked_at=at("10:00", day=3),
        reopened_at=at("10:01", day=3),
    )
    return message(contract, "casework/case-c1", 5)


async def test_whoever_back_dates_an_act_further_than_the_limit_is_late(promises: Promises) -> None:
    told = received(), routed(1, "department.building"), contacted("reached", "09:30", 1, stored="13:20")
    assert (await fold(promises, *told)).kept is None


async def test_transport_however_slow_breaks_no_promise(promises: Promises) -> None:
    assert isinstance(promises.clock, ManualClock)
    promises.clock.moment = at("09:00", day=20)  # all is read after an outage of weeks
    resolved = CaseResolved.model_validate(
        {**STANDING, "minutes": 5, "occurred_at": at("12:00"), "dataref": "/cases/c1/history"}
    )
    promise = await fold(
        promises,
        received(),
        routed(1, "department.building"),
        message(resolved, "casework/case-c1", 1, at("12:00")),
    )
    assert promise.kept is not None


async def published(promises: Promises) -> list[Contract]:
    assert isinstance(promises.store, MemoryStore)
    found = [c for commit in promises.store.commits for c in to_contracts(promises.decider, commit)]
    return [contract for contract in found if contract is not None]


async def test_what_is_promised_and_how_it_ends_leaves_the_house(promises: Promises) -> None:
    await fold(promises, received(), routed(1, "department.building"))
    await judge(promises, CODE, stream_of(CODE, CASE, 1), CASE, at("13:15"))
    await fold(promises, contacted("reached", "15:00", 1))
    made, broken, answered = await published(promises)
    assert isinstance(made, PromiseMade)
    assert (made.case_id, made.promise_number, made.due_at) == (CASE, 1, at("13:00"))
    assert isinstance(broken, PromiseBroken)
    assert broken.broken_at == broken.due_at == at("13:00")
    assert isinstance(answered, PromiseAnsweredLate)
    assert (answered.owner, answered.answered_at) == ("department.building", at("15:00"))


async def test_only_what_callback_itself_knows_is_published(promises: Promises) -> None:
    await fold(promises, received())
    assert isinstance(promises.store, MemoryStore)
    [commit] = promises.store.commits
    every = replace(commit, events=[promises.decider.codec.store(event) for event in EVERY_EVENT])
    told = [type(contract).__name__ for contract in to_contracts(promises.decider, every) if contract]
    assert told == [
        "PromiseMade",
        CallbackDue.__name__,
        "PromisePaused",
        "PromiseResumed",
        "PromiseRenewed",
        "PromiseReopened",
        "PromiseKept",
        "PromiseBroken",
        "PromiseAnsweredLate",
        "PromiseWithdrawn",
    ]
