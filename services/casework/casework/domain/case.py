"""The rules of casework: who may do what with a case, and when it is done."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from casework.domain.commands import (
    AddNote,
    AwaitCitizen,
    BeginAttempt,
    Claim,
    Command,
    Forward,
    NoteContact,
    NoteRoute,
    RecordContact,
    Reopen,
    Resolve,
    Resume,
    Return,
    Withdraw,
)
from casework.domain.events import (
    AttemptBegun,
    CaseAwaitingCitizen,
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseReturned,
    CaseWithdrawn,
    CitizenAskedAgain,
    CitizenContacted,
    ContactNoted,
    Event,
    NoteAdded,
    RouteNoted,
    Standing,
)

ANSWERS_AGAIN_WITHIN = timedelta(days=30)
"""A case that comes back later than this after its resolution owes a new promise."""

ANSWERING = frozenset({"reached", "answered_in_writing"})
"""Outcomes after which nobody needs to try any more."""

IMPORTED_BY = "imported"
"""Who closed a case in the system that it comes from: nobody whom we know."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that the rules read of one case. `hand_overs` counts forwards and returns. `early`: further contacts of
    today that were read before the case was known. `attempt`: somebody is getting back to the citizen."""

    opener: ContactNoted | None = None
    contacts: tuple[str, ...] = ()
    early: tuple[ContactNoted, ...] = ()
    route: RouteNoted | None = None
    handler: str | None = None
    hand_overs: int = 0
    awaiting: CaseAwaitingCitizen | None = None
    attempt: AttemptBegun | None = None
    resolved_at: datetime | None = None
    withdrawn: bool = False
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

    def attempt_at(self, now: datetime) -> AttemptBegun | None:
        """The attempt in flight; one that nobody told the outcome of is over by itself."""
        return self.attempt if self.attempt is not None and now < self.attempt.until else None

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
            return "withdrawn" if self.withdrawn else "resolved"
        if self.handed_over:
            return "handed-over"
        return "awaiting" if self.awaiting else "open"


INITIAL = Case()


class RuleBroken(Exception):
    """A rule says no. `code` is stable and published."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def decide(command: Command, case: Case, now: datetime) -> list[Event]:
    """What a command leads to.

    Raises:
        RuleBroken: the case is not in a state for it.
    """
    match command:
        case NoteContact(contact):
            return _note_contact(contact, case, now)
        case NoteRoute(route):
            if case.route and case.route.route_number >= route.route_number:
                return []
            return [route, *_closed_before(case, evolve(case, route), now)]
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
        case BeginAttempt(by, lasts):
            attempt = case.attempt_at(now)
            if attempt is not None and attempt.by != by:
                raise RuleBroken(
                    "attempt-in-flight",
                    f"{attempt.by} is getting back to the citizen; wait for the outcome, or until {attempt.until:%H:%M} UTC",
                )
            return [AttemptBegun(case.standing, by, now, now + lasts)]
        case RecordContact(outcome, by, occurred_at):
            _must_be_after_the_contact(case, occurred_at)
            return [CitizenContacted(case.standing, outcome, by, occurred_at)]
        case AwaitCitizen(reason_code, by, occurred_at, until):
            _must_be_after_the_contact(case, occurred_at)
            if case.awaiting is not None:
                raise RuleBroken(
                    "awaiting-already", "the case waits for the citizen already; resume it first"
                )
            return [CaseAwaitingCitizen(case.standing, reason_code, by, occurred_at, until)]
        case Resume(by):
            if case.awaiting is None:
                raise RuleBroken(
                    "not-awaiting", "the case does not wait for the citizen; there is nothing to resume"
                )
            return _resumed(case, "request", now, by=by)
        case Forward(to_topic, to_owner, by, reason, topic_owner):
            if case.route is not None and case.route.owner in (to_owner, topic_owner):
                raise RuleBroken(
                    "same-owner",
                    f"{case.route.owner} owns the case already; name another owner, or a topic of another one",
                )
            forwarded = CaseForwarded(case.standing, case.hand_overs + 1, to_topic, to_owner, by, reason, now)
            return [*_resumed(case, "forward", now, by=by), forwarded]
        case Return(reason_code, by, text):
            if case.route is not None and case.route.owner.startswith("group."):
                raise RuleBroken(
                    "not-a-department", "only departments return cases; an answer group forwards them"
                )
            returned = CaseReturned(case.standing, case.hand_overs + 1, reason_code, by, text, now)
            return [*_resumed(case, "return", now, by=by), returned]
        case Resolve(by, answer, minutes):
            resolved = CaseResolved(case.standing, by, answer, minutes, now)
            return [*_resumed(case, "resolve", now, by=by), resolved]
        case Withdraw(reason_code, by):
            withdrawn = CaseWithdrawn(case.standing, by, reason_code, now)
            return [*_resumed(case, "withdraw", now, by=by), withdrawn]


def evolve(case: Case, event: Event) -> Case:
    """The case after an event; the past cannot be rejected."""
    match event:
        case ContactNoted(contact_id, opens_case, received_at=received_at):
            # Whoever contacts us need not be called for what was tried before.
            attempt = case.attempt if event.imported else None
            case = replace(case, contacts=(*case.contacts, contact_id), attempt=attempt)
            if opens_case:
                return _settled(replace(case, opener=event, asked_at=case.asked_at or received_at))
            early = () if event.imported else (event,)
            return _settled(replace(case, early=(*case.early, *early)))
        case RouteNoted():
            return _settled(replace(case, route=event, handler=None, attempt=None))
        case CaseClaimed(handler=handler):
            return replace(case, handler=handler)
        case NoteAdded() | CitizenAskedAgain():
            return case
        case AttemptBegun():
            return replace(case, attempt=event)
        case CitizenContacted(outcome=outcome, by=by):
            over = outcome in ANSWERING or (case.attempt is not None and case.attempt.by == by)
            return replace(case, attempt=None if over else case.attempt)
        case CaseAwaitingCitizen():
            return replace(case, awaiting=event)
        case CaseResumed():
            return replace(case, awaiting=None)
        case CaseForwarded(hand_over_number=number) | CaseReturned(hand_over_number=number):
            return replace(case, hand_overs=number, handler=None, attempt=None)
        case CaseResolved(occurred_at=occurred_at):
            return replace(case, resolved_at=occurred_at, attempt=None)
        case CaseWithdrawn(occurred_at=occurred_at):
            return replace(case, resolved_at=occurred_at, withdrawn=True, attempt=None)
        case CaseReopened(standing):
            case = replace(case, resolved_at=None, withdrawn=False)
            return replace(case, asked_at=standing.asked_at, promise_number=standing.promise_number)


def _settled(case: Case) -> Case:
    return replace(case, early=()) if case.known else case


def _note_contact(contact: ContactNoted, case: Case, now: datetime) -> list[Event]:
    """A further contact ends the waiting for it, and reopens a case that it finds resolved, whatever its time; an
    imported one never does."""
    if contact.contact_id in case.contacts:
        return []
    events: list[Event] = [contact]
    if contact.opens_case:
        return events + _closed_before(case, evolve(case, contact), now)
    if not case.known or contact.imported:
        return events
    contact_id, asked_at = contact.contact_id, contact.received_at
    if case.resolved_at is not None:
        return [*events, _reopen(case, asked_at, now, cause="contact", contact=contact)]
    if case.awaiting is not None:
        return [*events, *_resumed(case, "contact", asked_at, contact_id=contact_id)]
    return [*events, CitizenAskedAgain(case.standing, contact_id, asked_at)]


def _resumed(
    case: Case, cause: str, at: datetime, *, by: str | None = None, contact_id: str | None = None
) -> list[Event]:
    """What ends a waiting says so, once: a reader needs no rule of its own for what does. Never before it began."""
    if case.awaiting is None:
        return []
    resumed_at = max(at, case.awaiting.occurred_at)
    return [CaseResumed(case.standing, cause, by, contact_id, resumed_at)]


def _closed_before(before: Case, case: Case, now: datetime) -> list[Event]:
    """What becomes of an imported case when both its contact and its owner are known: it was closed in the system
    that it comes from. A contact of today that was read before that opens it again."""
    opener = case.opener
    if before.known or not case.known or opener is None or opener.closed is None:
        return []
    at, standing = opener.closed.at, case.standing
    closed: Event = (
        CaseWithdrawn(standing, IMPORTED_BY, "cancelled", at, imported=True)
        if opener.closed.withdrawn
        else CaseResolved(standing, IMPORTED_BY, None, 0, at, imported=True)
    )
    if not before.early:
        return [closed]
    first = min(before.early, key=lambda contact: (contact.received_at, contact.contact_id))
    asked_at = first.received_at
    case = evolve(case, closed)
    return [closed, _reopen(case, asked_at, now, cause="contact", contact=first)]


def _reopen(
    case: Case,
    asked_at: datetime,
    now: datetime,
    *,
    cause: str,
    contact: ContactNoted | None = None,
    by: str | None = None,
    reason: bytes | None = None,
) -> CaseReopened:
    """Open again, with the first promise on record; so long after the resolution, with a new one."""
    assert case.resolved_at is not None  # noqa: S101
    owes = asked_at - case.resolved_at > ANSWERS_AGAIN_WITHIN
    number = case.promise_number + 1 if owes else case.promise_number
    standing = replace(case.standing, asked_at=asked_at, promise_number=number)
    asked, contact_id = contact or case.opener, contact.contact_id if contact else None
    channel, kind = (asked.channel, asked.citizen_kind) if asked else (None, None)
    return CaseReopened(standing, cause, contact_id, by, reason, owes, now, channel, kind)


def _must_be_after_the_contact(case: Case, occurred_at: datetime) -> None:
    if case.opener is not None and occurred_at < case.opener.received_at:
        raise RuleBroken(
            "before-the-contact",
            "occurred_at: earlier than the citizen contacted us; give the time at which it happened",
        )


def _must_be_open(case: Case) -> None:
    if case.resolved_at is not None:
        raise RuleBroken("case-resolved", "the case is resolved; reopen it first")
    if case.handed_over:
        raise RuleBroken(
            "case-handed-over", "the case is on its way to a new owner; until then it takes notes only"
        )
