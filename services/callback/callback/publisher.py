"""What may leave the house: the promise and its fate, as contracts. What callback only notes stays inside."""

from collections.abc import Sequence

from chassis.commit import Commit
from chassis.handling import Decider
from lofte_events import CallbackDue, Contract, PromiseAnsweredLate, PromiseBroken, PromiseKept, PromiseMade

from callback import domain


def to_contracts(decider: Decider[domain.Promise, domain.Event], commit: Commit) -> Sequence[Contract | None]:
    """One for each event of the commit; None for what is not published."""
    number = int(commit.stream.rpartition("-")[2])
    return [
        _to_contract(decider.codec.restore(stored), commit.correlation_id, number) for stored in commit.events
    ]


def _to_contract(event: domain.Event, case_id: str, number: int) -> Contract | None:
    match event:
        case domain.PromiseMade():
            return PromiseMade(
                case_id=case_id,
                promise_number=number,
                owner=event.owner,
                due_at=event.due_at,
                policy=event.policy,
                policy_version=event.policy_version,
                from_at=event.from_at,
                made_at=event.made_at,
            )
        case domain.CallbackFellDue(stage=stage):
            return CallbackDue(
                case_id=case_id,
                promise_number=number,
                owner=event.owner,
                due_at=event.due_at,
                stage=stage.name,
                step=stage.step,
                to=stage.to,
                stage_at=stage.at,
                fired_at=event.fired_at,
                skipped=event.skipped,
            )
        case domain.PromiseKept(owner, due_at, kept_at, how):
            return PromiseKept(
                case_id=case_id, promise_number=number, owner=owner, due_at=due_at, kept_at=kept_at, how=how
            )
        case domain.PromiseBroken(owner, broken_at, judged_at):
            return PromiseBroken(
                case_id=case_id,
                promise_number=number,
                owner=owner,
                due_at=broken_at,
                broken_at=broken_at,
                judged_at=judged_at,
            )
        case domain.PromiseAnsweredLate(owner, due_at, answered_at, how):
            return PromiseAnsweredLate(
                case_id=case_id,
                promise_number=number,
                owner=owner,
                due_at=due_at,
                answered_at=answered_at,
                how=how,
            )
        case _:
            return None
