"""The papers on file are as they are made, valid by their specifications, and tell all there is."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
from chassis.topics import wanted_topics
from jsonschema import Draft202012Validator
from lofte_events import CONTRACTS, MEANINGS
from lofte_events.schemas import schemas
from lofte_events.words import fields, shape_of
from lofte_local.settings import SERVICES
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs.generate import asyncapi, papers
from tests.harness.bad_requests import TABLE
from tests.harness.papers import Operation, document_of, operations

# What no single request can bring about: it takes an outage or a race, or a token (tests/system/test_roles.py).
OUTAGES_AND_RACES = {"unavailable", "outcome-unknown", "conflict"}
TOKENS = {"unauthenticated", "not-allowed"}
WEBHOOK, DELIVERY = "/webhooks/{webhook_id}", "/webhooks/{webhook_id}/held/{delivery_id}"
ELSEWHERE = {
    ("POST", "/held/{message_id}/discard", 409): "libs/chassis/tests/test_held.py",
    ("GET", "/citizens/{citizen_ref}/matters", 404): "tests/system/test_roles.py",
    ("POST", "/webhooks", 404): "tests/system/test_webhooks.py",
    ("POST", f"{WEBHOOK}/rotate", 409): "tests/system/test_webhooks.py",
    ("POST", "/webhooks", 409): "services/callback/tests/test_webhook_lanes.py",
    ("POST", f"{DELIVERY}/discard", 409): "services/callback/tests/test_webhooks.py",
    ("POST", "/notices/held/{notice_id}/discard", 409): "services/callback/tests/test_notices.py",
}


def test_what_is_on_file_is_as_it_is_made() -> None:
    assert {str(path.relative_to(papers.ROOT)) for path in papers.stale()} == set(), "make docs"


def test_every_test_that_a_promise_rests_on_is_there() -> None:
    text = (papers.ROOT / "docs" / "promises.md").read_text()
    named = re.findall(r"`(test_\w+)` \| `(\S+\.py)`", text)
    missing = [name for name, file in named if f"def {name}(" not in (papers.ROOT / file).read_text()]
    assert len(named) >= 17
    assert missing == []


@pytest.mark.parametrize("service", SERVICES)
def test_an_openapi_document_is_valid(service: str) -> None:
    document = document_of(service)
    assert document["openapi"] == "3.1.0"
    assert [str(fault) for fault in OpenAPIV31SpecValidator(dict(document)).iter_errors()] == []


def bodies(operation: Operation) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every JSON body that goes in or comes out of an operation, with its name."""
    taken = operation.definition.get("requestBody")
    if taken is not None:
        yield "request", taken["content"]["application/json"]
    for status, answer in operation.answers.items():
        for media, body in answer.get("content", {}).items():
            if media.endswith("json"):
                yield f"{status} {media}", body


@pytest.mark.parametrize("service", SERVICES)
def test_every_body_has_an_example_of_its_schema(service: str) -> None:
    root = {"$id": "urn:document", **{k: v for k, v in document_of(service).items() if k == "components"}}
    for operation in operations(service):
        for name, body in bodies(operation):
            where = f"{operation.method} {operation.path} {name}"
            shown = (
                [body["example"]]
                if "example" in body
                else [e["value"] for e in body.get("examples", {}).values()]
            )
            assert shown, f"{where}: no example; model_config = example(...)"
            validator = Draft202012Validator(
                {**root, **json.loads(json.dumps(body["schema"]))},
                format_checker=Draft202012Validator.FORMAT_CHECKER,
            )
            for example in shown:
                assert [fault.message for fault in validator.iter_errors(example)] == [], where


@pytest.mark.parametrize("service", SERVICES)
def test_an_answers_example_shows_every_field(service: str) -> None:
    components = document_of(service)["components"]["schemas"]
    for operation in operations(service):
        for name, body in bodies(operation):
            if not name.startswith("2"):
                continue
            schema, example = body["schema"], body["example"]
            if "items" in schema:
                schema, example = schema["items"], example[0]
            fields = (
                components[schema["$ref"].rpartition("/")[2]]["properties"]
                if "$ref" in schema
                else schema["properties"]
            )
            assert set(example) == set(fields), f"{operation.method} {operation.path}"


def test_every_refusal_that_is_told_is_provoked_by_a_test() -> None:
    told, provoked = set(), set()
    for service in SERVICES:
        for operation in operations(service):
            for status in operation.answers:
                if status < 400 or operation.problems(status) <= OUTAGES_AND_RACES | TOKENS:
                    continue
                told.add((operation.method, operation.path, status))
            provoked |= {
                (bad.method, operation.path, bad.status)
                for bad in TABLE
                if bad.service == service and operation.takes(bad.method, bad.path.partition("?")[0])
            }
    assert told - provoked - set(ELSEWHERE) == set(), (
        "no row in tests/harness/bad_requests.py; or it never occurs"
    )


# --- AsyncAPI ---


def test_every_topic_and_every_contract_is_told_with_examples_and_headers() -> None:
    document = asyncapi.document()
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert set(wanted_topics(asyncapi.PREFIX, 12)) <= addresses
    messages = document["components"]["messages"]
    assert {message["name"] for message in messages.values()} >= set(CONTRACTS)
    on_channels = {name for channel in document["channels"].values() for name in channel["messages"]}
    assert on_channels == set(messages)
    assert set(document["components"]["schemas"]["Headers"]["properties"]) == set(MEANINGS)
    for name, message in messages.items():
        assert message["bindings"]["kafka"]["key"]["description"], name
        assert message["examples"], f"{name}: no golden sample"


def test_every_field_of_every_contract_is_told_in_words() -> None:
    untold = [
        f"{type_} {field.name}"
        for type_, schema in schemas().items()
        for field in fields(schema, schema)
        if not field.what
    ]
    assert untold == [], "Field(description=...)"


def test_every_example_is_of_its_schema() -> None:
    document = asyncapi.document()
    for name, message in document["components"]["messages"].items():
        for example in message["examples"]:
            for part in ("headers", "payload"):
                schema = {**message[part], "components": document["components"]}
                jsonschema.validate(example[part], schema, cls=Draft202012Validator)
        broken = {**message["examples"][0]["headers"], "content-type": "text/plain"}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, {**message["headers"], "components": document["components"]})
        assert name == message["title"]


def test_fields_are_told_with_those_within_them() -> None:
    place = {"type": "object", "required": ["street"], "properties": {"street": {"type": "string"}}}
    link = {"type": "object", "properties": {"to": {"type": "string", "description": "Where"}}}
    schema = {
        "required": ["place"],
        "properties": {
            "place": {"$ref": "#/$defs/Place"},
            "other": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}], "description": "Or none"},
            "links": {"type": "array", "items": link},
        },
        "$defs": {"Place": place},
    }
    assert list(fields(schema, schema)) == [
        ("place", True, "Place", ""),
        ("place.street", True, "text", ""),
        ("other", False, "Place", "Or none"),
        ("other.street", True, "text", ""),
        ("links", False, "list of object", ""),
        ("links.to", False, "text", "Where"),
    ]


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ({"type": "string"}, "text"),
        ({"type": "string", "format": "date-time"}, "time"),
        (
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 5}, {"type": "null"}]},
            "whole number, 1 to 5",
        ),
        ({"type": "integer", "minimum": 0}, "whole number, 0 or more"),
        ({"type": ["string", "null"]}, "text"),
        ({"type": "array", "items": {"type": "string"}}, "list of text"),
        ({"$ref": "#/components/schemas/Citizen"}, "Citizen"),
        ({"type": "boolean"}, "true or false"),
        ({"enum": ["a", "b"], "type": "string"}, "`a`, `b`"),
    ],
)
def test_the_form_of_a_field_is_told_in_words(field: dict[str, Any], shape: str) -> None:
    assert shape_of(field) == shape
