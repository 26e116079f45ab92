"""The schemas on file are those of today's contracts, and none of them ever took something away."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from lofte_events import CONTRACTS
from lofte_events.schemas import FOLDER, as_text, main, schemas, shrunk, write


def test_every_contract_has_its_schema_on_file_as_it_is_today() -> None:
    on_file = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert on_file == {name: as_text(schema) for name, schema in schemas().items()}, (
        "write them again: python -m lofte_events.schemas"
    )
    assert set(on_file) == set(CONTRACTS)


OLD: dict[str, Any] = {
    "properties": {
        "owner": {"type": "string", "pattern": "^[a-z]+$", "description": "Who"},
        "number": {"type": "integer", "minimum": 1, "maximum": 5},
        "topic": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "stages": {"type": "array", "items": {"type": "string"}},
        "word": {"type": "string", "enum": ["a", "b"]},
    },
    "required": ["owner", "number"],
}


def changed(field: str, **rules: Any) -> dict[str, Any]:
    schema = deepcopy(OLD)
    schema["properties"][field] = rules
    return schema


def without(field: str) -> dict[str, Any]:
    schema = deepcopy(OLD)
    del schema["properties"][field]
    schema["required"] = [name for name in schema["required"] if name != field]
    return schema


GROWN = {
    "nothing": OLD,
    "an optional field": changed("more", type="string"),
    "another description": changed("owner", type="string", pattern="^[a-z]+$", description="Whose"),
    "a wider pattern: none": changed("owner", type="string"),
    "wider bounds": changed("number", type="integer", minimum=0, maximum=9),
    "any number": changed("number", type="number", minimum=1, maximum=5),
    "or nothing": changed("owner", anyOf=[{"type": "string", "pattern": "^[a-z]+$"}, {"type": "null"}]),
    "another word": changed("word", type="string", enum=["a", "b", "c"]),
    "any word": changed("word", type="string"),
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
    "owner: takes less than before": changed("owner", type="string", pattern="^[a-c]+$"),
    "number: takes less than before": changed("number", type="integer", minimum=2, maximum=5),
    "topic: takes less than before": changed("topic", type="string"),
    "stages: takes less than before": changed(
        "stages", type="array", items={"type": "string", "pattern": "x"}
    ),
    "word: takes less than before": changed("word", type="string", enum=["a"]),
}
NARROWED = {
    "another type": changed("number", type="string"),
    "a pattern where there was none": changed(
        "topic", anyOf=[{"type": "string", "pattern": "x"}, {"type": "null"}]
    ),
    "a lower maximum": changed("number", type="integer", minimum=1, maximum=4),
    "a format": changed("owner", type="string", pattern="^[a-z]+$", format="date-time"),
    "no more a list": changed("stages", type="string"),
}


@pytest.mark.parametrize("new", GROWN.values(), ids=GROWN.keys())
def test_a_contract_may_grow(new: dict[str, Any]) -> None:
    assert shrunk(OLD, new) == []


@pytest.mark.parametrize(("fault", "new"), SHRUNK.items(), ids=SHRUNK.keys())
def test_a_contract_never_shrinks(fault: str, new: dict[str, Any]) -> None:
    assert shrunk(OLD, new) == [fault]


@pytest.mark.parametrize("new", NARROWED.values(), ids=NARROWED.keys())
def test_a_field_never_takes_less(new: dict[str, Any]) -> None:
    assert len(shrunk(OLD, new)) == 1


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
