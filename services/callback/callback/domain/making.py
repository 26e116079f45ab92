"""The promise is made: when, by whom, before which time."""

from datetime import datetime

from callback.domain.events import PromiseMade
from callback.domain.facts import Act, ContactNoted, Route, Withdrawal
from callback.domain.imported import IMPORTED
from callback.domain.policy import Asked, PolicyBook
from callback.domain.promise import Promise

AGREED = "agreed"
"""What stands in the place of a policy where the citizen and we agreed on a time."""


def promise_owed(promise: Promise, book: PolicyBook, now: datetime) -> PromiseMade | None:
    """Written: at receipt, under the first route. Live: from the first route to a department, else at the limit.

    What was solved in the conversation and comes back has no promise on record: the owner who has it then makes one,
    from when the citizen asked again. Whatever is read first changes nothing: a hand-over after the reopening carries
    that later time.
    """
    contact, routes = promise.contact, promise.routes
    if contact is None or not routes:
        return None
    if not contact.live:
        return make(1, routes[0], contact.received_at, None, contact, book, now)
    specialist = next((route for route in routes if not route.owner.startswith("group.")), None)
    if (
        specialist is not None
        and specialist.asked_at == contact.received_at
        and specialist.routed_at <= contact.limit_at
    ):
        return make(1, specialist, contact.received_at, None, contact, book, now)
    if resolved_in_conversation(promise):
        again = promise.reopening
        return make(1, again, again.asked_at, again.routed_at, contact, book, now) if again else None
    if promise.limit_passed:
        then = [route for route in routes if route.routed_at <= contact.limit_at]
        owing = then[-1] if then else routes[0]
        return make(1, owing, contact.received_at, contact.limit_at, contact, book, now)
    return None


def make(
    number: int,
    route: Route,
    from_at: datetime,
    after: datetime | None,
    contact: ContactNoted | None,
    book: PolicyBook,
    now: datetime,
) -> PromiseMade:
    """The promise of a route's owner to whoever asked at `from_at`. Acts count `after` that, where it is given.
    `contact` tells how and as whom the citizen asked, and what was agreed; None: nobody told."""
    policy = book.policy(route.owner, asked_of(route.topic, contact))
    agreed = contact.agreed_due_at if contact else None
    due_at = agreed or book.due_at(policy, route.owner, from_at)
    return PromiseMade(
        number=number,
        owner=route.owner,
        policy=AGREED if agreed else policy.name,
        policy_version=book.version,
        from_at=from_at,
        due_at=due_at,
        judge_at=due_at + book.back_dating_limit,
        stages=book.stages(policy, route.owner, from_at, due_at),
        route_number=route.number,
        after=after,
        made_at=now,
    )


def would_be(promise: Promise, book: PolicyBook) -> tuple[str, datetime] | None:
    """The policy and due time that another book would have given; None where no policy of ours gave it."""
    terms = promise.terms
    if terms is None or terms.policy in (IMPORTED, AGREED):
        return None
    routes = (*promise.routes, promise.reopening)
    topic = next((route.topic for route in routes if route and route.number == terms.route_number), None)
    policy = book.policy(terms.owner, asked_of(topic, promise.contact))
    return policy.name, book.due_at(policy, terms.owner, terms.from_at)


def asked_of(topic: str | None, contact: ContactNoted | None) -> Asked:
    return Asked(topic, contact.channel, contact.citizen_kind) if contact else Asked(topic)


def resolved_in_conversation(promise: Promise) -> bool:
    """Whether a live contact had its answer, or needed none any more, before the limit: nothing needs to be promised."""
    contact = promise.contact
    if contact is None or not contact.live:
        return False
    return any(
        fact.at <= contact.limit_at
        for fact in promise.facts
        if isinstance(fact, Withdrawal) or (isinstance(fact, Act) and fact.how == "resolved")
    )
