"""The rules of intake, and the code of a case that can be read out on the phone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from chassis.commit import StoredEvent
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from intake.domain import (
    ALPHABET,
    INITIAL,
    ContactReceived,
    Event,
    History,
    MatterLinked,
    MatterStatusReported,
    MessageRejected,
    ReceiveContact,
    SealedDetails,
    TooLongAgo,
    case_reference,
    decide,
    evolve,
    is_case_reference,
)
from intake.handlers import case_of, decider, opener_of

QUICK = settings(max_examples=200, deadline=None, derandomize=True)
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DETAILS = SealedDetails("citizen", "case", b"n", b"p", None, b"s", None)
RECEIVE = ReceiveContact(
    contact_id="k1",
    case_id="c1",
    case_reference=None,
    channel="phone",
    citizen_kind="person",
    citizen_ref="r",
    details=DETAILS,
    topic="city.parking",
    menu_choice=3,
    asked_for=None,
    live=None,
    occurred_at=None,
)


def received(command: ReceiveContact, attempt: int = 0) -> ContactReceived:
    [event] = decide(command, INITIAL, NOW, attempt)
    return event


# --- taken down ---


def test_a_contact_is_taken_down_once() -> None:
    assert decide(RECEIVE, evolve(INITIAL, received(RECEIVE)), NOW) == []


def test_a_contact_opens_a_case_or_joins_one() -> None:
    opener = received(RECEIVE)
    assert opener.opens_case
    assert is_case_reference(opener.case_reference)
    further = received(replace(RECEIVE, case_reference=opener.case_reference, contact_id="k2"), attempt=3)
    assert not further.opens_case
    assert further.case_reference == opener.case_reference


@pytest.mark.parametrize(
    ("channel", "said", "live"),
    [
        ("phone", None, True),
        ("chat", None, True),
        ("visit", None, True),
        ("email", None, False),
        ("social", None, False),
        ("web", None, False),
        ("letter", None, False),
        ("system", None, False),
        ("phone", False, False),
        ("email", True, True),
    ],
)
def test_a_guide_is_in_the_conversation_by_channel_unless_the_caller_says(
    channel: str, said: bool | None, live: bool
) -> None:
    assert received(replace(RECEIVE, channel=channel, live=said)).live is live


def test_a_contact_was_received_when_it_happened_else_when_it_is_accepted() -> None:
    earlier = NOW - timedelta(hours=3)
    assert received(RECEIVE).received_at == NOW
    told = received(replace(RECEIVE, occurred_at=earlier))
    assert (told.received_at, told.accepted_at) == (earlier, NOW)
    assert received(replace(RECEIVE, occurred_at=NOW + timedelta(seconds=1))).received_at == NOW


def test_thirty_days_back_is_the_limit() -> None:
    limit = NOW - timedelta(days=30)
    assert received(replace(RECEIVE, occurred_at=limit)).received_at == limit
    with pytest.raises(TooLongAgo):
        decide(replace(RECEIVE, occurred_at=limit - timedelta(milliseconds=1)), INITIAL, NOW)


def test_each_attempt_draws_another_reference() -> None:
    drawn = [received(RECEIVE, attempt).case_reference for attempt in range(50)]
    assert len(set(drawn)) == 50
    assert received(RECEIVE, 7).case_reference == drawn[7], "and a repeat draws the same"


# --- ids ---


@QUICK
@given(st.uuids(version=5).map(str))
def test_a_case_and_the_contact_that_opened_it_tell_each_other(contact_id: str) -> None:
    assert opener_of(case_of(contact_id)) == contact_id
    assert case_of(contact_id) != contact_id


# --- the reference ---

references = st.tuples(st.uuids().map(str), st.integers(0, 30)).map(lambda drawn: case_reference(*drawn))


@QUICK
@given(references)
def test_a_reference_is_short_and_of_letters_that_are_not_mixed_up(reference: str) -> None:
    assert len(reference) == 9
    assert set(reference) <= {*ALPHABET, "-"}
    assert not set(reference) & set("01OIBCEGKPQSTVXZ")
    assert is_case_reference(reference)
    assert is_case_reference(reference.replace("-", "").lower()), "however it is typed"


@QUICK
@given(references, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_any_one_wrong_character_is_caught(reference: str, place: int, other: str) -> None:
    code = reference.replace("-", "")
    assume(code[place] != other)
    assert not is_case_reference(code[:place] + other + code[place + 1 :])


@QUICK
@given(references, st.integers(0, 6))
def test_any_swap_of_neighbours_is_caught(reference: str, place: int) -> None:
    code = reference.replace("-", "")
    assume(code[place] != code[place + 1])
    assert not is_case_reference(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


@QUICK
@given(st.text(max_size=12))
def test_any_text_may_be_asked_about(text: str) -> None:
    assert isinstance(is_case_reference(text), bool)


@pytest.mark.parametrize("text", ["", "-", "4R7M", "0000-0000", "4R7M-HJ299", "4R7M HJ29"])
def test_what_is_no_reference_is_said_to_be_none(text: str) -> None:
    assert not is_case_reference(text)


# --- imported ---

IMPORTED = replace(
    RECEIVE,
    history=History("answered", "department.streets", NOW, NOW, None),
    occurred_at=NOW - timedelta(days=4000),
)


def test_what_is_imported_may_have_happened_long_ago_and_nobody_is_in_the_conversation() -> None:
    event = received(IMPORTED)
    assert (event.received_at, event.accepted_at) == (NOW - timedelta(days=4000), NOW)
    assert not event.live
    assert event.history == IMPORTED.history


# --- stored ---


REPORTED = MatterStatusReported(
    "m1", "/system", "e1", "B-1", "department.building", ("r1", "r2"), "decided", b"sealed", None, NOW
)
REJECTED = MessageRejected("unreadable", "data", "no JSON", None, None, "t", 0, 7, NOW)


@pytest.mark.parametrize(
    "event", [received(RECEIVE), received(IMPORTED), REPORTED, MatterLinked("m1"), REJECTED]
)
def test_an_event_reads_back_from_the_database_as_it_was_written(event: Event) -> None:
    codec = decider().codec
    assert set(codec.types) == {ContactReceived, MatterStatusReported, MatterLinked, MessageRejected}
    stored = codec.store(event)
    data: dict[str, Any] = bson.decode(bson.encode(stored.data), CodecOptions(tz_aware=True))
    assert codec.restore(StoredEvent(stored.id, stored.type, stored.schema, data)) == event
