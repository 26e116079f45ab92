"""The JSON Schema of every contract, as files. `python -m lofte_events.schemas [FOLDER]` writes them.

A contract may only grow: a schema that takes something away from the one on file is refused, for somebody out there
reads it. What must change otherwise is a new type, with the next version in its name.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lofte_events.catalogue import CONTRACTS

Schema = Mapping[str, Any]

FOLDER = Path(__file__).parent.parent / "schemas"

_ANNOTATIONS = frozenset({"title", "description", "examples", "default", "$id", "$schema", "deprecated"})


def schemas() -> dict[str, dict[str, Any]]:
    """The schema of each contract, by its type."""
    return {
        name: {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": name,
            **contract.model_json_schema(),
        }
        for name, contract in sorted(CONTRACTS.items())
    }


def as_text(schema: Schema) -> str:
    """A schema as its file holds it."""
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def shrunk(old: Schema, new: Schema) -> list[str]:
    """What the new schema takes away from the old one; empty: it only grew."""
    faults = []
    before, after = old.get("properties", {}), new.get("properties", {})
    always, always_now = set(old.get("required", ())), set(new.get("required", ()))
    for name, field in before.items():
        if name not in after:
            faults.append(f"{name}: removed")
        elif not _takes(after[name], field):
            faults.append(f"{name}: takes less than before")
    faults += [f"{name}: required, and old records do not have it" for name in sorted(always_now - always)]
    faults += [f"{name}: no longer always there" for name in sorted((always - always_now) & set(after))]
    return faults


def write(folder: Path) -> list[str]:
    """Write all schemas, unless one takes something away; answers what stands against it."""
    wanted = schemas()
    faults = [
        f"{path.stem}: removed; a published contract stays"
        for path in sorted(folder.glob("*.json"))
        if path.stem not in wanted
    ]
    for name, schema in wanted.items():
        path = folder / f"{name}.json"
        if path.exists():
            faults += [f"{name}: {fault}" for fault in shrunk(json.loads(path.read_text("utf-8")), schema)]
    if not faults:
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in wanted.items():
            (folder / f"{name}.json").write_text(as_text(schema), "utf-8")
    return faults


def _takes(new: Schema, old: Schema) -> bool:
    """Whether every value that the old schema takes is one that the new schema takes."""
    return all(any(_takes_one(n, o) for n in _alternatives(new)) for o in _alternatives(old))


def _alternatives(schema: Schema) -> Sequence[Schema]:
    alternatives: Sequence[Schema] = schema.get("anyOf") or [schema]
    return alternatives


def _takes_one(new: Schema, old: Schema) -> bool:
    rules = {key: value for key, value in new.items() if key not in _ANNOTATIONS}
    for key, value in rules.items():
        told = old.get(key)
        match key:
            case "type":
                holds = told == value or (told, value) == ("integer", "number")
            case "minimum" | "exclusiveMinimum" | "minLength" | "minItems":
                holds = told is not None and told >= value
            case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems":
                holds = told is not None and told <= value
            case "enum":
                holds = told is not None and set(told) <= set(value)
            case "items":
                holds = told is not None and _takes(value, told)
            case _:
                holds = told == value
        if not holds:
            return False
    return True


def main(arguments: Sequence[str]) -> int:
    """Write the schemas; 1 where one of them takes something away."""
    faults = write(Path(arguments[0]) if arguments else FOLDER)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
