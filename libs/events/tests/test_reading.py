"""What a reader of ours is made of: the guard, later versions, structured CloudEvents."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from lofte_events import (
    CaseClaimed,
    Envelope,
    Fact,
    MalformedRecordError,
    Reader,
    Seen,
    fold,
    outgrown,
    parse_structured,
)

TIME = datetime(2026, 3, 2, 7, 30, 0, 123000, tzinfo=UTC)
QUICK = settings(max_examples=100, deadline=None, derandomize=True)


def fact(source: str, sequence: int) -> Fact:
    claimed = CaseClaimed(
        case_id="c1", owner="group.city", by=f"b{sequence}", route_number=1, promise_number=1, claimed_at=TIME
    )
    return Fact(
        Envelope(f"{source}-{sequence}", CaseClaimed.TYPE, source, "c1", TIME, sequence, "0581"), claimed
    )


Body = dict[str, list[int]]


def collect(body: Body | None, told: Fact) -> Body:
    """The sequences of each source, as they were folded: commutes over sources."""
    source, sequence = told.envelope.source, told.envelope.sequence
    return {**(body or {}), source: [*(body or {}).get(source, []), sequence]}


@QUICK
@given(st.data())
def test_any_order_of_sources_any_repeat_and_any_batch_fold_to_the_same(data: st.DataObject) -> None:
    histories = {source: [fact(source, number) for number in (1, 2, 5, 9)] for source in "abc"}
    told: list[Fact] = []
    waiting = {source: list(history) for source, history in histories.items()}
    while any(waiting.values()):
        source = data.draw(st.sampled_from([source for source, left in waiting.items() if left]))
        told.append(waiting[source].pop(0))
        if data.draw(st.booleans()):  # an earlier one comes again, after later ones
            told.append(data.draw(st.sampled_from(told)))
    body: Body | None = None
    seen: list[Seen] = []
    while told:
        cut = data.draw(st.integers(1, len(told)))
        folded = fold(body, seen, told[:cut], collect)
        told = told[cut:]
        if folded is not None:
            body, seen = folded
    assert body == {source: [1, 2, 5, 9] for source in "abc"}
    assert {entry["source"]: entry["sequence"] for entry in seen} == dict.fromkeys("abc", 9)


def test_nothing_new_is_nothing_to_write() -> None:
    folded = fold(None, (), [fact("a", 1), fact("a", 2)], collect)
    assert folded is not None
    assert fold(*folded, [fact("a", 2), fact("a", 1)], collect) is None
    assert fold(None, (), [], collect) is None


def test_a_fact_that_is_not_kept_is_seen_where_there_is_a_body() -> None:
    def keep_none(body: Body | None, told: Fact) -> Body | None:
        return None

    assert fold(None, (), [fact("a", 1)], keep_none) is None
    empty: Body = {}
    assert fold(empty, (), [fact("a", 1)], keep_none) == ({}, [{"source": "a", "sequence": 1}])


# --- what is not known ---


def test_a_reader_counts_what_it_passes_and_says_which_are_later_versions() -> None:
    reader = Reader()
    told = fact("/0581/casework/a", 1)
    value = told.contract.model_dump_json().encode()
    assert reader.read(told.envelope.headers(), value) == told
    for kind in ("casework.case-claimed.v2", "casework.case-claimed.v2", "casework.case-dreamt.v1", ""):
        assert reader.read([("ce_type", kind.encode())], b"{") is None
    assert reader.unknown == {"casework.case-claimed.v2": 2, "casework.case-dreamt.v1": 1, "": 1}
    assert reader.later == {"casework.case-claimed.v2": 2}


@pytest.mark.parametrize(
    ("kind", "known", "is_later"),
    [
        ("a.b.v2", ["a.b.v1"], True),
        ("a.b.v10", ["a.b.v1", "a.b.v9"], True),
        ("a.b.v1", ["a.b.v1"], False),
        ("a.b.v1", ["a.b.v2"], False),
        ("a.bb.v2", ["a.b.v1"], False),
        ("a.b", ["a.b.v1"], False),
        ("a.b.v1.v2", ["a.b.v1"], False),
        ("", ["a.b.v1"], False),
    ],
)
def test_later_versions(kind: str, known: Sequence[str], is_later: bool) -> None:
    assert outgrown(kind, known) is is_later


def test_a_reader_of_the_former_version_goes_on_while_the_later_is_told_beside_it() -> None:
    """The publisher tells both, the former first: each has a sequence of its own, and none hides the other."""
    reader, taken = Reader(), []
    for sequence, kind in ((1, CaseClaimed.TYPE), (2, "casework.case-claimed.v2"), (3, CaseClaimed.TYPE)):
        told = fact("/0581/casework/a", sequence)
        headers = [(n, kind.encode() if n == "ce_type" else v) for n, v in told.envelope.headers()]
        read = reader.read(headers, told.contract.model_dump_json().encode())
        if read is not None:
            taken.append(read)
    folded = fold(None, (), taken, collect)
    assert folded is not None
    assert folded[0] == {"/0581/casework/a": [1, 3]}


# --- structured mode ---

FULL = Envelope(
    id="0199-1",
    type=CaseClaimed.TYPE,
    source="/0581/casework/0581.case-c1",
    subject="ärende",
    time=TIME,
    sequence=3,
    municipality="0581",
    correlation_id="c1",
    causation_id="0199-0",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    stored_at=datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
)
CLAIMED = fact("a", 1).contract
VALUE = CLAIMED.model_dump_json().encode()


def test_the_official_sdk_reads_the_structured_form() -> None:
    message = HTTPMessage({"content-type": "application/cloudevents+json"}, FULL.structured(VALUE))
    event = from_structured(message, JSONFormat(), CloudEvent)
    assert (event.get_id(), event.get_type(), event.get_source()) == (FULL.id, FULL.type, FULL.source)
    assert (event.get_specversion(), event.get_datacontenttype()) == ("1.0", "application/json")
    assert (event.get_subject(), event.get_time()) == (FULL.subject, FULL.time)
    assert event.get_data() == json.loads(VALUE)
    assert event.get_extension("sequence") == "3"
    assert event.get_extension("municipality") == "0581"


def test_the_structured_form_reads_back() -> None:
    assert parse_structured(FULL.structured(VALUE)) == (FULL, CLAIMED)
    loose = json.dumps({**json.loads(FULL.structured(VALUE)), "sequence": 3, "later": None}, indent=1)
    assert parse_structured(loose.encode()) == (FULL, CLAIMED)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "body: not JSON"),
        (b"\xff", "body: not JSON"),
        (b"[]", "body: not an object"),
        (b'{"type": ["x"]}', "an attribute"),
        (b'{"type": "casework.case-claimed.v1"}', "ce_id: missing"),
        (FULL.structured(b"null"), "value: model"),
        (FULL.structured(b'{"case_id": 7}'), "case_id: string_type"),
    ],
)
def test_a_malformed_body_is_told(body: bytes, fault: str) -> None:
    with pytest.raises(MalformedRecordError, match=f"^{fault}"):
        parse_structured(body)


def test_an_unknown_type_in_structured_form_is_passed() -> None:
    assert parse_structured(b'{"type": "casework.case-claimed.v2", "data": 7}') is None
    assert parse_structured(b"{}") is None
