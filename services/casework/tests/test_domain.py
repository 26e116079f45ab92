"""The rules of casework. Given what happened to a case, when somebody acts, then events, or a rule that says no."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from casework.domain import (
    INITIAL,
    AddNote,
    AttemptBegun,
    AwaitCitizen,
    BeginAttempt,
    Case,
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
    Claim,
    Closed,
    Command,
    ContactNoted,
    Event,
    Forward,
    NoteAdded,
    NoteContact,
    NoteRoute,
    RecordContact,
    Reopen,
    Resolve,
    Resume,
    Return,
    RouteNoted,
    RuleBroken,
    Standing,
    Withdraw,
    decide,
    evolve,
)
from casework.handlers import decider
from chassis.commit import StoredEvent

T0 = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
SEALED = b"sealed"
CLAIM, RESOLVE = Claim("anna"), Resolve("anna", SEALED, 7)
FORWARD = Forward(None, "department.building", "anna", SEALED)
RETURN = Return("information_missing", "anna", SEALED)
NOTE, REOPEN = AddNote("n1", "anna", SEALED), Reopen("anna", SEALED)
REACHED = RecordContact("reached", "anna", T0)
AWAIT, RESUME = AwaitCitizen("awaiting_citizen", "anna", T0, None), Resume("anna")
WITHDRAW = Withdraw("cancelled", "anna")


def contact(contact_id: str = "k1", *, opens_case: bool = True, at: datetime = T0) -> NoteContact:
    return NoteContact(
        ContactNoted(contact_id, opens_case, "4R7M-HJ29", "phone", "person", "city.parking", at)
    )


def route(number: int, owner: str, answers: int = 0) -> NoteRoute:
    return NoteRoute(RouteNoted(number, owner, "city.parking", answers, T0))


OPEN: tuple[Command, ...] = (contact(), route(1, "group.city"))
AT_DEPARTMENT: tuple[Command, ...] = (contact(), route(1, "department.streets"))


def after(*commands: Command, now: datetime = T0) -> Case:
    case = INITIAL
    for command in commands:
        for event in decide(command, case, now):
            case = evolve(case, event)
    return case


def when(case: Case, command: Command, now: datetime = T0) -> list[Event]:
    return decide(command, case, now)


def refused(case: Case, command: Command) -> str:
    with pytest.raises(RuleBroken) as broken:
        decide(command, case, T0)
    return broken.value.code


# --- what it takes to know a case ---


def test_a_case_is_known_once_it_has_a_contact_and_an_owner_in_any_order() -> None:
    assert not after(contact()).known
    assert not after(route(1, "group.city")).known
    assert after(contact(), route(1, "group.city")) == after(route(1, "group.city"), contact())
    assert not after(contact("k2", opens_case=False), route(1, "group.city")).known


def test_facts_read_again_change_nothing() -> None:
    case = after(*OPEN, CLAIM)
    assert when(case, contact()) == []
    assert when(case, route(1, "group.city")) == []


def test_a_further_contact_about_an_open_case_is_noted_and_moves_nothing() -> None:
    case = after(*OPEN, CLAIM, contact("k2", opens_case=False, at=T0 + DAY))
    assert case.contacts == ("k1", "k2")
    assert (case.status, case.handler, case.asked_at) == ("open", "anna", T0)
    assert case.route == after(*OPEN).route


# --- claiming ---


def test_of_two_who_claim_the_second_is_told_no() -> None:
    assert refused(after(*OPEN, CLAIM), Claim("bo")) == "already-claimed"


def test_to_claim_twice_is_to_have_it() -> None:
    assert when(after(*OPEN, CLAIM), CLAIM) == []


def test_a_hand_over_frees_the_case_at_once() -> None:
    assert after(*AT_DEPARTMENT, CLAIM, RETURN).handler is None
    assert after(*OPEN, CLAIM, FORWARD).handler is None


def test_a_new_route_frees_the_case() -> None:
    case = after(*OPEN, CLAIM, FORWARD, route(2, "department.building", answers=1))
    assert case.handler is None
    assert isinstance(when(case, Claim("bo"))[0], CaseClaimed)


# --- handing over ---

ACTS: list[Command] = [CLAIM, REACHED, AWAIT, RESUME, FORWARD, RETURN, RESOLVE, WITHDRAW]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
@pytest.mark.parametrize("hand_over", [FORWARD, RETURN], ids=["forward", "return"])
def test_between_a_hand_over_and_its_route_a_case_takes_notes_only(hand_over: Command, act: Command) -> None:
    case = after(*AT_DEPARTMENT, hand_over)
    assert case.status == "handed-over"
    assert refused(case, act) == "case-handed-over"
    assert isinstance(when(case, NOTE)[0], NoteAdded)


def test_only_the_route_that_answers_the_hand_over_opens_it_again() -> None:
    handed = after(*AT_DEPARTMENT, RETURN, route(2, "group.city", answers=1), FORWARD)
    assert handed.status == "handed-over"
    assert after(*AT_DEPARTMENT, RETURN, route(2, "group.city", answers=1)).status == "open"
    assert evolve(handed, RouteNoted(3, "department.building", None, 2, T0)).status == "open"


def test_hand_overs_are_numbered() -> None:
    case = after(*AT_DEPARTMENT, RETURN, route(2, "group.city", answers=1))
    [forwarded] = when(case, FORWARD)
    assert isinstance(forwarded, CaseForwarded)
    assert forwarded.hand_over_number == 2


def test_only_departments_return_cases() -> None:
    assert refused(after(*OPEN), RETURN) == "not-a-department"
    assert isinstance(when(after(*AT_DEPARTMENT), RETURN)[0], CaseReturned)
    assert isinstance(when(after(contact(), route(1, "person.stadsarkitekten")), RETURN)[0], CaseReturned)


def test_a_case_is_not_forwarded_to_whoever_has_it() -> None:
    to_itself = Forward(None, "group.city", "anna", SEALED)
    assert refused(after(*OPEN), to_itself) == "same-owner"
    to_its_topic = Forward("city.streets", None, "anna", SEALED, "department.streets")
    assert refused(after(*AT_DEPARTMENT), to_its_topic) == "same-owner", "it would end at the centre again"
    assert isinstance(when(after(*OPEN), to_its_topic)[0], CaseForwarded)
    at_a_person = after(contact(), route(1, "person.gatuchefen"))
    assert isinstance(when(at_a_person, to_its_topic)[0], CaseForwarded)


def test_nobody_got_back_to_the_citizen_before_the_citizen_contacted_us() -> None:
    before = T0 - timedelta(milliseconds=1)
    for long_ago in (
        RecordContact("reached", "anna", before),
        AwaitCitizen("awaiting_citizen", "anna", before, None),
    ):
        assert refused(after(*OPEN), long_ago) == "before-the-contact"
    assert isinstance(when(after(*OPEN), RecordContact("reached", "anna", T0))[0], CitizenContacted)


# --- one attempt at a time ---

CALL = BeginAttempt("anna", timedelta(minutes=15))


def test_of_two_who_get_back_to_the_citizen_at_once_the_second_is_told_who_does() -> None:
    case = after(*OPEN, CALL)
    with pytest.raises(RuleBroken, match="anna is getting back to the citizen") as broken:
        when(case, replace(CALL, by="bo"))
    assert broken.value.code == "attempt-in-flight"
    assert when(case, CALL, T0 + timedelta(minutes=10)) == [
        AttemptBegun(standing(), "anna", T0 + timedelta(minutes=10), T0 + timedelta(minutes=25))
    ], "whoever has it may take longer"


def test_an_attempt_that_nobody_told_the_outcome_of_is_over_by_itself() -> None:
    case, later = after(*OPEN, CALL), T0 + timedelta(minutes=15)
    assert case.attempt_at(later - timedelta(seconds=1)) is not None
    assert case.attempt_at(later) is None
    assert when(case, replace(CALL, by="bo"), later)


@pytest.mark.parametrize(
    "ends",
    [
        RecordContact("no_answer", "anna", T0),
        RecordContact("reached", "bo", T0),
        RecordContact("answered_in_writing", "bo", T0),
        contact("k2", opens_case=False),
        route(2, "group.school"),
        FORWARD,
        RESOLVE,
        WITHDRAW,
    ],
    ids=lambda command: type(command).__name__,
)
def test_an_attempt_ends_with_its_outcome_and_whatever_makes_it_needless(ends: Command) -> None:
    assert after(*OPEN, CALL, ends).attempt is None


@pytest.mark.parametrize("goes_on", [RecordContact("busy", "bo", T0), NOTE, AWAIT, Claim("bo")])
def test_an_attempt_goes_on_whatever_else_is_done(goes_on: Command) -> None:
    assert after(*OPEN, CALL, goes_on).attempt is not None


# --- waiting for the citizen ---


def test_a_case_that_awaits_the_citizen_says_for_what_since_when_and_until_when() -> None:
    chosen = AwaitCitizen("time_chosen_by_citizen", "anna", T0, T0 + DAY)
    case = after(*OPEN, CLAIM, chosen)
    assert (case.status, case.handler) == ("awaiting", "anna")
    assert case.awaiting == CaseAwaitingCitizen(standing(), "time_chosen_by_citizen", "anna", T0, T0 + DAY)
    assert refused(case, AWAIT) == "awaiting-already"
    assert after(*OPEN, AWAIT, RESUME).status == "open"
    assert refused(after(*OPEN), RESUME) == "not-awaiting"


@pytest.mark.parametrize(
    ("ends", "cause"),
    [
        (RESUME, "request"),
        (FORWARD, "forward"),
        (RETURN, "return"),
        (RESOLVE, "resolve"),
        (WITHDRAW, "withdraw"),
    ],
)
def test_whatever_ends_the_waiting_says_so_first(ends: Command, cause: str) -> None:
    case = after(*AT_DEPARTMENT, AWAIT)
    first, *others = when(case, ends, T0 + DAY)
    assert first == CaseResumed(case.standing, cause, "anna", None, T0 + DAY)
    assert len(others) == (ends is not RESUME)
    assert evolve(case, first).awaiting is None


@pytest.mark.parametrize(("asked", "resumed"), [(T0 - DAY, T0), (T0 + DAY, T0 + DAY)])
def test_a_contact_read_while_the_case_awaits_resumes_it_whatever_its_time(
    asked: datetime, resumed: datetime
) -> None:
    case = after(*OPEN, AWAIT)
    _, told = when(case, contact("k2", opens_case=False, at=asked), T0 + 2 * DAY)
    assert told == CaseResumed(case.standing, "contact", None, "k2", resumed)


def test_a_contact_about_an_open_case_is_told_as_asked_again_and_an_imported_one_is_not() -> None:
    case, again = after(*OPEN), contact("k2", opens_case=False, at=T0 + DAY)
    assert when(case, again)[1:] == [CitizenAskedAgain(case.standing, "k2", T0 + DAY)]
    assert when(case, NoteContact(replace(again.contact, imported=True)))[1:] == []
    assert when(after(contact()), again)[1:] == [], "nobody owns the case yet"


# --- resolved, and again ---


def test_a_withdrawn_case_needs_no_answer_and_comes_back_as_a_resolved_one_does() -> None:
    case = after(*OPEN, WITHDRAW)
    assert case.status == "withdrawn"
    assert when(after(*OPEN), WITHDRAW) == [CaseWithdrawn(standing(), "anna", "cancelled", T0)]
    assert not reopening(case, contact("k2", opens_case=False, at=T0 + DAY), T0 + DAY).owes_promise


@pytest.mark.parametrize("act", ACTS, ids=lambda act: type(act).__name__)
def test_a_resolved_case_takes_notes_only_until_it_is_reopened(act: Command) -> None:
    case = after(*OPEN, RESOLVE)
    assert refused(case, act) == "case-resolved"
    assert isinstance(when(case, NOTE)[0], NoteAdded)
    assert when(after(*OPEN, RESOLVE, REOPEN), CLAIM)


def test_an_open_case_is_not_reopened() -> None:
    assert refused(after(*OPEN), REOPEN) == "case-open"


def reopening(case: Case, command: Command, now: datetime) -> CaseReopened:
    [reopened] = [event for event in when(case, command, now) if isinstance(event, CaseReopened)]
    return reopened


@pytest.mark.parametrize("asked", [T0 - DAY, T0 + DAY, T0 + 30 * DAY])
def test_a_contact_that_finds_the_case_resolved_reopens_it_with_the_first_promise(asked: datetime) -> None:
    case = after(*OPEN, RESOLVE)
    reopened = reopening(case, contact("k2", opens_case=False, at=asked), T0 + 31 * DAY)
    assert (reopened.cause, reopened.contact_id, reopened.owes_promise) == ("contact", "k2", False)
    assert (reopened.standing.promise_number, reopened.standing.asked_at) == (1, asked)
    assert evolve(case, reopened).status == "open"


def test_later_than_thirty_days_after_the_resolution_a_contact_owes_a_new_promise() -> None:
    asked = T0 + 30 * DAY + timedelta(milliseconds=1)
    case = after(*OPEN, RESOLVE)
    reopened = reopening(case, contact("k2", opens_case=False, at=asked), asked)
    assert reopened.owes_promise
    assert (reopened.standing.promise_number, reopened.standing.asked_at) == (2, asked)
    assert evolve(case, reopened).standing.promise_number == 2


def test_a_reopening_asked_for_late_owes_a_new_promise_too() -> None:
    case = after(*OPEN, RESOLVE)
    assert not reopening(case, REOPEN, T0 + 30 * DAY).owes_promise
    late = reopening(case, REOPEN, T0 + 31 * DAY)
    assert (late.owes_promise, late.cause, late.by) == (True, "request", "anna")


def test_the_opening_contact_read_after_all_the_rest_reopens_nothing() -> None:
    resolved = evolve(
        after(route(1, "group.city"), contact()), CaseResolved(standing(), "anna", SEALED, 7, T0)
    )
    assert [type(event) for event in when(resolved, contact("k9"))] == [ContactNoted]


# --- standing ---


def standing(owner: str = "group.city", route_number: int = 1, promise: int = 1) -> Standing:
    return Standing(owner, "city.parking", route_number, promise, T0)


def test_every_act_says_under_which_route_and_promise_it_was_done() -> None:
    case = after(*OPEN, FORWARD, route(2, "department.building", answers=1))
    now_stands = standing("department.building", 2)
    to_the_city = Forward(None, "group.city", "anna", SEALED)
    for act in (CLAIM, NOTE, REACHED, AWAIT, to_the_city, RETURN, RESOLVE, WITHDRAW):
        [event] = when(case, act)
        assert not isinstance(event, ContactNoted | RouteNoted)
        assert event.standing == now_stands


def test_an_attempt_is_told_with_its_outcome_and_time() -> None:
    earlier = T0 + timedelta(minutes=10)
    told = when(after(*OPEN), RecordContact("voicemail", "anna", earlier), T0 + timedelta(minutes=20))
    assert told == [CitizenContacted(standing(), "voicemail", "anna", earlier)]


def test_a_reopening_tells_how_and_as_whom_the_citizen_asked_again() -> None:
    again = replace(contact("k2", opens_case=False).contact, channel="email", citizen_kind="business")
    for command, told in ((NoteContact(again), ("email", "business")), (REOPEN, ("phone", "person"))):
        reopened = when(after(*OPEN, RESOLVE), command)[-1]
        assert isinstance(reopened, CaseReopened)
        assert (reopened.channel, reopened.citizen_kind) == told


def test_a_reopened_case_acts_under_its_new_promise() -> None:
    case = after(*OPEN, RESOLVE)
    late = T0 + 31 * DAY
    for event in when(case, contact("k2", opens_case=False, at=late), late):
        case = evolve(case, event)
    [resolved] = when(case, RESOLVE, late)
    assert isinstance(resolved, CaseResolved)
    assert (resolved.standing.promise_number, resolved.standing.asked_at) == (2, late)


# --- stored ---

EVERY_EVENT: list[Event] = [
    contact().contact,
    route(1, "group.city").route,
    CaseClaimed(standing(), "anna", T0),
    NoteAdded(standing(), "n1", "anna", SEALED, T0),
    AttemptBegun(standing(), "anna", T0, T0 + DAY),
    CitizenContacted(standing(), "reached", "anna", T0),
    CaseAwaitingCitizen(standing(), "awaiting_citizen", "anna", T0, None),
    CaseAwaitingCitizen(standing(), "time_chosen_by_citizen", "anna", T0, T0 + DAY),
    CaseResumed(standing(), "contact", None, "k2", T0),
    CitizenAskedAgain(standing(), "k2", T0),
    CaseForwarded(standing(), 1, "city.parking", None, "anna", SEALED, T0),
    CaseReturned(standing(), 2, "wrong_owner", "anna", SEALED, T0),
    CaseResolved(standing(), "anna", SEALED, 7, T0),
    CaseResolved(standing(), "imported", None, 0, T0, imported=True),
    CaseWithdrawn(standing(), "imported", "cancelled", T0, imported=True),
    CaseReopened(standing(), "contact", "k2", None, None, True, T0, "email", "business"),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("case", [INITIAL, after(*OPEN, CLAIM), after(*OPEN, RESOLVE)])
def test_every_event_reads_back_as_it_was_written_and_is_accepted_in_every_state(
    case: Case, event: Event
) -> None:
    codec = decider().codec
    assert {type(sample) for sample in EVERY_EVENT} == set(codec.types)
    stored = codec.store(event)
    data: dict[str, Any] = bson.decode(bson.encode(stored.data), CodecOptions(tz_aware=True))
    restored = codec.restore(StoredEvent(stored.id, stored.type, stored.schema, data))
    assert restored == event
    assert isinstance(evolve(case, restored), Case)


# --- imported ---


def imported(closed_at: datetime | None, *, withdrawn: bool = False, opens_case: bool = True) -> NoteContact:
    closed = Closed(closed_at, withdrawn) if closed_at else None
    noted = contact("k1" if opens_case else "k2", opens_case=opens_case).contact
    return NoteContact(replace(noted, imported=True, closed=closed))


@pytest.mark.parametrize("route_first", [True, False])
def test_an_imported_case_that_was_closed_is_resolved_once_its_owner_is_known(route_first: bool) -> None:
    told = [imported(T0 - 90 * DAY), route(1, "group.city")]
    case = after(*(reversed(told) if route_first else told))
    assert (case.status, case.resolved_at) == ("resolved", T0 - 90 * DAY)


def test_an_imported_case_that_was_withdrawn_is_closed_without_being_resolved() -> None:
    case = after(imported(T0, withdrawn=True), route(1, "group.city"))
    assert case.status == "withdrawn"


def test_an_imported_case_that_was_open_is_open() -> None:
    assert after(imported(None), route(1, "group.city")).status == "open"


def test_an_imported_contact_never_reopens() -> None:
    case = after(imported(T0), route(1, "group.city"), imported(T0, opens_case=False))
    assert (case.status, case.contacts) == ("resolved", ("k1", "k2"))


@pytest.mark.parametrize("early", [True, False])
def test_a_contact_of_today_reopens_an_imported_case_whenever_it_is_read(early: bool) -> None:
    opener, routed = imported(T0 - 31 * DAY), route(1, "group.city")
    today = contact("k2", opens_case=False)
    case = after(opener, today, routed) if early else after(opener, routed, today)
    assert (case.status, case.promise_number, case.early) == ("open", 2, ())
