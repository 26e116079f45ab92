"""The figures: derived from what happened, each as its definition says."""

from datetime import timedelta
from typing import Any

import pytest
from lofte_events import (
    CaseClaimed,
    CaseResolved,
    CaseWithdrawn,
    ContactReceived,
    Contract,
    History,
    PromiseAnsweredLate,
    PromisePaused,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    PromiseWithdrawn,
)
from metrics.figures import DEFINITIONS, GROUPINGS, Limits, Row, came_back, solved_at_first_contact, summarize
from metrics.views import project

from .telling import (
    ACT,
    LIVE,
    NOW,
    PROMISE,
    WRITTEN,
    attempted,
    broken,
    contact,
    fold,
    forwarded,
    kept,
    made,
    message,
    minute,
    reopened,
    resolved,
    returned,
    route,
)

WINDOW = timedelta(days=7)
LIMITS = Limits(WINDOW, back_dating=timedelta(minutes=15))


def row(*cases: dict[str, Any], by: str = "none") -> dict[str | None, dict[str, Any]]:
    return {group: counted.figures() for group, counted in summarize(cases, by, LIMITS)}


# --- first-contact resolution, gross ---


@pytest.mark.parametrize(
    ("told", "solved"),
    [
        ((*LIVE, resolved()), True),
        (LIVE, False),
        ((*LIVE, contact(5, opens_case=False), resolved(10)), False),
        ((*LIVE, resolved(10), contact(20, opens_case=False)), True),
        ((contact(), route(1, "department.streets"), resolved()), False),
        ((contact(), route(1, "person.stadsarkitekten"), resolved()), False),
        ((*LIVE, forwarded(), route(2, "group.business"), resolved()), False),
        ((*LIVE, attempted("voicemail", 5), resolved(10)), False),
        ((*LIVE, attempted("reached", 5), resolved(10)), False),
        ((*LIVE, resolved(10), attempted("reached", 15)), True),
        ((*WRITTEN, attempted("answered_in_writing", 9), resolved(10)), True),
        ((*WRITTEN, resolved(10), kept()), True),
    ],
    ids=[
        "one call",
        "not resolved",
        "called twice before",
        "called again after",
        "a department",
        "a person",
        "forwarded",
        "tried to call back",
        "called back",
        "called back after",
        "a letter answered in writing",
        "a letter with its promise",
    ],
)
def test_first_contact_resolution_gross(told: tuple[Contract, ...], solved: bool) -> None:
    assert solved_at_first_contact(fold(*told)) is solved


@pytest.mark.parametrize("made_at", [61, 76, 600], ids=["at once", "when judged", "after an outage"])
def test_a_caller_who_had_to_be_promised_was_not_solved_at_first_contact(made_at: float) -> None:
    # The limit of the conversation passed after 60 minutes, whenever callback came to say so.
    assert not solved_at_first_contact(fold(*LIVE, resolved(70), made(made_at), kept()))


def test_a_promise_made_when_the_case_came_back_does_not_undo_its_first_contact() -> None:
    months = 60 * 24 * 40
    facts = fold(*LIVE, resolved(10), reopened(months), made(months, number=2, asked=months))
    assert solved_at_first_contact(facts)


def test_what_becomes_of_a_case_that_comes_back_is_for_net_to_say() -> None:
    back = (contact(60, opens_case=False), reopened(60))
    passed_on = (
        forwarded(),
        route(2, "department.streets"),
        made(65, asked=60),
        returned("department.streets"),
    )
    facts = fold(*LIVE, resolved(10), *back, *passed_on, route(3, "group.city"), resolved(90))
    told = row(facts)[None]
    assert (told["solved_at_first_contact"], told["solved_at_first_contact_net"]) == (1, 0)
    early = fold(route(2, "department.streets"), *back, forwarded(), resolved(10), contact())
    assert not solved_at_first_contact(early), "forwarded before it was resolved"


# --- net ---


@pytest.mark.parametrize(
    ("again", "back"),
    [
        (reopened(60), True),
        (contact(60, opens_case=False), True),
        (contact(10 + 7 * 1440, opens_case=False), True),
        (contact(11 + 7 * 1440, opens_case=False), False),
        (reopened(11 + 7 * 1440), False),
    ],
    ids=["reopened", "contacted", "at the end of the window", "after it", "reopened after it"],
)
def test_net_is_not_reopened_and_not_contacted_about_again_within_the_window(
    again: Contract, back: bool
) -> None:
    facts = fold(*LIVE, resolved(10), again)
    assert came_back(facts, WINDOW) is back
    told = row(facts)[None]
    assert (told["solved_at_first_contact"], told["solved_at_first_contact_net"]) == (1, 0 if back else 1)


def test_the_call_itself_is_no_contact_again_even_if_answered_at_once() -> None:
    assert not came_back(fold(*LIVE, resolved(0)), WINDOW)


# --- counts and groups ---


def test_an_empty_period_is_a_row_of_noughts() -> None:
    assert row()[None]["cases"] == 0
    assert row()[None]["kept_share"] is None
    assert row()[None]["minutes_to_answer_median"] is None
    assert row(by="topic") == {}


def test_a_case_counts_once_under_its_opener_and_its_latest_route() -> None:
    facts = fold(
        contact(channel="phone"),
        contact(20, opens_case=False, channel="email"),
        route(1, "group.city"),
        forwarded(),
        route(2, "department.building", "department.building"),
    )
    for by, group in (("channel", "phone"), ("topic", "city.parking"), ("department", "department.building")):
        told = row(facts, by=by)
        assert list(told) == [group]
        assert (told[group]["cases"], told[group]["contacts"], told[group]["forwarded"]) == (1, 2, 1)


def test_a_case_without_a_topic_is_counted_under_none() -> None:
    facts = {**fold(*LIVE), "topic": None}
    assert row(facts, by="topic")[None]["cases"] == 1


def test_a_return_counts_under_the_department_that_returned() -> None:
    facts = fold(
        contact(),
        route(1, "department.building", "department.building"),
        returned("department.building"),
        route(2, "group.city", "department.streets"),
    )
    told = row(facts, by="department")
    assert (told["department.building"]["returned"], told["department.building"]["cases"]) == (1, 0)
    assert (told["department.streets"]["returned"], told["department.streets"]["cases"]) == (0, 1)
    assert row(facts)[None]["returned"] == 1


@pytest.mark.parametrize("route_first", [True, False])
def test_a_return_by_a_person_counts_under_that_persons_department(route_first: bool) -> None:
    routes = (
        route(1, "person.stadsarkitekten", "department.building"),
        route(2, "group.city", "department.streets"),
    )
    back = (returned("person.stadsarkitekten"),)
    facts = fold(contact(), *((*routes, *back) if route_first else (*back, *routes)))
    told = row(facts, by="department")
    assert {group: counted["returned"] for group, counted in told.items()} == {
        "department.streets": 0,
        "department.building": 1,
    }


def test_promises_are_counted_by_their_end() -> None:
    late = PromiseAnsweredLate.model_validate(
        {**PROMISE, "promise_number": 1, "answered_at": minute(300), "how": "reached"}
    )
    department = (contact(), route(1, "department.streets"))
    told = row(
        fold(*department, made(), kept()),
        fold(*department, made(), broken()),
        fold(*department, made(), broken(), late),
        fold(*department, made()),
        fold(*department, made(), kept(), made(9000, number=2), broken(2)),
    )[None]
    names = ("made", "kept", "broken", "answered_late", "open")
    assert [told[f"promises_{name}"] for name in names] == [6, 2, 3, 1, 1]
    assert told["kept_share"] == 0.4


def test_the_kept_share_leaves_out_cases_solved_at_first_contact() -> None:
    easy = fold(*WRITTEN, resolved(10), kept())
    hard = fold(contact(live=False), route(1, "department.streets"), made(), broken())
    told = row(easy, easy, easy, hard)[None]
    assert (told["promises_kept"], told["promises_broken"], told["kept_share"]) == (3, 1, 0.0)


def test_the_answer_is_the_first_time_that_the_citizen_was_reached_or_answered() -> None:
    told = row(fold(*LIVE, attempted("busy", 5), attempted("reached", 20), resolved(90)), fold(*LIVE))[None]
    assert (told["answered"], told["minutes_to_answer_median"], told["minutes_spent"]) == (1, 20.0, 5)


def test_an_answer_told_long_after_counts_from_the_back_dating_limit_as_it_does_for_the_promise() -> None:
    told_late = project(fold(*LIVE), message(attempted("reached", 5), stored_at=minute(300)))
    assert row(told_late or {})[None]["minutes_to_answer_median"] == 285.0
    told_soon = project(fold(*LIVE), message(attempted("reached", 5), stored_at=minute(12)))
    assert row(told_soon or {})[None]["minutes_to_answer_median"] == 5.0


@pytest.mark.parametrize(
    ("took", "median", "p90"),
    [([3], 3.0, 3.0), ([1, 2, 9], 2.0, 9.0), ([*range(1, 11)], 5.0, 9.0), ([*range(1, 101)], 50.0, 90.0)],
)
def test_quantiles_are_nearest_ranks(took: list[int], median: float, p90: float) -> None:
    told = row(*(fold(*LIVE, resolved(minutes)) for minutes in reversed(took)))[None]
    assert (told["minutes_to_answer_median"], told["minutes_to_answer_p90"]) == (median, p90)


def test_the_largest_group_comes_first() -> None:
    cases = [
        fold(contact(channel=channel), route(1, "group.city")) for channel in ("email", "phone", "phone")
    ]
    assert list(row(*cases, by="channel")) == ["phone", "email"]


def test_every_figure_has_its_definition() -> None:
    assert set(Row().figures()) == set(DEFINITIONS)
    assert GROUPINGS == ("topic", "department", "channel", "none")


# --- the facts ---


def test_facts_are_the_same_whatever_is_read_first() -> None:
    department = (made(), kept())
    intake, routing = (contact(), contact(20, opens_case=False)), (route(1, "group.city"),)
    assert fold(*intake, *routing, *department) == fold(*department, *routing, *reversed(intake))


def test_what_is_not_counted_changes_nothing() -> None:
    claimed = CaseClaimed.model_validate({**ACT, "owner": "group.city", "claimed_at": NOW})
    assert project(None, message(claimed)) is None


# --- imported and withdrawn ---


def imported(answered_at: float | None, outcome: str = "answered") -> Contract:
    told = contact(0, live=False, channel="web")
    assert isinstance(told, ContactReceived)
    answered = minute(answered_at) if answered_at is not None else None
    return told.model_copy(update={"history": History(outcome=outcome, answered_at=answered)})


def closed(at: float) -> Contract:
    told = resolved(at, minutes=0)
    assert isinstance(told, CaseResolved)
    return told.model_copy(update={"imported": True})


def withdrawn() -> list[Contract]:
    case = {**ACT, "owner": "group.city", "reason": "cancelled", "occurred_at": minute(9), "imported": True}
    promise = {**PROMISE, "promise_number": 1, "withdrawn_at": minute(9), "reason": "cancelled"}
    return [CaseWithdrawn.model_validate(case), PromiseWithdrawn.model_validate(promise)]


@pytest.mark.parametrize("closed_at", [5, 5000])
def test_an_imported_case_was_answered_when_the_other_system_says_so(closed_at: float) -> None:
    [(_, figures)] = row(fold(imported(30), route(1, "group.city"), closed(closed_at))).items()
    assert (figures["imported"], figures["resolved"], figures["minutes_to_answer_median"]) == (1, 1, 30.0)


def test_what_was_withdrawn_is_neither_kept_nor_broken_nor_open() -> None:
    [(_, figures)] = row(
        fold(imported(None, "withdrawn"), route(1, "group.city"), made(), *withdrawn())
    ).items()
    counted = ("withdrawn", "promises_made", "promises_withdrawn")
    assert [figures[name] for name in counted] == [1, 1, 1]
    none = ("resolved", "answered", "promises_kept", "promises_broken", "promises_open", "kept_share")
    assert not any(figures[name] for name in none)


def moved(kind: type[Contract], **told: Any) -> Contract:
    base = {**PROMISE, "promise_number": 1, "due_before": PROMISE["due_at"], "due_at": minute(540)}
    return kind.model_validate({**base, **told})


def paused(at: float) -> Contract:
    told = {"paused_at": minute(at), "reason": "awaiting_citizen", "limit_at": minute(9000)}
    return moved(PromisePaused, **told)


def resumed(at: float) -> Contract:
    return moved(PromiseResumed, resumed_at=minute(at), cause="contact")


def ended(reason: str, at: float = 60) -> Contract:
    told = {**PROMISE, "promise_number": 1, "withdrawn_at": minute(at), "reason": reason}
    return PromiseWithdrawn.model_validate(told)


@pytest.mark.parametrize(
    ("end", "minutes"),
    [((), 15), ((kept(),), 45), ((ended("tried", 90),), 75)],
    ids=["waits", "kept", "tried"],
)
def test_paused_time_is_counted_when_it_is_over(end: tuple[Contract, ...], minutes: int) -> None:
    told = (*WRITTEN, made(), paused(10), resumed(25), paused(30))
    [(_, figures)] = row(fold(*told, *end)).items()
    assert (figures["promises_paused"], figures["minutes_paused"]) == (1, minutes)


def test_what_was_tried_has_a_column_of_its_own_and_what_is_owed_again_is_open() -> None:
    told = (*WRITTEN, made(), ended("tried"))
    [(_, figures)] = row(fold(*told)).items()
    none = ("promises_kept", "promises_broken", "promises_open", "kept_share")
    assert not any(figures[name] for name in none)
    assert (figures["promises_tried"], figures["promises_withdrawn"]) == (1, 1)
    assert figures["promises_withdrawn_by_reason"] == {"tried": 1}
    [(_, again)] = row(fold(*told, moved(PromiseReopened, reopened_at=minute(99)))).items()
    assert (again["promises_tried"], again["promises_reopened"], again["promises_open"]) == (0, 1, 1)


def test_tried_after_the_breach_counts_as_broken() -> None:
    [(_, figures)] = row(fold(*WRITTEN, made(), broken(), ended("tried"))).items()
    assert (figures["promises_broken"], figures["promises_tried"]) == (1, 0)


def test_a_renewed_promise_is_kept_against_the_time_that_holds() -> None:
    renewal = {"renewed_at": minute(5), "agreed_at": minute(5), "how": "phone", "by": "anna"}
    renewed = moved(PromiseRenewed, reason="more_time_needed", **renewal)
    [(_, figures)] = row(fold(*WRITTEN, made(), paused(1), renewed, kept())).items()
    counted = ("promises_renewed", "promises_kept", "promises_broken", "minutes_paused")
    assert [figures[name] for name in counted] == [1, 1, 0, 4]
    assert figures["kept_share"] == 1


def test_a_document_folded_before_there_were_imports_is_counted() -> None:
    facts = fold(*LIVE, resolved())
    del facts["imported"], facts["withdrawn"], facts["resolutions"][0]["imported"]
    assert row(facts)[None]["answered"] == 1
