"""What goes in and out of the statutory clock over HTTP, and how it becomes it."""

from datetime import datetime
from typing import Any, Literal

from chassis.http import Moment, RequestModel, example
from pydantic import BaseModel

from callback.domain import statutory
from callback.domain.statutory import StatutoryClock

ClockState = Literal["running", "requested", "request_refused", "decided", "withdrawn"]
STATUTORY: dict[str, Any] = {
    "state": "requested",
    "version": 1,
    "initiated_at": "2025-08-01T08:00:00Z",
    "last_day": "2026-02-02",
    "due_at": "2026-02-02T23:00:00Z",
    "in_time": False,
    "notices": [
        {
            "reason": "referral",
            "how": "letter",
            "noticed_at": "2026-01-12T09:00:00Z",
            "expected_at": "2026-04-01T10:00:00Z",
            "by": "handler-bo",
        }
    ],
    "request": {
        "received_at": "2026-02-20T09:00:00Z",
        "last_day": "2026-03-20",
        "due_at": "2026-03-20T23:00:00Z",
        "refused_at": None,
        "in_time": None,
    },
    "ended_at": None,
    "stages": [
        {
            "stage": "decision_due",
            "step": 0,
            "at": "2026-03-13T07:00:00Z",
            "receivers": ["head_of_unit"],
            "passed": False,
        }
    ],
}


class DelayNoticeNow(BaseModel):
    """That the party was told of a delay, and why. `expected_at`: when a decision is expected; no promise."""

    reason: str
    how: str
    noticed_at: datetime
    expected_at: datetime | None
    by: str


class DecisionRequestNow(BaseModel):
    """The party's written request. It is to be answered on `last_day`, before `due_at`. `in_time` null: nobody can say
    yet, or the party withdrew the matter while there was time."""

    received_at: datetime
    last_day: str
    due_at: datetime
    refused_at: datetime | None
    in_time: bool | None


class StatutoryStageNow(BaseModel):
    """A stage of the time that runs now, or ran last. `passed`: it was told, or skipped after an outage."""

    stage: str
    step: int
    at: datetime
    receivers: list[str]
    passed: bool


class StatutoryNow(BaseModel):
    """The statutory clock of a matter that a party initiated; no promise reads it, and it reads none.

    `version`: of the municipality's policies, with which its rules are kept. The matter is to be decided on `last_day`,
    before `due_at`; else the party may ask in writing that it is. `in_time`: as in the request.
    """

    model_config = example(**STATUTORY)

    state: ClockState
    version: int
    initiated_at: datetime
    last_day: str
    due_at: datetime
    in_time: bool | None
    notices: list[DelayNoticeNow]
    request: DecisionRequestNow | None
    ended_at: datetime | None
    stages: list[StatutoryStageNow]


class NewClock(RequestModel):
    """When the party's application or notification came in."""

    model_config = example(initiated_at="2025-08-01T08:00:00Z")

    initiated_at: Moment


class NewDelayNotice(RequestModel):
    """That and why the party was told of the delay, `occurred_at` now unless given."""

    model_config = example(reason="referral", how="letter", expected_at="2026-12-01T10:00:00Z")

    reason: Literal["investigation", "referral", "supplement", "other_decision", "workload"]
    how: Literal["phone", "email", "chat", "social", "visit", "web", "letter"]
    expected_at: Moment | None = None
    occurred_at: Moment | None = None


class NewDecisionRequest(RequestModel):
    """When the party's written request was received: now, unless given."""

    model_config = example(received_at="2026-02-20T09:00:00Z")

    received_at: Moment | None = None


class NewDecision(RequestModel):
    """How it ended, `occurred_at` now unless given. A refused request ends the weeks, not the matter."""

    model_config = example(outcome="decided")

    outcome: Literal["decided", "request_refused", "withdrawn"]
    occurred_at: Moment | None = None


def statutory_now(clock: StatutoryClock, now: datetime) -> StatutoryNow | None:
    """A statutory clock as it stands; None: none was started."""
    started = clock.started
    if started is None:
        return None
    ended_at, how = (clock.ended.ended_at, clock.ended.how) if clock.ended else (None, None)
    return StatutoryNow(
        state=state_of(clock),
        version=started.version,
        initiated_at=started.initiated_at,
        last_day=started.last_day,
        due_at=started.due_at,
        in_time=statutory.in_time(started.due_at, ended_at, how, now),
        notices=[
            DelayNoticeNow(
                reason=given.reason,
                how=given.how,
                noticed_at=given.noticed_at,
                expected_at=given.expected_at,
                by=given.by,
            )
            for given in clock.notices
        ],
        request=_request(clock, ended_at, how, now),
        ended_at=ended_at,
        stages=[
            StatutoryStageNow(
                stage=stage.name,
                step=stage.step,
                at=stage.at,
                receivers=list(stage.receivers),
                passed=stage.identity in clock.passed,
            )
            for stage in clock.stages
        ],
    )


def state_of(clock: StatutoryClock) -> ClockState:
    """How a clock that was started stands."""
    if clock.ended:
        return "withdrawn" if clock.ended.how == statutory.WITHDRAWN else "decided"
    if clock.refused:
        return "request_refused"
    return "requested" if clock.request else "running"


def _request(
    clock: StatutoryClock, ended_at: datetime | None, how: str | None, now: datetime
) -> DecisionRequestNow | None:
    asked = clock.request
    if asked is None:
        return None
    refused_at = clock.refused.refused_at if clock.refused else None
    if refused_at is not None:
        ended_at, how = refused_at, statutory.REFUSED
    return DecisionRequestNow(
        received_at=asked.received_at,
        last_day=asked.last_day,
        due_at=asked.due_at,
        refused_at=refused_at,
        in_time=statutory.in_time(asked.due_at, ended_at, how, now),
    )
