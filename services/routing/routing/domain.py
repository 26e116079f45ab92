"""The rules of routing: which owner gets a case, and why. Nothing is unroutable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Rule:
    """First match wins. What a rule does not name it does not look at; a topic matches what lies below it."""

    name: str
    to: str
    because: str
    topic: str | None = None
    menu_choice: int | None = None
    channels: Sequence[str] | None = None
    citizen_kind: str | None = None

    def matches(self, facts: "Facts") -> bool:
        if self.topic is not None and not _below(facts.topic, self.topic):
            return False
        if self.menu_choice not in (None, facts.menu_choice):
            return False
        if self.channels is not None and facts.channel not in self.channels:
            return False
        return self.citizen_kind in (None, facts.citizen_kind)


@dataclass(frozen=True, slots=True)
class Topic:
    """Which answer group knows a topic, and which department owns it."""

    group: str
    department: str


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A municipality's rules of one version, its topics, and who takes what nobody else takes.

    `departments`: the department of each owner that is one or belongs to one.
    """

    version: int
    rules: Sequence[Rule]
    fallback: str
    topics: Mapping[str, Topic]
    departments: Mapping[str, str]

    def department_of(self, owner: str, topic: str | None) -> str | None:
        """Under which department a case counts: the owner's, else that of its topic."""
        owned = self.topics.get(topic) if topic is not None else None
        return self.departments.get(owner) or (owned.department if owned else None)


@dataclass(frozen=True, slots=True)
class Facts:
    """What routing looks at."""

    channel: str
    citizen_kind: str
    topic: str | None = None
    menu_choice: int | None = None
    asked_for: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """An owner, and why: rule, and one sentence."""

    owner: str
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """A forward or a return, as casework told it."""

    number: int
    kind: str
    from_owner: str
    to_topic: str | None
    to_owner: str | None
    asked_at: datetime
    promise_number: int


@dataclass(frozen=True, slots=True)
class CaseOpened:
    """What routing needs to know of the contact that opened the case, now and at every later route."""

    facts: Facts
    received_at: datetime


@dataclass(frozen=True, slots=True)
class HandOverNoted:
    """A forward or return that came before the contact: kept until the case is known."""

    hand_over: HandOver


@dataclass(frozen=True, slots=True)
class CaseRouted:
    route_number: int
    owner: str
    previous_owner: str | None
    topic: str | None
    department: str | None
    cause: str
    hand_over_number: int | None
    promise_number: int
    rule: str
    rule_version: int
    reason: str
    asked_at: datetime
    routed_at: datetime
    imported: bool = False


Event = CaseOpened | HandOverNoted | CaseRouted


@dataclass(frozen=True, slots=True)
class Routed:
    """All that the rules read of one case."""

    opened: CaseOpened | None = None
    waiting: tuple[HandOver, ...] = ()
    hand_overs: int = 0
    route_number: int = 0
    owner: str | None = None
    topic: str | None = None


INITIAL = Routed()


@dataclass(frozen=True, slots=True)
class RouteCase:
    """A contact opened a case. `imported`: it was taken over, and `routed_to` was its owner, where that is known."""

    facts: Facts
    received_at: datetime
    imported: bool = False
    routed_to: str | None = None


@dataclass(frozen=True, slots=True)
class RouteAgain:
    """An owner passed a case on, or sent it back."""

    hand_over: HandOver


Command = RouteCase | RouteAgain


def decide(command: Command, routed: Routed, book: RuleBook, now: datetime) -> list[Event]:
    """The next route of a case; nothing where it has been made already."""
    match command:
        case RouteCase(facts, received_at, imported, routed_to):
            if routed.opened is not None:
                return []
            opened = CaseOpened(facts, received_at)
            first = _first_route(opened, book, now)
            if imported:
                first = _as_imported(first, routed_to, book)
            events: list[Event] = [opened, first]
            routed = evolve(evolve(routed, opened), first)
            for hand_over in routed.waiting:
                events.append(_next_route(hand_over, routed, book, now))
                routed = evolve(routed, events[-1])
            return events
        case RouteAgain(hand_over):
            if hand_over.number <= routed.hand_overs:
                return []
            if routed.opened is None:
                return [HandOverNoted(hand_over)]
            return [_next_route(hand_over, routed, book, now)]


def evolve(routed: Routed, event: Event) -> Routed:
    """The case after an event; the past cannot be rejected."""
    match event:
        case CaseOpened():
            return replace(routed, opened=event, topic=event.facts.topic)
        case HandOverNoted(hand_over):
            return replace(routed, waiting=(*routed.waiting, hand_over), hand_overs=hand_over.number)
        case CaseRouted():
            return replace(
                routed,
                route_number=event.route_number,
                owner=event.owner,
                topic=event.topic,
                hand_overs=max(routed.hand_overs, event.hand_over_number or 0),
            )


def route(facts: Facts, book: RuleBook, *, not_to: str | None = None) -> Route:
    """Who gets it: whoever was asked for by name, the first rule that matches, else the fallback group.

    `not_to`: the owner from whom it comes; it never goes straight back there.
    """
    return next(found for found in _candidates(facts, book) if found.owner != not_to)


def _candidates(facts: Facts, book: RuleBook) -> Iterator[Route]:
    if facts.asked_for is not None:
        yield Route(facts.asked_for, "asked-for", "The citizen asked for this owner by name.")
    for rule in book.rules:
        if rule.matches(facts):
            yield Route(rule.to, rule.name, rule.because)
    topic = book.topics.get(facts.topic) if facts.topic is not None else None
    if topic is not None:
        yield Route(topic.group, "topic-group", "This answer group is trained in the topic.")
    yield Route(book.fallback, "fallback", "No rule matches: the first free guide takes it.")
    # Only reached when the fallback group itself passed the case on: somebody must have it.
    if topic is not None:
        yield Route(topic.department, "topic-department", "The department owns the topic.")
    yield from (Route(rule.to, rule.name, rule.because) for rule in book.rules)


def _first_route(opened: CaseOpened, book: RuleBook, now: datetime) -> CaseRouted:
    found = route(opened.facts, book)
    return _routed(
        found, 1, None, opened.facts.topic, book, now, cause="contact", asked_at=opened.received_at
    )


def _as_imported(first: CaseRouted, routed_to: str | None, book: RuleBook) -> CaseRouted:
    """The owner that the former system had; where it told none, the rules' own, marked as imported."""
    if routed_to is None:
        return replace(first, imported=True)
    return replace(
        first,
        owner=routed_to,
        department=book.department_of(routed_to, first.topic),
        cause="import",
        rule="imported",
        reason="Imported: the system that it comes from had routed it to this owner.",
        imported=True,
    )


def _next_route(hand_over: HandOver, routed: Routed, book: RuleBook, now: datetime) -> CaseRouted:
    """Forwarded: to the owner that was named, or to the department of the topic. Returned: to the answer group."""
    assert routed.opened is not None  # noqa: S101 - decide asks for it first
    facts = replace(routed.opened.facts, topic=hand_over.to_topic or routed.topic, asked_for=None)
    found = _handed_to(hand_over, facts, book) or route(facts, book, not_to=hand_over.from_owner)
    return _routed(
        found,
        routed.route_number + 1,
        hand_over.from_owner,
        facts.topic,
        book,
        now,
        cause=hand_over.kind,
        asked_at=hand_over.asked_at,
        hand_over=hand_over,
    )


def _handed_to(hand_over: HandOver, facts: Facts, book: RuleBook) -> Route | None:
    if hand_over.to_owner is not None and hand_over.to_owner != hand_over.from_owner:
        return Route(hand_over.to_owner, "forward-to-owner", "The owner named this owner.")
    topic = book.topics.get(facts.topic) if facts.topic is not None else None
    if topic is None:
        return None
    if hand_over.kind == "return":
        to, rule, reason = (
            topic.group,
            "return-to-group",
            "Returned by the department: the answer group takes it up.",
        )
    else:
        to, rule, reason = topic.department, "forward-to-topic", "The department owns the topic."
    return Route(to, rule, reason) if to != hand_over.from_owner else None


def _routed(
    found: Route,
    number: int,
    previous: str | None,
    topic: str | None,
    book: RuleBook,
    now: datetime,
    *,
    cause: str,
    asked_at: datetime,
    hand_over: HandOver | None = None,
) -> CaseRouted:
    return CaseRouted(
        route_number=number,
        owner=found.owner,
        previous_owner=previous,
        topic=topic,
        department=book.department_of(found.owner, topic),
        cause=cause,
        hand_over_number=hand_over.number if hand_over else None,
        promise_number=hand_over.promise_number if hand_over else 1,
        rule=found.rule,
        rule_version=book.version,
        reason=found.reason,
        asked_at=asked_at,
        routed_at=now,
    )


def _below(topic: str | None, parent: str) -> bool:
    return topic is not None and (topic == parent or topic.startswith(parent + "."))
