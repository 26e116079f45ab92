"""The JSON Schema of every contract, as files. `python -m lofte_events.schemas [FOLDER]` writes them.

A contract may only grow, by fields that may be missing: a schema that changes anything else of the one on file is
refused, for somebody out there reads it. What must change otherwise is a new type, with the next version in its name.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lofte_events.catalogue import CONTRACTS

Schema = Mapping[str, Any]

FOLDER = Path(__file__).parent.parent / "schemas"

_ANNOTATIONS = frozenset({"title", "description", "examples", "$id", "$schema", "$defs", "deprecated"})
_BY_PARTS = frozenset({"properties", "required", "items", "anyOf"})


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
    """What the new schema takes away from the old one, or changes in it; empty: it only grew.

    Growing is one thing alone: a further field that may be missing, at the top or deeper. To take more than before in
    a field that exists is no growth: a reader of the old schema would refuse the new record.
    """
    return _Comparison(old, new).faults("", old, new)


def closed(schema: Schema) -> list[str]:
    """The fields whose words are fixed: a word more, and an old reader refuses the record."""
    return [
        f"{'.'.join(place)}: a closed enumeration; make it an open str"
        for place, part in parts((), schema)
        if "enum" in part or "const" in part
    ]


def parts(place: tuple[str, ...], node: Any) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Every schema within a schema, and where it is. What is called like a keyword, and is a field, is no keyword."""
    if isinstance(node, Mapping):
        yield place, node
        for key, value in node.items():
            if key in ("properties", "$defs", "patternProperties"):
                for name, field in value.items():
                    yield from parts((*place, name), field)
            elif key not in ("default", "examples"):
                yield from parts(place, value)
    elif isinstance(node, list):
        for value in node:
            yield from parts(place, value)


def write(folder: Path) -> list[str]:
    """Write all schemas, unless one takes something away or cannot grow; answers what stands against it."""
    wanted = schemas()
    faults = [
        f"{path.stem}: removed; a published contract stays"
        for path in sorted(folder.glob("*.json"))
        if path.stem not in wanted
    ]
    for name, schema in wanted.items():
        path = folder / f"{name}.json"
        faults += [f"{name}: {fault}" for fault in closed(schema)]
        if path.exists():
            faults += [f"{name}: {fault}" for fault in shrunk(json.loads(path.read_text("utf-8")), schema)]
    if not faults:
        folder.mkdir(parents=True, exist_ok=True)
        for name, schema in wanted.items():
            (folder / f"{name}.json").write_text(as_text(schema), "utf-8")
    return faults


class _Comparison:
    """Two schemas beside each other; references are looked up in the root of each."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._under_way: set[tuple[str, str]] = set()

    def faults(self, place: str, old: Schema, new: Schema) -> list[str]:
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._under_way:  # a schema that holds itself: the question is being asked already
                return []
            self._under_way.add(pair)
        try:
            return self._of_resolved(place, _resolved(old, self._old), _resolved(new, self._new))
        finally:
            self._under_way.discard(pair)

    def _of_resolved(self, place: str, old: Schema, new: Schema) -> list[str]:
        faults = []
        if _rules(old) != _rules(new):
            faults.append(f"{place or 'record'}: not as it was")
        if "items" in old and "items" in new:
            faults += self.faults(f"{place}[]", old["items"], new["items"])
        elif ("items" in old) is not ("items" in new):
            faults.append(f"{place}: not as it was")
        if not self._same_alternatives(old.get("anyOf", ()), new.get("anyOf", ())):
            faults.append(f"{place}: not as it was")
        return faults + self._fields(place, old, new)

    def _fields(self, place: str, old: Schema, new: Schema) -> list[str]:
        faults = []
        before, after = old.get("properties", {}), new.get("properties", {})
        always, always_now = set(old.get("required", ())), set(new.get("required", ()))
        at = f"{place}." if place else ""
        for name, field in before.items():
            if name not in after:
                faults.append(f"{at}{name}: removed")
            else:
                faults += self.faults(f"{at}{name}", field, after[name])
        faults += [
            f"{at}{name}: required, and old records do not have it" for name in sorted(always_now - always)
        ]
        faults += [
            f"{at}{name}: no longer always there" for name in sorted((always - always_now) & set(after))
        ]
        return faults

    def _same_alternatives(self, old: Sequence[Schema], new: Sequence[Schema]) -> bool:
        """Each of the old ones has one of its own among the new ones, and none is over; their order says nothing."""
        left = list(new)
        for alternative in old:
            match = next((other for other in left if not self.faults("", alternative, other)), None)
            if match is None:
                return False
            left.remove(match)
        return not left


def _resolved(schema: Schema, root: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    target: Any = root
    for step in schema["$ref"].removeprefix("#/").split("/"):
        target = target[step]
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    return {**_resolved(target, root), **beside}


def _rules(schema: Schema) -> dict[str, Any]:
    """What a value must be, apart from what is compared part by part. Whatever keyword is new to us counts as a rule."""
    rules = {key: value for key, value in schema.items() if key not in _ANNOTATIONS | _BY_PARTS}
    if rules.get("additionalProperties") is True:  # as if it were not said
        del rules["additionalProperties"]
    return rules


def main(arguments: Sequence[str]) -> int:
    """Write the schemas; 1 where one of them takes something away."""
    faults = write(Path(arguments[0]) if arguments else FOLDER)
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
