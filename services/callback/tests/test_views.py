"""The list of promises: one row per promise, whichever of route and promise is read first."""

from typing import Any

from callback.views import key, project
from chassis.reacting import Message
from lofte_events import (
    CallbackDue,
    Contract,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
)

from .given import at
from .test_consumers import contacted, message, received, routed

PROMISE = {"case_id": "c1", "promise_number": 1, "owner": "department.building", "due_at": at("13:00")}
MADE = PromiseMade.model_validate(
    {**PROMISE, "policy": "p", "policy_version": 1, "from_at": at("09:00"), "made_at": at("09:02")}
)


def fold(*messages: Message) -> dict[str, Any]:
    body: dict[str, Any] | None = None
    for told in messages:
        body = project(body, told)
    return body or {}


def of_promise(contract: Contract, sequence: int = 1) -> Message:
    return message(contract, "callback/promise-c1-1", sequence)


def test_a_promise_has_a_row_of_its_own() -> None:
    assert key(of_promise(MADE)) == "0581.c1-1"
    assert key(routed(3, "group.city", promise_number=2)) == "0581.c1-2"
    assert key(received()) is None


def test_the_first_route_is_left_to_the_promise_which_names_its_owner() -> None:
    assert key(routed(1, "department.building")) is None
    assert key(routed(2, "department.streets")) == key(of_promise(MADE))
    assert fold(of_promise(MADE))["owner"] == "department.building"


def test_the_present_owner_has_it_whichever_is_read_first() -> None:
    routes = (routed(1, "department.building"), routed(2, "department.streets"))
    last, first = fold(*routes, of_promise(MADE)), fold(of_promise(MADE), *routes)
    assert last == first
    assert (last["owner"], last["promised_by"]) == ("department.streets", "department.building")


def test_a_route_alone_is_no_promise() -> None:
    assert fold(routed(1, "group.city"))["state"] is None


def test_stages_and_the_end_are_told() -> None:
    due = CallbackDue.model_validate(
        {
            **PROMISE,
            "stage": "due",
            "step": 0,
            "to": "handler",
            "stage_at": at("13:00"),
            "fired_at": at("13:00"),
        }
    )
    broken = PromiseBroken.model_validate({**PROMISE, "broken_at": at("13:00"), "judged_at": at("13:16")})
    body = fold(of_promise(MADE), of_promise(due, 2), of_promise(broken, 3))
    assert (body["state"], body["broken_at"], len(body["stages"])) == ("broken", at("13:00"), 1)
    kept = PromiseKept.model_validate({**PROMISE, "kept_at": at("12:00"), "how": "reached"})
    assert fold(of_promise(MADE), of_promise(kept, 2))["state"] == "kept"


def test_what_moves_the_due_time_is_seen_and_the_first_time_stays() -> None:
    moved = {**PROMISE, "due_before": at("13:00"), "due_at": at("16:00")}
    paused = PromisePaused.model_validate(
        {**PROMISE, "paused_at": at("10:00"), "reason": "awaiting_citizen", "limit_at": at("10:00", day=9)}
    )
    resumed = PromiseResumed.model_validate({**moved, "resumed_at": at("13:00"), "cause": "contact"})
    renewal = {"renewed_at": at("11:00"), "agreed_at": at("11:00"), "how": "phone", "by": "anna"}
    renewed = PromiseRenewed.model_validate({**moved, **renewal, "reason": "more_time_needed"})
    withdrawn = PromiseWithdrawn.model_validate({**PROMISE, "withdrawn_at": at("14:00"), "reason": "tried"})
    reopened = PromiseReopened.model_validate({**moved, "reopened_at": at("14:30")})
    broken = PromiseBroken.model_validate({**PROMISE, "broken_at": at("13:00"), "judged_at": at("13:16")})

    def folded(*contracts: Contract) -> dict[str, Any]:
        return fold(*(of_promise(told, place + 1) for place, told in enumerate((MADE, *contracts))))

    stands = folded(paused)
    assert (stands["state"], stands["pauses"], stands["paused_until"]) == ("paused", 1, at("10:00", day=9))
    runs = folded(paused, resumed)
    assert (runs["state"], runs["due_at"], runs["first_due_at"]) == ("open", at("16:00"), at("13:00"))
    assert (folded(renewed)["state"], folded(renewed)["renewals"]) == ("open", 1)
    assert folded(withdrawn, reopened)["state"] == "open"
    assert folded(broken, withdrawn, reopened)["state"] == "broken"


def test_what_concerns_no_promise_changes_nothing() -> None:
    body = fold(of_promise(MADE))
    assert project(body, contacted("busy", "10:00", 1)) == body
