"""The envelope: CloudEvents in Kafka's binary mode; the official SDK is the oracle."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from lofte_events import (
    BY_MUNICIPALITY,
    CONTRACTS,
    MEANINGS,
    PUBLISHED,
    CaseClaimed,
    Envelope,
    MalformedRecordError,
    counts_at,
    format_time,
    parse,
    parse_time,
    read_envelope,
    type_of,
)

QUICK = settings(max_examples=100, deadline=None, derandomize=True)
TIME = datetime(2026, 3, 2, 7, 30, 0, 123000, tzinfo=UTC)
FULL = Envelope(
    id="0199-1",
    type=CaseClaimed.TYPE,
    source="/0581/casework/0581.case-c1",
    subject="c1",
    time=TIME,
    sequence=3,
    municipality="0581",
    correlation_id="c1",
    causation_id="0199-0",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    stored_at=datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
)
BARE = Envelope("0199-1", CaseClaimed.TYPE, "/0581/casework/0581.case-c1", None, TIME, 1, "0581")
CLAIMED = CaseClaimed(
    case_id="c1", owner="group.city", by="anna", route_number=1, promise_number=1, claimed_at=TIME
)
VALUE = CLAIMED.model_dump_json().encode()

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
times = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
envelopes = st.builds(
    Envelope, words, words, words, st.none() | words, times, st.integers(0, 10**9), words,
    st.none() | words, st.none() | words, st.none() | words, st.none() | times,
)  # fmt: skip


@QUICK
@given(envelopes)
def test_what_is_written_is_read_again(envelope: Envelope) -> None:
    assert read_envelope(envelope.headers()) == envelope


@pytest.mark.parametrize("envelope", [FULL, BARE], ids=["full", "bare"])
def test_the_official_sdk_reads_the_same(envelope: Envelope) -> None:
    headers = dict(envelope.headers())
    assert len(headers) == len(envelope.headers()), "each attribute once"
    event = from_binary(KafkaMessage(headers, None, VALUE), JSONFormat(), CloudEvent)
    assert (event.get_id(), event.get_type(), event.get_source()) == (
        envelope.id,
        envelope.type,
        envelope.source,
    )
    assert (event.get_specversion(), event.get_datacontenttype()) == ("1.0", "application/json")
    assert (event.get_subject(), event.get_time()) == (envelope.subject, envelope.time)
    assert event.get_data() == json.loads(VALUE)
    extensions = {
        name: event.get_extension(name)
        for name in ("sequence", "municipality", "correlationid", "causationid", "traceparent", "storedat")
    }
    assert extensions == {
        "sequence": str(envelope.sequence),
        "municipality": "0581",
        "correlationid": envelope.correlation_id,
        "causationid": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "storedat": "2026-03-02T07:30:00.000Z" if envelope.stored_at else None,
    }


def test_every_header_that_is_written_has_its_meaning() -> None:
    assert set(MEANINGS) == {name for name, _ in FULL.headers()}


# --- malformed ---


def headers(**changed: bytes | None) -> list[tuple[str, bytes | None]]:
    """Those of a good record, some of them changed; None: left out."""
    kept: dict[str, bytes | None] = {**dict(FULL.headers()), **{f"ce_{n}": v for n, v in changed.items()}}
    return [(name, value) for name, value in kept.items() if value is not None]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        *[({name: None}, f"ce_{name}: missing") for name in ("id", "source", "time", "municipality")],
        *[({name: b""}, f"ce_{name}: missing") for name in ("id", "source", "time", "municipality")],
        ({"time": b"yesterday"}, "ce_time: not a time"),
        ({"time": b"0001-01-01T00:00:00+05:00"}, "ce_time: not a time"),
        ({"time": b"2026-03-02T07:30:00"}, "ce_time: a time without a zone"),
        ({"storedat": b"x"}, "ce_storedat: not a time"),
        ({"sequence": b"three"}, "ce_sequence: not a whole number"),
        ({"subject": b"\xff"}, "headers: not UTF-8"),
    ],
)
def test_a_malformed_envelope_names_the_field(changed: dict[str, bytes | None], field: str) -> None:
    with pytest.raises(MalformedRecordError, match=f"^{field}"):
        parse(headers(**changed), VALUE)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "value: a tombstone"),
        (b"", "value: json_invalid"),
        (b"{", "value: json_invalid"),
        (b"[]", "value: model"),
        (b'"\xff"', "value: json_invalid"),
        (json.dumps({**json.loads(VALUE), "owner": "anna"}).encode(), "owner: string_pattern_mismatch"),
        (json.dumps({**json.loads(VALUE), "route_number": 0}).encode(), "route_number: greater_than_equal"),
        (
            json.dumps({**json.loads(VALUE), "claimed_at": "2026-03-02T07:30:00"}).encode(),
            "claimed_at: timezone_aware",
        ),
        (b"{}", "case_id: missing; owner: missing"),
    ],
)
def test_a_malformed_value_names_the_field(value: bytes | None, field: str) -> None:
    with pytest.raises(MalformedRecordError, match=f"^{field}"):
        parse(headers(), value)


def test_a_malformed_value_is_not_repeated_in_the_message() -> None:
    secret = json.dumps({**json.loads(VALUE), "owner": "Signe Testsson, 070-174 06 05"}).encode()
    with pytest.raises(MalformedRecordError) as malformed:
        parse(headers(), secret)
    assert "Signe" not in str(malformed.value)
    assert malformed.value.__cause__ is None


@pytest.mark.parametrize(
    "told",
    [
        [],
        [("ce_type", None)],
        [("ce_type", b"casework.case-claimed.v2")],
        [("ce_type", b"\xff")],
        headers(type=b"x.y.v1"),
    ],
)
def test_an_unknown_type_is_none_of_our_business_whatever_else_is_wrong(
    told: list[tuple[str, bytes | None]],
) -> None:
    assert parse(told, b"{") is None
    assert parse([*told, ("ce_time", b"x"), ("other", b"\xff")], None) is None


def test_headers_that_are_not_ours_are_passed() -> None:
    parsed = parse([*headers(), ("x-other", b"\xff"), ("ce_later", b"1"), ("null", None)], VALUE)
    assert parsed == (FULL, CLAIMED)


def test_fields_from_the_future_are_ignored_and_words_are_open() -> None:
    future = {**json.loads(VALUE), "mood": "glad", "owner": "person.somebody-new"}
    parsed = parse(headers(), json.dumps(future).encode())
    assert parsed is not None
    assert isinstance(parsed[1], CaseClaimed)
    assert parsed[1].owner == "person.somebody-new"


# --- times ---


@QUICK
@given(times, st.integers(-12 * 60, 14 * 60))
def test_a_time_is_the_same_moment_in_any_zone(moment: datetime, minutes: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_time("ce_time", format_time(elsewhere)) == moment
    assert parse_time("ce_time", elsewhere.isoformat()) == moment
    assert format_time(moment).endswith("Z")


# --- the catalogue ---


def test_types_are_named_after_their_service_their_event_and_their_version() -> None:
    published = [(service, contract) for service, those in PUBLISHED.items() for contract in those]
    inbound = [("inbound", contract) for those in BY_MUNICIPALITY.values() for contract in those]
    for service, contract in published + inbound:
        words_of = "".join(f"-{c.lower()}" if c.isupper() else c for c in contract.__name__).strip("-")
        assert f"{service}.{words_of}.v1" == contract.TYPE
    assert len(CONTRACTS) == len(published) + len(inbound)


def test_the_type_is_found_without_reading_anything_else() -> None:
    assert type_of(headers()) == CaseClaimed.TYPE
    assert type_of([("other", b"x")]) is None


@pytest.mark.parametrize(
    ("occurred", "stored", "counts"),
    [(50, 51, 50), (50, 65, 50), (50, 66, 51), (0, 300, 285), (50, None, 50)],
    ids=["told at once", "told within the limit", "told too late", "told much too late", "nobody knows when"],
)
def test_an_act_counts_when_it_happened_but_no_earlier_than_the_limit_before_it_was_told(
    occurred: int, stored: int | None, counts: int
) -> None:
    def minute(number: int) -> datetime:
        return TIME + timedelta(minutes=number)

    stored_at = minute(stored) if stored is not None else None
    assert counts_at(minute(occurred), stored_at, timedelta(minutes=15)) == minute(counts)
