"""The rules of routing: first match, named reasons, never straight back, nothing unroutable."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from chassis.commit import StoredEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from municipality import read_folder
from routing.domain import (
    INITIAL,
    CaseOpened,
    CaseRouted,
    Command,
    Event,
    Facts,
    HandOver,
    HandOverNoted,
    RouteAgain,
    RouteCase,
    Routed,
    Rule,
    RuleBook,
    Topic,
    decide,
    evolve,
    route,
)
from routing.handlers import decider
from routing.main import rule_book

QUICK = settings(max_examples=60, deadline=None, derandomize=True)
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
ASKED = datetime(2026, 3, 2, 7, 55, tzinfo=UTC)
SHIPPED = rule_book(read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")["0581"])
BOOK = RuleBook(
    version=7,
    rules=[
        Rule("business-lane", "group.business", "A lane of their own.", citizen_kind="business"),
        Rule(
            "written-permit",
            "department.building",
            "Written: the department.",
            topic="city.building-permit",
            channels=("email", "web"),
        ),
        Rule("city", "group.city", "The topic is the city.", topic="city"),
        Rule("menu-3", "group.city", "Chose 3.", menu_choice=3),
    ],
    fallback="group.general",
    topics={
        "city.building-permit": Topic("group.city", "department.building"),
        "city.parking": Topic("group.city", "department.streets"),
        "social.economic-aid": Topic("group.social", "department.social"),
    },
    departments={
        "department.building": "department.building",
        "department.streets": "department.streets",
        "department.social": "department.social",
        "person.stadsarkitekten": "department.building",
    },
)
EMAIL = Facts("email", "person", "city.building-permit")
PHONE = Facts("phone", "person", "city.parking")


def told(*commands: Command, book: RuleBook = BOOK) -> tuple[Routed, list[CaseRouted]]:
    """The case and its routes after commands, one after the other."""
    routed, routes = INITIAL, []
    for command in commands:
        for event in decide(command, routed, book, NOW):
            routed = evolve(routed, event)
            routes += [event] if isinstance(event, CaseRouted) else []
    return routed, routes


def last(*commands: Command, book: RuleBook = BOOK) -> CaseRouted:
    return told(*commands, book=book)[1][-1]


def opened(facts: Facts = PHONE) -> RouteCase:
    return RouteCase(facts, ASKED)


def forwarded(number: int, by: str, *, topic: str | None = None, owner: str | None = None) -> RouteAgain:
    return RouteAgain(HandOver(number, "forward", by, topic, owner, ASKED, 1))


def returned(number: int, by: str) -> RouteAgain:
    return RouteAgain(HandOver(number, "return", by, None, None, ASKED, 1))


# --- the first route ---


@pytest.mark.parametrize(
    ("facts", "owner", "rule"),
    [
        (Facts("phone", "business", "city.parking"), "group.business", "business-lane"),
        (EMAIL, "department.building", "written-permit"),
        (Facts("phone", "person", "city.building-permit"), "group.city", "city"),
        (Facts("phone", "person", "city.parking"), "group.city", "city"),
        (Facts("phone", "person", None, 3), "group.city", "menu-3"),
        (Facts("phone", "person", "social.economic-aid"), "group.social", "topic-group"),
        (Facts("phone", "person", None, 4), "group.general", "fallback"),
        (Facts("phone", "person"), "group.general", "fallback"),
        (Facts("phone", "person", "citymap.print"), "group.general", "fallback"),
    ],
)
def test_the_first_rule_that_matches_decides(facts: Facts, owner: str, rule: str) -> None:
    found = route(facts, BOOK)
    assert (found.owner, found.rule) == (owner, rule)


def test_whoever_is_asked_for_by_name_comes_before_all_rules() -> None:
    found = route(replace(EMAIL, asked_for="person.stadsarkitekten"), BOOK)
    assert (found.owner, found.rule) == ("person.stadsarkitekten", "asked-for")


def test_a_route_says_which_rule_at_which_version_and_why() -> None:
    made = last(opened(EMAIL))
    assert (made.rule, made.rule_version, made.reason) == ("written-permit", 7, "Written: the department.")
    assert (made.cause, made.route_number, made.previous_owner, made.promise_number) == (
        "contact",
        1,
        None,
        1,
    )
    assert (made.asked_at, made.routed_at) == (ASKED, NOW)


def test_a_route_names_the_department_of_its_owner_or_of_its_topic() -> None:
    assert last(opened()).department == "department.streets"
    assert (
        last(opened(replace(PHONE, asked_for="person.stadsarkitekten"))).department == "department.building"
    )
    assert last(opened(Facts("phone", "person"))).department is None


def test_a_case_is_opened_once() -> None:
    routed, _ = told(opened())
    assert decide(opened(), routed, BOOK, NOW) == []


# --- passed on ---


def test_a_forward_to_a_topic_goes_to_the_department_that_owns_it() -> None:
    made = last(opened(), forwarded(1, "group.city", topic="social.economic-aid"))
    assert (made.owner, made.topic, made.rule) == (
        "department.social",
        "social.economic-aid",
        "forward-to-topic",
    )
    assert (made.route_number, made.hand_over_number, made.previous_owner) == (2, 1, "group.city")


def test_a_forward_to_an_owner_goes_to_that_owner_under_the_same_topic() -> None:
    made = last(opened(), forwarded(1, "group.city", owner="person.stadsarkitekten"))
    assert (made.owner, made.topic, made.cause) == ("person.stadsarkitekten", "city.parking", "forward")


def test_a_forward_keeps_the_topic_that_an_earlier_one_gave() -> None:
    made = last(
        opened(),
        forwarded(1, "group.city", topic="city.building-permit"),
        forwarded(2, "department.building", owner="group.general"),
    )
    assert made.topic == "city.building-permit"


def test_a_department_that_forwards_to_its_own_topic_does_not_get_it_straight_back() -> None:
    made = last(opened(EMAIL), forwarded(1, "department.building", topic="city.building-permit"))
    assert made.owner == "group.city"


def test_a_return_goes_to_the_answer_group_of_the_topic() -> None:
    made = last(opened(EMAIL), returned(1, "department.building"))
    assert (made.owner, made.cause, made.rule) == ("group.city", "return", "return-to-group")


def test_a_return_without_a_topic_is_routed_by_the_rules() -> None:
    asked = Facts("phone", "person", None, 3, "person.stadsarkitekten")
    assert last(opened(asked), returned(1, "person.stadsarkitekten")).owner == "group.city"


def test_whoever_was_asked_for_by_name_and_sent_it_back_does_not_get_it_again() -> None:
    asked = Facts("phone", "person", None, None, "person.stadsarkitekten")
    assert last(opened(asked), returned(1, "person.stadsarkitekten")).owner == "group.general"


def test_whoever_was_asked_for_by_name_counts_for_the_first_route_alone() -> None:
    asked = Facts("phone", "person", None, None, "person.stadsarkitekten")
    moved = (
        returned(1, "person.stadsarkitekten"),
        forwarded(2, "group.general", owner="department.streets"),
        returned(3, "department.streets"),
    )
    assert last(opened(asked), *moved).owner == "group.general"


def test_a_hand_over_keeps_the_citizens_time_and_promise() -> None:
    later = datetime(2026, 3, 9, 7, 0, tzinfo=UTC)
    made = last(
        opened(), RouteAgain(HandOver(1, "forward", "group.city", None, "department.streets", later, 2))
    )
    assert (made.asked_at, made.promise_number) == (later, 2)


def test_a_hand_over_read_again_makes_no_route() -> None:
    routed, _ = told(opened(), forwarded(1, "group.city", owner="department.streets"))
    assert decide(forwarded(1, "group.city", owner="department.streets"), routed, BOOK, NOW) == []


def test_a_hand_over_read_before_its_contact_is_kept_and_routed_after_it() -> None:
    hand_overs = (
        forwarded(1, "group.city", owner="department.streets"),
        returned(2, "department.streets"),
    )
    early, early_routes = told(*hand_overs, opened())
    late, late_routes = told(opened(), *hand_overs)
    assert early_routes == late_routes
    assert [made.owner for made in late_routes] == ["group.city", "department.streets", "group.city"]
    assert replace(early, waiting=()) == late
    assert told(*hand_overs)[1] == []


# --- whatever the book ---

OWNERS = {*SHIPPED.departments, *(rule.to for rule in SHIPPED.rules), SHIPPED.fallback}
owners = st.sampled_from(sorted(OWNERS))
topics = st.sampled_from(sorted(SHIPPED.topics))
any_facts = st.builds(
    Facts,
    st.sampled_from(["phone", "email", "chat", "social", "visit", "web", "letter", "system", "telex"]),
    st.sampled_from(["person", "business", "anonymous"]),
    st.none() | topics,
    st.none() | st.integers(1, 5),
    st.none() | owners,
)
books = st.sampled_from([SHIPPED, BOOK, replace(BOOK, rules=()), replace(SHIPPED, rules=())])


@QUICK
@given(any_facts, books, st.data())
def test_nothing_is_unroutable_and_nothing_goes_straight_back(
    facts: Facts, book: RuleBook, data: st.DataObject
) -> None:
    routed, routes = told(opened(facts), book=book)
    for number in range(1, 4):
        owner = routed.owner
        assert owner is not None
        moves = [forwarded(number, owner, topic=data.draw(st.sampled_from(sorted(book.topics))))]
        moves.append(forwarded(number, owner, owner=data.draw(st.sampled_from(sorted(OWNERS - {owner})))))
        if not owner.startswith("group."):
            moves.append(returned(number, owner))
        [made] = decide(data.draw(st.sampled_from(moves)), routed, book, NOW)
        assert isinstance(made, CaseRouted)
        assert made.owner != owner
        assert made.rule
        assert made.reason
        assert (made.route_number, made.previous_owner) == (number + 1, owner)
        routed = evolve(routed, made)
        routes.append(made)
    assert all(owner for owner in (made.owner for made in routes))


# --- imported ---


def test_an_imported_case_goes_to_the_owner_that_it_had() -> None:
    command = RouteCase(Facts("web", "business", "city.parking"), ASKED, True, "department.building")
    _, routed = decide(command, INITIAL, BOOK, NOW)
    assert isinstance(routed, CaseRouted)
    assert (routed.owner, routed.department, routed.topic) == (
        "department.building",
        "department.building",
        "city.parking",
    )
    assert (routed.cause, routed.rule, routed.imported) == ("import", "imported", True)
    assert (routed.asked_at, routed.routed_at) == (ASKED, NOW)


def test_an_imported_case_without_an_owner_is_routed_by_the_rules() -> None:
    command = RouteCase(Facts("web", "business", "city.parking"), ASKED, True)
    _, routed = decide(command, INITIAL, BOOK, NOW)
    assert isinstance(routed, CaseRouted)
    assert (routed.owner, routed.rule, routed.imported) == ("group.business", "business-lane", True)


# --- stored ---

EVERY_EVENT: list[Event] = [
    CaseOpened(Facts("phone", "person", "city.parking", 3, "person.stadsarkitekten"), ASKED),
    HandOverNoted(HandOver(1, "forward", "group.city", None, "department.streets", ASKED, 1)),
    last(opened(), returned(1, "department.streets")),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_every_event_reads_back_from_the_database_as_it_was_written(event: Event) -> None:
    codec = decider().codec
    assert {type(sample) for sample in EVERY_EVENT} == set(codec.types)
    stored = codec.store(event)
    data: dict[str, Any] = bson.decode(bson.encode(stored.data), CodecOptions(tz_aware=True))
    restored = codec.restore(StoredEvent(stored.id, stored.type, stored.schema, data))
    assert restored == event
    assert isinstance(evolve(INITIAL, restored), Routed)
