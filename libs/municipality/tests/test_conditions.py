"""When a condition matches, and when one covers another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from municipality import Channel, CitizenKind, PolicyCondition, RuleCondition, covers

TOPICS = ["city", "city.parking", "city.parking.permit", "school.start"]
CHANNELS: list[Channel] = ["phone", "email", "web"]
KINDS: list[CitizenKind] = ["person", "business"]
OWNERS = ["group.city", "department.streets"]

rule_conditions = st.builds(
    RuleCondition,
    topic=st.none() | st.sampled_from(TOPICS),
    menu_choice=st.none() | st.integers(1, 2),
    channel=st.none() | st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True).map(tuple),
    citizen_kind=st.none() | st.sampled_from(KINDS),
)
policy_conditions = st.builds(
    PolicyCondition,
    owner=st.none() | st.sampled_from(OWNERS),
    topic=st.none() | st.sampled_from(TOPICS),
    channel=st.none() | st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True).map(tuple),
    citizen_kind=st.none() | st.sampled_from(KINDS),
)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("city", "city.parking", True),
        ("city.parking", "city.parking", True),
        ("city.park", "city.parking", False),
        ("city.parking", "city", False),
        ("parking", "city.parking", False),
    ],
)
def test_a_topic_is_covered_by_itself_and_its_upper_levels(pattern: str, topic: str, expected: bool) -> None:
    assert covers(pattern, topic) is expected


def test_a_contact_that_does_not_state_a_field_does_not_match_a_condition_on_it() -> None:
    contact = {"channel": "phone", "citizen_kind": "person"}
    by_topic, by_menu = RuleCondition(topic="city"), RuleCondition(menu_choice=3)
    assert by_topic.matches(topic="city.parking", menu_choice=None, **contact)
    assert not by_topic.matches(topic=None, menu_choice=3, **contact)
    assert by_menu.matches(topic=None, menu_choice=3, **contact)
    assert not by_menu.matches(topic="city.parking", menu_choice=None, **contact)


@given(above=rule_conditions, below=rule_conditions)
def test_a_rule_condition_that_covers_another_matches_whatever_it_matches(
    above: RuleCondition, below: RuleCondition
) -> None:
    contacts = [
        {"topic": topic, "menu_choice": choice, "channel": channel, "citizen_kind": kind}
        for topic in [None, *TOPICS]
        for choice in (None, 1, 2)
        for channel in [*CHANNELS, "carrier-pigeon"]
        for kind in KINDS
    ]
    implied = all(above.matches(**c) for c in contacts if below.matches(**c))  # type: ignore[arg-type]
    assert not above.covers(below) or implied


@given(above=policy_conditions, below=policy_conditions)
def test_a_policy_condition_that_covers_another_matches_whatever_it_matches(
    above: PolicyCondition, below: PolicyCondition
) -> None:
    cases = [
        {"owner": owner, "topic": topic, "channel": channel, "citizen_kind": kind}
        for owner in OWNERS
        for topic in [None, *TOPICS]
        for channel in CHANNELS
        for kind in KINDS
    ]
    implied = all(above.matches(**c) for c in cases if below.matches(**c))  # type: ignore[arg-type]
    assert not above.covers(below) or implied
