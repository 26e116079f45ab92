"""Where a case went and what was promised: the latest of each, whichever is read first."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from chassis.reacting import Message
from intake.views import project
from lofte_events import CaseRouted, Contract, Envelope, PromiseMade

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def route(number: int, owner: str) -> Contract:
    told = {"case_id": "c1", "route_number": number, "owner": owner, "cause": "contact", "rule": "r"}
    return CaseRouted.model_validate(
        {**told, "rule_version": 1, "reason": "Because.", "asked_at": NOW, "routed_at": NOW}
    )


def made(number: int) -> Contract:
    told = {
        "case_id": "c1",
        "promise_number": number,
        "owner": "group.city",
        "policy": "p",
        "policy_version": 1,
    }
    return PromiseMade.model_validate(
        {**told, "from_at": NOW, "made_at": NOW, "due_at": NOW + timedelta(days=number)}
    )


def test_the_latest_route_and_promise_in_any_order() -> None:
    told = (route(1, "group.city"), route(2, "department.streets"), made(1), made(2))
    for order in permutations(told):
        body: dict[str, Any] | None = None
        for contract in order:
            message = Message(Envelope("e", contract.TYPE, "/0581/x/y", "c1", NOW, 1, "0581"), contract, None)
            body = project(body, message)
        assert body is not None
        assert (body["routed_to"], body["promise_due_at"]) == ("department.streets", NOW + timedelta(days=2))
