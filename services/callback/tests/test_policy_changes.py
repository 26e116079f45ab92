"""A change of policy or calendar moves no promise that was made; a draft tells which ones it would have moved."""

from dataclasses import replace
from datetime import timedelta

import pytest
from callback.domain import (
    INITIAL,
    Asked,
    Calendar,
    Command,
    Day,
    Event,
    Fire,
    FiringFoundNothing,
    History,
    Judge,
    NoteContact,
    Policy,
    PolicyBooks,
    Promise,
    PromiseBroken,
    PromiseRenewed,
    Term,
    decide,
    evolve,
    would_be,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from .given import BOOK, SWEDEN, WRITTEN, act, after, at, renew, reopening, route, terms

NIGHTS = Calendar(SWEDEN, [[(timedelta(hours=20), timedelta(hours=23))]] * 7)
CHANGED = replace(
    BOOK, version=4, policies=[Policy("all", Term(working_hours=1))], default_calendar=NIGHTS, ladder=()
)
LATER = PolicyBooks(CHANGED, {3: BOOK})
FRIDAY = NoteContact(at("16:00", 6), False, "city.building-permit")


def follow(
    promise: Promise, *commands: Command, day: int = 2, clock: str = "14:00"
) -> tuple[Promise, list[Event]]:
    """What follows under the changed book."""
    events: list[Event] = []
    for command in commands:
        for event in decide(command, promise, LATER, at(clock, day)):
            promise = evolve(promise, event)
            events.append(event)
    return promise, events


commands = st.lists(
    st.sampled_from(
        [
            route(2, "department.streets", "10:00"),
            route(3, "group.city", "10:30"),
            reopening("12:00"),
            act("15:00", "reached"),
            act("12:30", "reached", under=2),
            Fire(),
            Judge(at("13:00")),
            Judge(at("13:15")),
            WRITTEN[0],
            WRITTEN[1],
        ]
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(commands)
def test_the_deadline_recomputed_from_scratch_at_every_change(told: list[Command]) -> None:
    """Whatever happens after the promise was made, under whatever book: what was said to the citizen stands."""
    made = after(*WRITTEN)
    then, _ = follow(made, *told)
    assert then.terms == made.terms
    assert terms(then).due_at == at("13:00")
    assert terms(then).policy_version == 3


def test_a_new_promise_is_made_under_the_new_book() -> None:
    promise, _ = follow(Promise(), *WRITTEN)
    assert (terms(promise).policy, terms(promise).policy_version) == ("all", 4)
    assert terms(promise).due_at == at("21:00")


def test_business_hours_ignored_in_breaches() -> None:
    """Friday at 16:00, four working hours: a weekend is no delay, and Monday's opening is not the limit either."""
    promise = after(FRIDAY, WRITTEN[1])
    assert terms(promise).due_at == at("11:00", 9)
    for safe in (at("20:00", 6), at("23:59", 8), at("11:14", 9)):
        [looked] = decide(Judge(safe), promise, PolicyBooks(BOOK), safe)
        assert isinstance(looked, FiringFoundNothing)
    [broken] = decide(Judge(at("11:15", 9)), promise, PolicyBooks(BOOK), at("11:20", 9))
    assert isinstance(broken, PromiseBroken)
    assert broken.broken_at == at("11:00", 9)


def test_a_contact_is_promised_under_the_policy_of_its_kind_and_channel() -> None:
    business = Policy("business", Term(working_hours=1), channels=frozenset({"web"}), citizen_kind="business")
    book = PolicyBooks(replace(BOOK, policies=[business, *BOOK.policies]))
    promised = []
    for channel, kind in (("web", "business"), ("email", "business"), (None, None)):
        contact = NoteContact(at("09:00"), False, "city.building-permit", None, channel, kind)
        promise = Promise()
        for command in (contact, WRITTEN[1]):
            for event in decide(command, promise, book, at("09:02")):
                promise = evolve(promise, event)
        promised.append((terms(promise).policy, terms(promise).due_at))
    assert promised == [("business", at("10:00")), ("building", at("13:00")), ("building", at("13:00"))]


@pytest.mark.parametrize("agreed", ["11:00", "19:30"])
def test_a_time_agreed_with_the_citizen_goes_before_every_policy(agreed: str) -> None:
    """Also in closed hours, and whoever gets the case; reminders keep to open hours where there are any."""
    contact = NoteContact(at("09:00"), False, "city.building-permit", agreed_due_at=at(agreed))
    for told in (route(1, "department.building"), route(1, "group.city")):
        for order in ((contact, told), (told, contact)):
            promise = after(*order)
            assert (terms(promise).policy, terms(promise).due_at) == ("agreed", at(agreed))
            assert terms(promise).judge_at == at(agreed) + BOOK.back_dating_limit
            reminder, due, *_ = terms(promise).stages
            assert at("09:00") < reminder.at < due.at == at(agreed)
            assert BOOK.default_calendar.next_open(reminder.at) == reminder.at
            assert would_be(promise, CHANGED) is None


def test_a_draft_tells_the_time_that_it_would_have_given() -> None:
    closed = replace(BOOK.default_calendar, days={at("12:00").date(): Day((), "Utbildning")})
    assert would_be(after(*WRITTEN), BOOK) == ("building", at("13:00"))
    assert would_be(after(*WRITTEN), CHANGED) == ("all", at("21:00"))
    assert would_be(after(*WRITTEN), replace(BOOK, default_calendar=closed)) == ("building", at("12:00", 3))


def test_a_draft_is_asked_about_what_was_asked_then() -> None:
    """The owner who promised, under the topic of that time, however the case was routed since."""
    topic = Policy("permits", Term(working_hours=2), "department.building", "city.building-permit")
    draft = replace(BOOK, policies=[topic, *BOOK.policies])
    assert would_be(after(*WRITTEN, route(2, "group.city", "10:00")), draft) == ("permits", at("11:00"))
    assert draft.policy("department.building", Asked("city.parking")).name == "building"


@pytest.mark.parametrize("history", [History(at("13:00", 3), None, None)])
def test_a_time_that_no_policy_of_ours_gave_is_not_touched(history: History) -> None:
    imported = after(NoteContact(at("09:00"), False, None, history), WRITTEN[1])
    assert terms(imported).imported
    assert would_be(imported, CHANGED) is None
    assert would_be(Promise(), CHANGED) is None


def test_another_back_dating_limit_judges_what_is_promised_from_then_on() -> None:
    raised = replace(BOOK, version=4, back_dating_limit=timedelta(hours=1))
    books = PolicyBooks(raised).with_book(BOOK)
    made = after(*WRITTEN)
    assert made.clock is not None
    assert made.clock.judge_at == at("13:15")
    [broken] = decide(Judge(at("13:15")), made, books, at("13:16"))
    assert isinstance(broken, PromiseBroken)
    [renewed] = decide(renew(at("15:00")), made, books, at("10:00"))
    assert isinstance(renewed, PromiseRenewed)
    assert renewed.judge_at == at("15:15"), "also where its time is moved"
    promise = INITIAL
    for command in WRITTEN:
        for event in decide(command, promise, books, at("09:02")):
            promise = evolve(promise, event)
    assert promise.clock is not None
    assert promise.clock.judge_at == at("14:00")
