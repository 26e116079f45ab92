"""A JSON Schema in a word or two, for whoever reads about fields."""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]


def described(field: Schema) -> str:
    """What a field means, wherever in its schema that stands."""
    alternatives: Sequence[Schema] = (field, *field.get("anyOf", ()))
    return next((str(part["description"]) for part in alternatives if "description" in part), "")


def shape_of(field: Schema) -> str:
    """The form of a field in a word or two: `time`, `text`, `whole number, 1 to 5`, `list of text`."""
    kinds = [part for part in field.get("anyOf", (field,)) if part.get("type") != "null"]
    return " or ".join(dict.fromkeys(_shape(kind) for kind in kinds)) or "anything"


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
