"""The statutory clock of a matter that a party initiated: started, told of, asked for, ended. It stands beside the promise."""

from collections.abc import Sequence
from datetime import datetime

from chassis.auth import Principal
from chassis.errors import InvalidInput, NotFound, NotYetVisible, RuleViolation
from chassis.http import APPENDING, allow, not_future, request_cause
from chassis.http.requests import AnyRequest
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from municipality import YEARS

from callback.api.changes import CHANGING, may_change
from callback.api.models import CaseId
from callback.api.promises import Registry
from callback.api.statutory_models import (
    NewClock,
    NewDecision,
    NewDecisionRequest,
    NewDelayNotice,
    StatutoryNow,
    statutory_now,
)
from callback.domain.statutory import EndClock, NoteDelay, RequestDecision, StartClock, StatutoryCommand
from callback.statutory import change

_changing = allow(*CHANGING, refuses=(NotFound, NotYetVisible, RuleViolation, *APPENDING))


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """What is done to the statutory clock of a case."""
    clock = registry.promises.clock

    def past(field: str, moment: datetime | None) -> datetime:
        """A time that is past; now, unless given. Two clocks may differ a little: no later than now."""
        now = clock.now()
        if moment is None:
            return now
        not_future(field, moment, clock)
        if moment.year not in YEARS:
            raise InvalidInput(
                field, f"before {YEARS.start}, the first year whose holidays are known; give a later time"
            )
        return min(moment, now)

    @post("/promises/{case_id:str}/statutory", status_code=200, **_changing)
    async def start_statutory_clock(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[NewClock]
    ) -> StatutoryNow:
        """A party has initiated a matter: it is to be decided at first instance within six months (the months are the
        municipality's data). Again with another time, it corrects that, until there was a request."""
        command = StartClock(past("initiated_at", data.initiated_at), principal.subject)
        return await _change(registry, request, principal, case_id, command)

    @post("/promises/{case_id:str}/statutory/delay-notice", status_code=200, **_changing)
    async def note_delay(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewDelayNotice],
    ) -> StatutoryNow:
        """The party was told that the matter is substantially delayed, and why. It moves no time."""
        noticed_at = past("occurred_at", data.occurred_at)
        if data.expected_at is not None and data.expected_at <= noticed_at:
            raise InvalidInput("expected_at", "before the party was told; give a time that was still to come")
        command = NoteDelay(data.reason, data.how, noticed_at, data.expected_at, principal.subject)
        return await _change(registry, request, principal, case_id, command)

    @post("/promises/{case_id:str}/statutory/request", status_code=200, **_changing)
    async def request_decision(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewDecisionRequest],
    ) -> StatutoryNow:
        """The party asks in writing that the matter is decided: once, and when the months are over. It is answered within
        four weeks (the weeks are the municipality's data)."""
        command = RequestDecision(past("received_at", data.received_at), principal.subject)
        return await _change(registry, request, principal, case_id, command)

    @post("/promises/{case_id:str}/statutory/decision", status_code=200, **_changing)
    async def end_statutory_clock(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewDecision],
    ) -> StatutoryNow:
        """The matter was decided, the request refused in a decision of its own, or the matter withdrawn by the party."""
        command = EndClock(data.outcome, past("occurred_at", data.occurred_at), principal.subject)
        return await _change(registry, request, principal, case_id, command)

    return [start_statutory_clock, note_delay, request_decision, end_statutory_clock]


async def _change(
    registry: Registry,
    request: AnyRequest,
    principal: Principal,
    case_id: str,
    command: StatutoryCommand,
) -> StatutoryNow:
    kept, municipality = registry.promises, principal.municipality
    cause = await request_cause(request, principal)

    def may(owner: str | None) -> None:
        may_change(principal, owner, registry.municipalities.get(municipality))

    handled = await change(kept, municipality, case_id, command, cause, may=may)
    shown = statutory_now(handled.state, kept.clock.now())
    assert shown is not None  # noqa: S101 - nothing else can be done to one that was not started
    return shown
