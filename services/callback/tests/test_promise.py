"""The promise: when it is made, by whom, and when it is kept. Given what was told before, when a command, then events."""

import pytest
from callback.domain import (
    CallbackFellDue,
    Command,
    ConversationEnded,
    ConversationLimitPassed,
    Fire,
    FiringFoundNothing,
    Judge,
    NoteContact,
    OweAgain,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    Route,
    Timers,
    timers,
)

from .given import (
    BREACH,
    LIMIT,
    LIVE,
    WRITTEN,
    act,
    after,
    at,
    contact,
    reopening,
    route,
    terms,
    told,
    when,
)

# --- made ---


def test_a_written_contact_is_promised_at_receipt_under_the_first_owner() -> None:
    made = terms(after(*WRITTEN))
    assert (made.owner, made.policy, made.policy_version) == ("department.building", "building", 3)
    assert (made.from_at, made.due_at) == (at("09:00"), at("13:00"))


def test_the_clock_starts_at_receipt_however_late_it_is_heard_of() -> None:
    promise, _ = told(*WRITTEN, now=at("16:00", day=5))
    assert terms(promise).due_at == at("13:00")


def test_nothing_is_promised_while_a_guide_is_in_the_conversation() -> None:
    assert after(*LIVE).terms is None
    assert after(contact(live=False)).terms is None  # nobody owns it yet


def test_a_live_contact_is_promised_by_the_first_department_that_it_is_routed_to() -> None:
    made = terms(after(*LIVE, route(2, "department.building", "09:20")))
    assert (made.owner, made.policy, made.due_at) == ("department.building", "building", at("13:00"))


def test_a_live_contact_for_a_person_asked_for_by_name_is_promised_by_that_person() -> None:
    assert terms(after(contact(live=True), route(1, "person.stadsarkitekten"))).policy == "rest"


def test_of_two_departments_the_first_promised() -> None:
    early = after(*LIVE, route(2, "department.building", "09:20"), route(3, "department.streets", "09:30"))
    late = after(
        route(1, "group.city"),
        route(2, "department.building", "09:20"),
        route(3, "department.streets", "09:30"),
        contact(live=True),
    )
    assert terms(early) == terms(late)
    assert terms(early).owner == "department.building"


def test_else_a_live_contact_is_promised_at_the_limit_by_the_owner_of_that_moment() -> None:
    groups = (*LIVE, route(2, "group.business", "09:50"), route(3, "group.city", "10:05"))
    made = terms(after(*groups, LIMIT))
    assert (made.owner, made.from_at, made.after) == ("group.business", at("09:00"), at("10:00"))


def test_the_limit_of_a_live_contact_is_never_passed_by_the_clock_alone() -> None:
    waiting = after(*LIVE)
    assert timers(waiting) == Timers(None, at("10:15"))  # the limit, and the time that acts may be told late
    assert when(waiting, Fire(), "16:00") == [FiringFoundNothing(at("16:00"))]
    assert when(waiting, Judge(at("10:14")), "16:00") == [FiringFoundNothing(at("16:00"))]
    assert isinstance(when(waiting, LIMIT)[0], ConversationLimitPassed)


def test_a_department_that_comes_after_the_limit_does_not_promise_in_its_place() -> None:
    # Whichever is read first, the late route or the judgement: what was owed at the limit is owed.
    late = route(2, "department.building", "10:05")
    assert after(*LIVE, late).terms is None
    assert terms(after(*LIVE, late, LIMIT)) == terms(after(*LIVE, LIMIT, late))
    assert terms(after(*LIVE, late, LIMIT)).owner == "group.city"


def test_a_case_routed_only_after_the_limit_is_promised_by_its_first_owner() -> None:
    routing_was_away = (contact(live=True), LIMIT, route(1, "department.building", "12:00"))
    assert terms(after(*routing_was_away)).owner == "department.building"
    assert terms(after(contact(live=True), route(1, "department.building", "12:00"), LIMIT)).owner == (
        "department.building"
    )


def test_a_live_contact_resolved_before_the_limit_is_promised_nothing() -> None:
    promise, events = told(*LIVE, act("09:10", "resolved"))
    assert isinstance(events[-1], ConversationEnded)
    assert promise.terms is None
    assert timers(promise) == Timers(None, None)
    assert when(promise, LIMIT) == [FiringFoundNothing(at("09:02"))]


def test_only_a_resolution_ends_a_conversation() -> None:
    promise = after(*LIVE, act("09:10", "reached"), LIMIT)
    assert terms(promise).due_at == at("11:00")
    assert promise.kept is None, "reached in the conversation in which the promise was given"


SOLVED: tuple[Command, ...] = (*LIVE, act("09:10", "resolved"))


def test_a_case_solved_in_the_conversation_and_reopened_is_promised_from_when_the_citizen_asked_again() -> (
    None
):
    # No promise is on record: without one nobody would be reminded, and the citizen would wait unseen.
    promise = after(*SOLVED, reopening("13:50"))
    made = terms(promise)
    assert (made.number, made.owner, made.from_at) == (1, "group.city", at("13:50"))
    assert made.due_at == at("15:50")
    assert timers(promise) == Timers(at("15:20"), at("16:05"))
    assert promise.kept is None, "what was said in the conversation does not keep it"
    assert after(*SOLVED, reopening("13:50"), act("14:30")).kept


@pytest.mark.parametrize("place", range(4))
def test_a_department_that_it_then_goes_to_makes_no_other_promise_whichever_is_read_first(place: int) -> None:
    facts = [*SOLVED, reopening("09:20")]
    facts.insert(place, route(2, "department.building", "09:30", asked="09:20"))
    made = terms(after(*sorted(facts, key=lambda told: not isinstance(told, NoteContact))))
    assert (made.owner, made.from_at) == ("group.city", at("09:20"))


def test_a_reopening_leaves_the_promise_that_is_on_record() -> None:
    kept = after(*WRITTEN, act("12:00", "resolved"))
    assert terms(after(*WRITTEN, act("12:00", "resolved"), reopening("14:00"))) == terms(kept)
    early = after(contact(live=True), reopening("14:00"), route(1, "group.city"), act("09:10", "resolved"))
    assert terms(early) == terms(after(*SOLVED, reopening("14:00")))


def test_a_reopening_long_after_owes_a_new_promise_from_that_contact() -> None:
    again = OweAgain(2, Route(3, "department.building", None, at("10:00", day=20), at("10:30", day=20)))
    made = terms(after(again))
    assert (made.number, made.from_at, made.due_at) == (2, at("10:00", day=20), at("14:00", day=20))
    assert when(after(again), again) == []


# --- who owns it now ---


def test_routing_again_leaves_the_promised_time_as_it_was_said() -> None:
    promise = after(*WRITTEN, route(2, "group.city", "09:30"), route(3, "department.streets", "10:00"))
    assert terms(promise) == terms(after(*WRITTEN))
    assert timers(promise) == timers(after(*WRITTEN))


def test_the_present_owner_is_reminded_and_answers_for_a_breach() -> None:
    promise = after(*WRITTEN, route(2, "department.streets", "09:30"))
    [fell_due] = when(promise, Fire(), "12:00")
    assert isinstance(fell_due, CallbackFellDue)
    assert fell_due.owner == "department.streets"
    assert when(promise, BREACH, "13:16") == [PromiseBroken("department.streets", at("13:00"), at("13:16"))]


def test_a_route_read_again_is_noted_once() -> None:
    assert when(after(*WRITTEN), route(1, "department.building")) == []


# --- kept ---


@pytest.mark.parametrize("how", ["reached", "answered_in_writing", "resolved"])
def test_a_promise_is_kept_when_the_citizen_was_reached_or_answered(how: str) -> None:
    events = when(after(*WRITTEN), act("12:00", how))
    assert events[1:] == [PromiseKept("group.city", at("13:00"), at("12:00"), how)]


def test_an_act_at_the_very_due_time_keeps_it() -> None:
    assert isinstance(when(after(*WRITTEN), act("13:00"))[-1], PromiseKept)


def test_the_owner_who_got_back_to_the_citizen_is_told_whichever_was_read_first() -> None:
    by_streets = act("12:00", under=2, owner="department.streets")
    moved_on = (route(2, "department.streets"), route(3, "group.city"))
    kept = {after(*WRITTEN, *order).kept for order in ((by_streets, *moved_on), (*moved_on, by_streets))}
    assert [promise.owner for promise in kept if promise] == ["department.streets"]


def test_a_promise_made_after_its_answer_is_born_kept() -> None:
    promise, events = told(act("09:30", "resolved"), route(1, "department.building"), contact(live=False))
    assert [type(event) for event in events[-2:]] == [PromiseMade, PromiseKept]
    assert timers(promise) == Timers(None, None)


def test_what_was_said_before_the_promise_does_not_keep_it() -> None:
    # A guide reached the citizen under route 1; the department promised under route 2.
    promise = after(*LIVE, act("09:10", under=1), route(2, "department.building", "09:20"))
    assert terms(promise).route_number == 2
    assert not promise.ended
    assert after(*LIVE, route(2, "department.building", "09:20"), act("11:00", under=2)).kept


def test_after_the_limit_the_conversation_that_went_before_does_not_count() -> None:
    assert after(*LIVE, act("09:55"), LIMIT).kept is None
    assert after(*LIVE, act("10:01"), LIMIT).kept


def test_a_late_act_waits_for_the_judgement() -> None:
    late = after(*WRITTEN, act("13:05"))
    assert not late.ended
    assert late.broken is None
    assert timers(late) == Timers(None, at("13:15"))  # told, so that nobody is reminded; judged all the same


def test_an_act_in_time_that_is_read_after_a_late_one_keeps_it() -> None:
    promise = after(*WRITTEN, act("13:05"), act("12:55"))
    assert promise.kept is not None
    assert promise.kept.kept_at == at("12:55")
