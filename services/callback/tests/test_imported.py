"""A promise that another system made: judged by the times that it told, without a single timer where it has ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from callback.domain import (
    Act,
    Fire,
    History,
    Judge,
    NoteContact,
    NoteFacts,
    NoteRoute,
    Promise,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseWithdrawn,
    Route,
    Timers,
    decide,
    evolve,
    timers,
)

from .given import BOOKS, at

OWNER = "department.building"
NOW = at("09:00", 27)
DUE = at("13:00", 3)
ROUTE = NoteRoute(Route(1, OWNER, "city.building-permit", at("09:00"), NOW))


def contact(history: History) -> NoteContact:
    return NoteContact(at("09:00"), False, "city.building-permit", history)


def told(*commands: NoteContact | NoteRoute | NoteFacts | Fire | Judge, now: datetime = NOW) -> Promise:
    promise = Promise()
    for command in commands:
        for event in decide(command, promise, BOOKS, now):
            promise = evolve(promise, event)
    return promise


def events(history: History, *, route_first: bool) -> list[object]:
    first, second = (ROUTE, contact(history)) if route_first else (contact(history), ROUTE)
    return list(decide(second, told(first), BOOKS, NOW)[1:])


@pytest.mark.parametrize("route_first", [True, False])
def test_an_answer_until_the_last_moment_keeps_it(route_first: bool) -> None:
    made, kept = events(History(DUE, DUE, None), route_first=route_first)
    assert isinstance(made, PromiseMade)
    assert (made.from_at, made.due_at, made.made_at, made.imported) == (at("09:00"), DUE, NOW, True)
    assert kept == PromiseKept(OWNER, DUE, DUE, "imported", imported=True)


def test_an_answer_after_it_comes_late_and_breaks_it_as_of_its_time() -> None:
    late = DUE + timedelta(milliseconds=1)
    _, broken, answered = events(History(DUE, late, None), route_first=False)
    assert broken == PromiseBroken(OWNER, DUE, NOW, imported=True)
    assert answered == PromiseAnsweredLate(OWNER, DUE, late, "imported", imported=True)


def test_one_that_was_withdrawn_is_neither_kept_nor_broken() -> None:
    _, *ended = events(History(DUE, None, at("08:00", 20)), route_first=True)
    assert ended == [PromiseWithdrawn(OWNER, DUE, at("08:00", 20), "cancelled", imported=True)]


def test_where_nothing_was_promised_nothing_is() -> None:
    assert events(History(None, at("12:00"), None), route_first=False) == []


@pytest.mark.parametrize("end", [History(DUE, DUE, None), History(DUE, NOW, None), History(DUE, None, NOW)])
def test_what_has_ended_wants_no_timer(end: History) -> None:
    assert timers(told(contact(end), ROUTE)) == Timers(None, None)


def test_one_that_was_open_past_its_time_is_told_of_once_by_the_highest_stage() -> None:
    promise = told(contact(History(DUE, None, None)), ROUTE)
    [fell_due] = decide(Fire(), promise, BOOKS, NOW)
    assert (fell_due.stage.name, fell_due.stage.step) == ("overdue", 2)  # type: ignore[union-attr]
    assert fell_due.skipped == ("reminder", "due", "overdue")  # type: ignore[union-attr]
    assert timers(evolve(promise, fell_due)).next_at is None


def test_one_that_was_open_past_its_time_is_broken_as_of_it_and_answered_late_from_then_on() -> None:
    promise = told(contact(History(DUE, None, None)), ROUTE, Judge(NOW))
    assert promise.broken == PromiseBroken(OWNER, DUE, NOW, imported=True)
    assert not promise.ended
    act = Act("reached", NOW, 1, OWNER)
    [_, answered] = decide(NoteFacts((act,)), promise, BOOKS, NOW)
    assert answered == PromiseAnsweredLate(OWNER, DUE, NOW, "reached", imported=True)


def test_one_that_is_open_is_kept_as_any_other() -> None:
    due_at = NOW + timedelta(days=1)
    promise = told(contact(History(due_at, None, None)), ROUTE, NoteFacts((Act("reached", NOW, 1, OWNER),)))
    assert promise.kept == PromiseKept(OWNER, due_at, NOW, "reached", imported=True)


def test_a_time_before_the_contact_is_taken_as_it_was_told() -> None:
    long_before = replace(History(DUE, None, None), due_at=datetime(1900, 1, 2, tzinfo=DUE.tzinfo))
    promise = told(contact(long_before), ROUTE, Fire(), Judge(NOW))
    assert promise.broken is not None
    assert promise.broken.broken_at == long_before.due_at
