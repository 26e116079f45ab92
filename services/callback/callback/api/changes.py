"""What people agree on with the citizen, and what is not owed any more."""

from collections.abc import Sequence

from chassis.auth import Principal
from chassis.errors import InvalidInput, NotAllowed, NotFound, NotYetVisible, RuleViolation
from chassis.http import APPENDING, allow, not_future, request_cause
from chassis.http.requests import AnyRequest
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from lofte_events import counts_at
from municipality import Municipality

from callback import domain
from callback.api.models import CaseId, NewEnd, NewTime, PromiseNow, promise_now
from callback.api.promises import Registry
from callback.domain import Promise, Term
from callback.handlers import change, stream_of, with_books

CHANGING = ("guide", "handler", "head")
_changing = allow(*CHANGING, refuses=(NotFound, NotYetVisible, RuleViolation, *APPENDING))
_TERMS = ("working_hours", "working_days", "clock_hours")


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Renewing and withdrawing."""

    @post("/promises/{case_id:str}/renew", status_code=200, **_changing)
    async def renew_promise(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[NewTime]
    ) -> PromiseNow:
        """Note another time that was agreed with the citizen before the promised one was over. The first promise stays
        on record, and a pause ends."""
        clock = registry.promises.clock
        term = _term(data)
        if data.agreed.occurred_at is not None:
            not_future("agreed.occurred_at", data.agreed.occurred_at, clock)
        if data.due_at is not None and data.due_at <= clock.now():
            raise InvalidInput("due_at", "has passed; agree on a time that is still to come")
        books = registry.promises.books.get(principal.municipality)
        if books is None:
            raise NotFound("the token's municipality is not served here")
        agreed_at = min(data.agreed.occurred_at or clock.now(), clock.now())
        agreed_at = counts_at(agreed_at, clock.now(), books.current.back_dating_limit)
        command = domain.Renew(data.due_at, term, agreed_at, data.agreed.how, data.reason, principal.subject)
        return await _change(registry, request, principal, case_id, command)

    @post("/promises/{case_id:str}/withdraw", status_code=200, **_changing)
    async def withdraw_promise(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[NewEnd]
    ) -> PromiseNow:
        """Nobody needs to get back to the citizen any more: neither kept, nor broken by that. What was owed too long is
        judged broken first."""
        command = domain.Withdraw(data.reason, principal.subject)
        return await _change(registry, request, principal, case_id, command)

    return [renew_promise, withdraw_promise]


async def _change(
    registry: Registry,
    request: AnyRequest,
    principal: Principal,
    case_id: str,
    command: domain.Renew | domain.Withdraw,
) -> PromiseNow:
    kept, municipality = registry.promises, principal.municipality
    cause = await request_cause(request, principal)

    def may(promise: Promise) -> None:
        may_change(principal, domain.owner_of([promise]), registry.municipalities.get(municipality))

    handled = await change(kept, municipality, case_id, command, cause, may=may)
    held = bool(await registry.held_cases([case_id]))
    first = handled.state
    if first.terms is None or first.terms.number > 1:
        first = kept.decider.fold(await kept.store.load(municipality, stream_of(municipality, case_id, 1)))

    async def shown() -> PromiseNow:
        books, now = kept.books.get(municipality), kept.clock.now()
        return promise_now(handled.state, books, now, held=held, reachable=first.reachable)

    return await with_books(kept, municipality, shown)


def may_change(principal: Principal, owner: str | None, municipality: Municipality | None) -> None:
    """As in casework: guides change the promises of answer groups' cases, a department's people those of its own, a
    head of the centre all.

    Raises:
        NotAllowed: the case is somebody else's now.
    """
    if municipality is None:
        raise NotFound("the token's municipality is not served here")
    if principal.department is not None:
        allowed = (
            owner is not None and municipality.department_of(owner) == f"department.{principal.department}"
        )
    else:
        to_a_group = owner is not None and owner.startswith("group.")
        allowed = principal.role == "head" or (principal.role == "guide" and to_a_group)
    if not allowed:
        raise NotAllowed(f"the case is owned by {owner}; only they change what was promised")


def _term(data: NewTime) -> Term | None:
    given = {name: getattr(data, name) for name in _TERMS if getattr(data, name) is not None}
    if len(given) + (data.due_at is not None) != 1:
        raise InvalidInput("due_at", f"name one time: due_at, {', '.join(_TERMS)}")
    return Term(**given) if given else None
