"""The golden samples: one record of every contract version that was ever published, read by today's code.

When a contract grows, its old sample stays as it is and a new one is put beside it: `{type}.2.json` and so on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chassis.broker import Record
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator
from lofte_events import CONTRACTS, PUBLISHED, Envelope, format_time, parse
from lofte_events.contract import AnyContract
from lofte_events.schemas import FOLDER, schemas
from lofte_events.words import fields

from .stories import STORIES, tell
from .town import message_of

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.json"))


def sample(path: Path) -> tuple[list[tuple[str, bytes]], dict[str, Any]]:
    told = json.loads(path.read_text("utf-8"))
    return [(name, value.encode()) for name, value in told["headers"].items()], told["value"]


def as_sdk_reads(headers: dict[str, bytes], value: bytes) -> BaseCloudEvent:
    return from_binary(KafkaMessage(headers, None, value), JSONFormat(), CloudEvent)


def assert_same(event: BaseCloudEvent, envelope: Envelope, contract: AnyContract) -> None:
    """The official SDK and we read the same of a record."""
    assert (event.get_id(), event.get_type(), event.get_source(), event.get_subject(), event.get_time()) == (
        envelope.id,
        envelope.type,
        envelope.source,
        envelope.subject,
        envelope.time,
    )
    extensions = {
        "sequence": str(envelope.sequence),
        "municipality": envelope.municipality,
        "correlationid": envelope.correlation_id,
        "causationid": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "storedat": format_time(envelope.stored_at) if envelope.stored_at else None,
    }
    assert {name: event.get_extension(name) for name in extensions} == extensions
    whole, told = json.loads(contract.model_dump_json()), event.get_data()
    assert whole | told == whole, "an old record lacks what the contract has gained"


def told_in(contract: str) -> set[str]:
    """The fields that the samples of a contract tell, with a value."""
    values = [sample(path)[1] for path in SAMPLES if path.name.startswith(f"{contract}.")]
    return {name for value in values for name in _told(value)}


def _told(value: dict[str, Any]) -> Iterator[str]:
    for name, told in value.items():
        if told not in (None, []):
            yield name
        for one in told if isinstance(told, list) else [told]:
            if isinstance(one, dict):
                yield from (f"{name}.{inner}" for inner in _told(one))


def test_every_contract_has_a_sample_of_every_field() -> None:
    assert {path.name.removesuffix(".json") for path in SAMPLES} >= set(CONTRACTS)
    there = {
        name: {field.name for field in fields(schema, schema)} - told_in(name)
        for name, schema in schemas().items()
    }
    assert {name: untold for name, untold in there.items() if untold} == {}, (
        "put a sample beside the old one, such as {type}.2.json"
    )


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_of_its_schema_on_file(path: Path) -> None:
    _, value = sample(path)
    contract = next(name for name in CONTRACTS if path.name.startswith(f"{name}."))
    schema = json.loads((FOLDER / f"{contract}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert "date-time" in Draft202012Validator.FORMAT_CHECKER.checkers, "rfc3339-validator does that"
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(value)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_read_whole_by_todays_code(path: Path) -> None:
    headers, value = sample(path)
    parsed = parse(headers, json.dumps(value).encode())
    assert parsed is not None
    envelope, contract = parsed
    assert path.name.startswith(f"{envelope.type}.")
    assert contract.model_dump(mode="json") | value == contract.model_dump(mode="json"), (
        "each field, unchanged"
    )
    written: list[tuple[str, bytes]] = [*envelope.headers()]
    assert dict(written) == dict(headers), "the envelope too"
    assert_same(as_sdk_reads(dict(headers), json.dumps(value).encode()), envelope, contract)


def records() -> list[Record]:
    return [record for story in STORIES for record in tell(story).log]


def test_the_official_sdk_reads_every_record_that_we_produce() -> None:
    about_cases = {contract.TYPE for contracts in PUBLISHED.values() for contract in contracts}
    assert {message_of(record).envelope.type for record in records()} == about_cases, "a story of each"
    for record in records():
        told = message_of(record)
        headers: dict[str, bytes] = dict(record.headers)
        assert_same(as_sdk_reads(headers, record.value), told.envelope, told.contract)
        assert json.loads(record.value).keys() == json.loads(told.contract.model_dump_json()).keys()


def test_every_record_of_a_case_has_its_key_its_source_and_a_sequence_that_rises() -> None:
    for story in STORIES:
        last: dict[str, int] = {}
        for record in tell(story).log:
            envelope = message_of(record).envelope
            assert record.key.decode() == envelope.subject == story.replace("_", "-")
            service, source = record.topic.removeprefix("lofte."), envelope.source
            assert source.startswith(f"/{envelope.municipality}/{service}/{envelope.municipality}.")
            assert envelope.sequence > last.get(source, 0)
            last[source] = envelope.sequence


def test_no_record_carries_what_was_sealed() -> None:
    for record in records():
        assert b"sealed" not in record.value
