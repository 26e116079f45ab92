"""The schemas on file are those of today's contracts, and none of them ever changed but by growing."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from lofte_events import CONTRACTS, PUBLISHED
from lofte_events.schemas import FOLDER, as_text, closed, main, parts, schemas, shrunk, write


def test_every_contract_has_its_schema_on_file_as_it_is_today() -> None:
    on_file = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert on_file == {name: as_text(schema) for name, schema in schemas().items()}, (
        "write them again: python -m lofte_events.schemas"
    )
    assert set(on_file) == set(CONTRACTS)


def test_every_contract_leaves_room_to_grow() -> None:
    assert {name: closed(schema) for name, schema in schemas().items() if closed(schema)} == {}
    for contract in (contract for contracts in PUBLISHED.values() for contract in contracts):
        for place, part in parts((), contract.model_json_schema()):
            assert part.get("additionalProperties") is not False, (
                f"{contract.TYPE} {place}: refuses unknown fields"
            )


OLD: dict[str, Any] = {
    "properties": {
        "owner": {"type": "string", "pattern": "^[a-z]+$", "description": "Who"},
        "number": {"type": "integer", "minimum": 1, "maximum": 5},
        "at": {"type": "string", "format": "date-time"},
        "topic": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "stages": {"type": "array", "items": {"type": "string"}},
        "place": {"$ref": "#/$defs/Place"},
        "links": {"type": "array", "items": {"$ref": "#/$defs/Link"}},
    },
    "required": ["owner", "number"],
    "type": "object",
    "$defs": {
        "Place": {
            "type": "object",
            "properties": {"street": {"type": "string"}, "house": {"type": "integer"}},
            "required": ["street"],
        },
        "Link": {
            "type": "object",
            "properties": {"to": {"type": "string"}, "more": {"$ref": "#/$defs/Link"}},
        },
    },
}


def changed(field: str, **rules: Any) -> dict[str, Any]:
    schema = deepcopy(OLD)
    schema["properties"][field] = rules
    return schema


def place(
    field: str | None = None, *, required: tuple[str, ...] = ("street",), **rules: Any
) -> dict[str, Any]:
    """The place is another: one field of it has these rules (none: it is gone)."""
    schema = deepcopy(OLD)
    inner = schema["$defs"]["Place"]
    inner["required"] = list(required)
    if field is not None:
        inner["properties"].pop(field, None)
        if rules:
            inner["properties"][field] = rules
    return schema


def without(field: str) -> dict[str, Any]:
    schema = deepcopy(OLD)
    del schema["properties"][field]
    schema["required"] = [name for name in schema["required"] if name != field]
    return schema


def renamed() -> dict[str, Any]:
    """The same, by another reference."""
    schema = changed("place", **{"$ref": "#/$defs/Spot"})
    schema["$defs"]["Spot"] = schema["$defs"].pop("Place")
    return schema


def inline() -> dict[str, Any]:
    return changed("place", **deepcopy(OLD["$defs"]["Place"]))


def linked(**rules: Any) -> dict[str, Any]:
    schema = deepcopy(OLD)
    schema["$defs"]["Link"]["properties"]["to"] = rules
    return schema


GROWN = {
    "nothing": OLD,
    "an optional field": changed("more", type="string"),
    "another description": changed("owner", type="string", pattern="^[a-z]+$", description="Whose"),
    "the alternatives in another order": changed(
        "topic", anyOf=[{"type": "null"}, {"type": "string"}], default=None
    ),
    "an optional field of a field": place("town", type="string"),
    "the same by another name": renamed(),
    "the same in its place": inline(),
    "unknown fields are taken, and it is said": {**OLD, "additionalProperties": True},
}
SHRUNK = {
    "owner: removed": without("owner"),
    "topic: removed": without("topic"),
    "more: required, and old records do not have it": {
        **changed("more", type="string"),
        "required": [*OLD["required"], "more"],
    },
    "topic: required, and old records do not have it": {**OLD, "required": [*OLD["required"], "topic"]},
    "number: no longer always there": {**OLD, "required": ["owner"]},
    "place.house: removed": place("house"),
    "place.house: required, and old records do not have it": place(required=("street", "house")),
    "place.street: no longer always there": place(required=()),
    "place.street: not as it was": place("street", type="string", pattern="x"),
    "links[].to: not as it was": linked(type="integer"),
    "stages[]: not as it was": changed("stages", type="array", items={"type": "string", "pattern": "x"}),
    "record: not as it was": {**OLD, "additionalProperties": False},
}
CHANGED = {
    "another type": changed("number", type="string"),
    "any number: an old reader takes whole ones": changed("number", type="number", minimum=1, maximum=5),
    "a narrower pattern": changed("owner", type="string", pattern="^[a-c]+$"),
    "no pattern: an old reader has it": changed("owner", type="string"),
    "a pattern where there was none": changed(
        "topic", anyOf=[{"type": "string", "pattern": "x"}, {"type": "null"}], default=None
    ),
    "a lower maximum": changed("number", type="integer", minimum=1, maximum=4),
    "a higher maximum": changed("number", type="integer", minimum=1, maximum=9),
    "no more minimum": changed("number", type="integer", maximum=5),
    "a format": changed("owner", type="string", pattern="^[a-z]+$", format="date-time"),
    "another format": changed("at", type="string", format="date"),
    "no more format": changed("at", type="string"),
    "a closed word": changed("at", type="string", format="date-time", enum=["2026-03-02T08:00:00Z"]),
    "no more null": changed("topic", type="string", default=None),
    "null": changed("at", anyOf=[{"type": "string", "format": "date-time"}, {"type": "null"}]),
    "another alternative": changed(
        "topic", anyOf=[{"type": "string"}, {"type": "null"}, {"type": "integer"}], default=None
    ),
    "another default: old records mean something else": changed(
        "topic", anyOf=[{"type": "string"}, {"type": "null"}], default="other"
    ),
    "no more a list": changed("stages", type="string"),
    "an object without its fields": changed("place", type="object"),
    "unknown fields of a field are refused": place("house", type="integer")
    | {"$defs": {**OLD["$defs"], "Place": {**OLD["$defs"]["Place"], "additionalProperties": False}}},
    "a rule that nobody knows yet": changed(
        "stages", type="array", items={"type": "string"}, uniqueItems=True
    ),
}
CLOSED = {
    "word: a closed enumeration; make it an open str": changed("word", type="string", enum=["a", "b"]),
    "kind: a closed enumeration; make it an open str": changed("kind", const="a"),
    "words: a closed enumeration; make it an open str": changed("words", type="array", items={"enum": ["a"]}),
    "Place.kind: a closed enumeration; make it an open str": place("kind", enum=["town"]),
}


@pytest.mark.parametrize("new", GROWN.values(), ids=GROWN.keys())
def test_a_contract_may_grow(new: dict[str, Any]) -> None:
    assert shrunk(OLD, new) == []


@pytest.mark.parametrize(("fault", "new"), SHRUNK.items(), ids=SHRUNK.keys())
def test_a_contract_never_shrinks(fault: str, new: dict[str, Any]) -> None:
    assert shrunk(OLD, new) == [fault]


@pytest.mark.parametrize("new", CHANGED.values(), ids=CHANGED.keys())
def test_a_field_stays_what_it_was(new: dict[str, Any]) -> None:
    assert shrunk(OLD, new) != []


@pytest.mark.parametrize(("fault", "schema"), CLOSED.items(), ids=CLOSED.keys())
def test_what_cannot_grow_is_named(fault: str, schema: dict[str, Any]) -> None:
    assert closed(schema) == [fault]


def test_a_field_may_be_called_like_a_keyword() -> None:
    assert (
        closed({"type": "object", "properties": {"enum": {"type": "string", "default": {"const": 1}}}}) == []
    )


def test_a_schema_that_shrank_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write(tmp_path) == []
    path = tmp_path / "routing.case-routed.v1.json"
    schema = json.loads(path.read_text("utf-8"))
    schema["properties"]["mood"] = {"type": "string"}
    path.write_text(as_text(schema), "utf-8")
    (tmp_path / "routing.case-lost.v1.json").write_text(as_text(schema), "utf-8")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "routing.case-lost.v1: removed; a published contract stays",
        "routing.case-routed.v1: mood: removed",
    ]
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
