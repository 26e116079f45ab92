"""What may leave the house: the promise and its fate, as contracts. What callback only notes stays inside."""

from collections.abc import Sequence
from typing import Any

from chassis.commit import Commit
from chassis.handling import Decider
from lofte_events import (
    CallbackDue,
    Contract,
    NoticeFailed,
    NoticeSent,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
    StatutoryStageReached,
)

from callback import domain, outcomes, statutory
from callback.books import is_of_book
from callback.domain import notices
from callback.domain.statutory import StatutoryEvent
from callback.domain.statutory import StatutoryStageReached as Reached


def to_contracts(decider: Decider[domain.Promise, domain.Event], commit: Commit) -> Sequence[Contract | None]:
    """One for each event of the commit; None for what is not published."""
    if is_of_book(commit):
        return [None for _ in commit.events]
    if outcomes.is_of_notices(commit):
        codec = outcomes.decider().codec
        return [_of_notice(codec.restore(stored), commit.correlation_id) for stored in commit.events]
    if statutory.is_of_clock(commit.municipality, commit.stream):
        clock = statutory.decider().codec
        return [_of_clock(clock.restore(stored), commit.correlation_id) for stored in commit.events]
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
                imported=event.imported,
            )
        case domain.CallbackFellDue(stage=stage, delay=delay):
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
                imported=event.imported,
                receivers=stage.receivers,
                delay_reason=delay.reason if delay else None,
                expected_at=delay.expected_at if delay else None,
                ahead_of=stage.ahead_of,
            )
        case domain.PromisePaused():
            return PromisePaused(
                **_of_promise(event, case_id, number),
                paused_at=event.paused_at,
                reason=event.reason,
                limit_at=event.limit_at,
            )
        case domain.PromiseResumed():
            return PromiseResumed(
                **_of_promise(event, case_id, number),
                due_before=event.due_before,
                resumed_at=event.resumed_at,
                cause=event.cause,
            )
        case domain.PromiseRenewed():
            return PromiseRenewed(
                **_of_promise(event, case_id, number),
                due_before=event.due_before,
                renewed_at=event.renewed_at,
                agreed_at=event.agreed_at,
                how=event.how,
                reason=event.reason,
                by=event.by,
            )
        case domain.PromiseReopened():
            return PromiseReopened(
                **_of_promise(event, case_id, number),
                due_before=event.due_before,
                reopened_at=event.reopened_at,
            )
        case domain.PromiseKept(owner, due_at, kept_at, how, imported):
            return PromiseKept(
                case_id=case_id,
                promise_number=number,
                owner=owner,
                due_at=due_at,
                kept_at=kept_at,
                how=how,
                imported=imported,
            )
        case domain.PromiseBroken(owner, broken_at, judged_at, imported):
            return PromiseBroken(
                case_id=case_id,
                promise_number=number,
                owner=owner,
                due_at=broken_at,
                broken_at=broken_at,
                judged_at=judged_at,
                imported=imported,
            )
        case domain.PromiseAnsweredLate(owner, due_at, answered_at, how, imported):
            return PromiseAnsweredLate(
                case_id=case_id,
                promise_number=number,
                owner=owner,
                due_at=due_at,
                answered_at=answered_at,
                how=how,
                imported=imported,
            )
        case domain.PromiseWithdrawn():
            return PromiseWithdrawn(
                case_id=case_id,
                promise_number=number,
                owner=event.owner,
                due_at=event.due_at,
                withdrawn_at=event.withdrawn_at,
                reason=event.reason,
                by=event.by,
                imported=event.imported,
            )
        case _:
            return None


def _of_clock(event: StatutoryEvent, case_id: str) -> Contract | None:
    if not isinstance(event, Reached):
        return None
    return StatutoryStageReached(
        case_id=case_id,
        owner=event.owner,
        stage=event.stage.name,
        step=event.stage.step,
        due_at=event.due_at,
        stage_at=event.stage.at,
        fired_at=event.fired_at,
        receivers=event.stage.receivers,
        skipped=event.skipped,
    )


def _of_notice(event: notices.Outcome, case_id: str) -> Contract:
    notice = event.notice
    about = {
        "case_id": case_id,
        "promise_number": notice.promise_number,
        "owner": notice.owner,
        "due_at": notice.due_at,
        "notice_id": notice.id,
        "stage": notice.stage,
        "step": notice.step,
        "receiver": notice.receiver,
        "channel": notice.channel,
        "attempts": event.attempts,
    }
    if isinstance(event, notices.NoticeSent):
        return NoticeSent.model_validate(about | {"sent_at": event.sent_at})
    return NoticeFailed.model_validate(about | {"failed_at": event.failed_at, "reason": event.reason})


_Timed = domain.PromisePaused | domain.PromiseResumed | domain.PromiseRenewed | domain.PromiseReopened


def _of_promise(event: _Timed, case_id: str, number: int) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "promise_number": number,
        "owner": event.owner,
        "due_at": event.due_at,
        "imported": event.imported,
    }
