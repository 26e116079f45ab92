"""A JSON Schema in a word or two, for whoever reads about fields."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Schema = Mapping[str, Any]


class FieldInWords(NamedTuple):
    """A field as a table shows it. `name`: `citizen.phone` for one within another; `always`: it is never missing."""

    name: str
    always: bool
    shape: str
    what: str


def fields(schema: Schema, root: Schema) -> Iterator[FieldInWords]:
    """The fields of an object, or of what a list holds, and theirs; references are looked up in `root`."""
    schema = resolved(schema, root)
    schema = resolved(schema.get("items", schema), root)
    for name, field in schema.get("properties", {}).items():
        always = name in schema.get("required", ())
        yield FieldInWords(
            name, always, shape_of(field), described(field) or described(resolved(field, root))
        )
        for kind in _kinds(field):
            for inner in fields(kind, root):
                yield inner._replace(name=f"{name}.{inner.name}")


def resolved(part: Schema, root: Schema) -> Schema:
    """What a reference refers to; any other part as it is."""
    while "$ref" in part:
        target: Any = root
        for step in str(part["$ref"]).removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def described(field: Schema) -> str:
    """What a field means, wherever in its schema that stands."""
    alternatives: Sequence[Schema] = (field, *field.get("anyOf", ()))
    return next((str(part["description"]) for part in alternatives if "description" in part), "")


def shape_of(field: Schema) -> str:
    """The form of a field in a word or two: `time`, `text`, `whole number, 1 to 5`, `list of text`."""
    return " or ".join(dict.fromkeys(_shape(kind) for kind in _kinds(field))) or "anything"


def _kinds(field: Schema) -> Sequence[Schema]:
    return [part for part in field.get("anyOf", (field,)) if part.get("type") != "null"]


def _shape(part: Schema) -> str:
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    kind = part.get("type")
    if isinstance(kind, list):
        return " or ".join(_shape({**part, "type": one}) for one in kind if one != "null")
    if kind == "array":
        return f"list of {shape_of(part.get('items', {}))}"
    if kind in ("integer", "number"):
        name = "whole number" if kind == "integer" else "number"
        least, most = part.get("minimum"), part.get("maximum")
        if least is not None and most is not None:
            return f"{name}, {least} to {most}"
        return f"{name}, {least} or more" if least is not None else name
    if kind == "boolean":
        return "true or false"
    if part.get("format") in ("date-time", "date"):
        return "time" if part["format"] == "date-time" else "day"
    if "enum" in part:
        return ", ".join(f"`{word}`" for word in part["enum"])
    return "text" if kind == "string" else str(kind or "anything")
