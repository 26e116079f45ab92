"""The rules of casework: who may do what with a case, and when it is done."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

ANSWERS_AGAIN_WITHIN = timedelta(days=30)
"""A case that comes back later than this after its resolution owes a new promise."""


@dataclass(frozen=True, slots=True)
class ContactNoted:
    contact_id: str
    opens_case: bool
    case_reference: str
    channel: str
    citizen_kind: str
    topic: str | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RouteNoted:
    route_number: int
    owner: str
    topic: str | None
    hand_over_number: int
    routed_at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Under what an act was done: whose case it was, by which route, for which promise, asked when."""

    owner: str
    topic: str | None
    route_number: int
    promise_number: int
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class CaseClaimed:
    standing: Standing
    handler: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NoteAdded:
    standing: Standing
    note_id: str
    by: str
    text: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CitizenContacted:
    standing: Standing
    outcome: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class CaseForwarded:
    standing: Standing
    hand_over_number: int
    to_topic: str | None
    to_owner: str | None
    by: str
    reason: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseReturned:
    standing: Standing
    hand_over_number: int
    reason_code: str
    by: str
    text: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class CaseResolved:
    standing: Standing
    by: str
    answer: bytes
    minutes: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class CaseReopened:
    standing: Standing
    cause: str
    contact_id: str | None
    by: str | None
    reason: bytes | None
    owes_promise: bool
    at: datetime


Event = (
    ContactNoted
    | RouteNoted
    | CaseClaimed
    | NoteAdded
    | CitizenContacted
    | CaseForwarded
    | CaseReturned
    | CaseResolved
    | CaseReopened
)


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules read of one case. `hand_overs` counts forwards and returns; `routed_hand_over` is the last
    one that routing has answered."""

    opener: ContactNoted | None = None
    contacts: tuple[str, ...] = ()
    route: RouteNoted | None = None
    handler: str | None = None
    hand_overs: int = 0
    resolved_at: datetime | None = None
    promise_number: int = 1
    asked_at: datetime | None = None

    @property
    def known(self) -> bool:
        """Somebody contacted us, and the case has an owner."""
        return self.opener is not None and self.route is not None

    @property
    def handed_over(self) -> bool:
        """Passed on, and routing has not said to whom."""
        return self.route is not None and self.route.hand_over_number < self.hand_overs

    @property
    def standing(self) -> Standing:
        """Only of a known case."""
        assert self.route is not None  # noqa: S101
        assert self.asked_at is not None  # noqa: S101
        route = self.route
        return Standing(route.owner, route.topic, route.route_number, self.promise_number, self.asked_at)

    @property
    def status(self) -> str:
        if self.resolved_at is not None:
            return "resolved"
        return "handed-over" if self.handed_over else "open"


INITIAL = Case()


class RuleBroken(Exception):
    """A rule says no. `code` is stable and published."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class NoteContact:
    contact: ContactNoted


@dataclass(frozen=True, slots=True)
class NoteRoute:
    route: RouteNoted


@dataclass(frozen=True, slots=True)
class Claim:
    by: str


@dataclass(frozen=True, slots=True)
class AddNote:
    note_id: str
    by: str
    text: bytes


@dataclass(frozen=True, slots=True)
class RecordContact:
    outcome: str
    by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Forward:
    """To `to_owner`, or to `topic_owner`: the department that owns `to_topic`."""

    to_topic: str | None
    to_owner: str | None
    by: str
    reason: bytes
    topic_owner: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    reason_code: str
    by: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Resolve:
    by: str
    answer: bytes
    minutes: int


@dataclass(frozen=True, slots=True)
class Reopen:
    by: str
    reason: bytes


Command = NoteContact | NoteRoute | Claim | AddNote | RecordContact | Forward | Return | Resolve | Reopen


def decide(command: Command, case: Case, now: datetime) -> list[Event]:
    """What a command leads to.

    Raises:
        RuleBroken: the case is not in a state for it.
    """
    match command:
        case NoteContact(contact):
            return _note_contact(contact, case, now)
        case NoteRoute(route):
            return [] if case.route and case.route.route_number >= route.route_number else [route]
        case AddNote(note_id, by, text):
            return [NoteAdded(case.standing, note_id, by, text, now)]
        case Reopen(by, reason):
            if case.resolved_at is None:
                raise RuleBroken("case-open", "the case is open; there is nothing to reopen")
            return [_reopen(case, now, now, cause="request", by=by, reason=reason)]
    _must_be_open(case)
    match command:
        case Claim(by):
            if case.handler not in (None, by):
                raise RuleBroken("already-claimed", f"the case is claimed by {case.handler}")
            return [] if case.handler == by else [CaseClaimed(case.standing, by, now)]
        case RecordContact(outcome, by, occurred_at):
            if case.opener is not None and occurred_at < case.opener.received_at:
                raise RuleBroken(
                    "before-the-contact",
                    "occurred_at: earlier than the citizen contacted us; give the time at which it happened",
                )
            return [CitizenContacted(case.standing, outcome, by, occurred_at)]
        case Forward(to_topic, to_owner, by, reason, topic_owner):
            if case.route is not None and case.route.owner in (to_owner, topic_owner):
                raise RuleBroken(
                    "same-owner",
                    f"{case.route.owner} owns the case already; name another owner, or a topic of another one",
                )
            return [CaseForwarded(case.standing, case.hand_overs + 1, to_topic, to_owner, by, reason, now)]
        case Return(reason_code, by, text):
            if case.route is not None and case.route.owner.startswith("group."):
                raise RuleBroken(
                    "not-a-department", "only departments return cases; an answer group forwards them"
                )
            return [CaseReturned(case.standing, case.hand_overs + 1, reason_code, by, text, now)]
        case Resolve(by, answer, minutes):
            return [CaseResolved(case.standing, by, answer, minutes, now)]


def evolve(case: Case, event: Event) -> Case:
    """The case after an event; the past cannot be rejected."""
    match event:
        case ContactNoted(contact_id, opens_case, received_at=received_at):
            contacts = (*case.contacts, contact_id)
            if not opens_case:
                return replace(case, contacts=contacts)
            return replace(case, contacts=contacts, opener=event, asked_at=case.asked_at or received_at)
        case RouteNoted():
            return replace(case, route=event, handler=None)
        case CaseClaimed(handler=handler):
            return replace(case, handler=handler)
        case NoteAdded() | CitizenContacted():
            return case
        case CaseForwarded(hand_over_number=number) | CaseReturned(hand_over_number=number):
            return replace(case, hand_overs=number, handler=None)
        case CaseResolved(occurred_at=occurred_at):
            return replace(case, resolved_at=occurred_at)
        case CaseReopened(standing):
            return replace(
                case, resolved_at=None, asked_at=standing.asked_at, promise_number=standing.promise_number
            )


def _note_contact(contact: ContactNoted, case: Case, now: datetime) -> list[Event]:
    """A further contact reopens a case that it finds resolved, whatever its time."""
    if contact.contact_id in case.contacts:
        return []
    events: list[Event] = [contact]
    if case.resolved_at is not None and not contact.opens_case:
        asked_at = contact.received_at
        events.append(_reopen(case, asked_at, now, cause="contact", contact_id=contact.contact_id))
    return events


def _reopen(
    case: Case,
    asked_at: datetime,
    now: datetime,
    *,
    cause: str,
    contact_id: str | None = None,
    by: str | None = None,
    reason: bytes | None = None,
) -> CaseReopened:
    """Open again, with the first promise on record; so long after the resolution, with a new one."""
    assert case.resolved_at is not None  # noqa: S101
    owes = asked_at - case.resolved_at > ANSWERS_AGAIN_WITHIN
    number = case.promise_number + 1 if owes else case.promise_number
    standing = replace(case.standing, asked_at=asked_at, promise_number=number)
    return CaseReopened(standing, cause, contact_id, by, reason, owes, now)


def _must_be_open(case: Case) -> None:
    if case.resolved_at is not None:
        raise RuleBroken("case-resolved", "the case is resolved; reopen it first")
    if case.handed_over:
        raise RuleBroken(
            "case-handed-over", "the case is on its way to a new owner; until then it takes notes only"
        )
