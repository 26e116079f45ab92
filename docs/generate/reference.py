"""The tables of docs/events.md: topics, headers, and every contract with its fields."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lofte_events import CONTRACTS, MEANINGS
from lofte_events.schemas import schemas

Document = Mapping[str, Any]


def filled(page: str, asyncapi: Document) -> str:
    """The page with what stands between its markers made anew.

    Raises:
        ValueError: a marker is missing.
    """
    blocks = {
        "topics": _topics(asyncapi),
        "headers": _table(("header", "what"), ((f"`{name}`", what) for name, what in MEANINGS.items())),
        "contracts": "\n\n".join(_services()),
    }
    for name, text in blocks.items():
        before, marker, rest = page.partition(f"<!-- generated: {name} -->")
        _, end, after = rest.partition("<!-- end -->")
        if not end:
            raise ValueError(f"docs/events.md: <!-- generated: {name} --> or its <!-- end --> is missing")
        page = f"{before}{marker}\n\n{text}\n\n{end}{after}"
    return page


def _topics(asyncapi: Document) -> str:
    messages = asyncapi["components"]["messages"]
    rows = []
    for channel in asyncapi["channels"].values():
        names = list(channel["messages"])
        key = messages[names[0]]["bindings"]["kafka"]["key"]["description"]
        rows.append((f"`{channel['address']}`", channel["description"], key))
    return _table(("topic", "what is on it", "key"), rows)


def _services() -> Iterable[str]:
    written = schemas()
    by_service: dict[str, list[str]] = {}
    for type_ in CONTRACTS:
        by_service.setdefault(type_.partition(".")[0], []).append(type_)
    for service, types in by_service.items():
        yield f"## {service}"
        for type_ in types:
            yield _contract(type_, written[type_])


def _contract(type_: str, schema: Document) -> str:
    contract = CONTRACTS[type_]
    rows = []
    for name, field in schema["properties"].items():
        may_miss = "" if name in schema.get("required", ()) else "?"
        rows.append((f"`{name}`{may_miss}", shape_of(field), described(field)))
    about = inspect.cleandoc(contract.__doc__ or "")
    return f"### {contract.__name__}\n\n`{type_}`: {about}\n\n" + _table(("field", "form", "what"), rows)


def described(field: Document) -> str:
    """What a field means, wherever in its schema that stands."""
    alternatives: Sequence[Document] = (field, *field.get("anyOf", ()))
    return next((str(part["description"]) for part in alternatives if "description" in part), "")


def shape_of(field: Document) -> str:
    """The form of a field in a word or two: `time`, `text`, `whole number, 1 to 5`, `list of text`."""
    kinds = [part for part in field.get("anyOf", (field,)) if part.get("type") != "null"]
    return " or ".join(dict.fromkeys(_shape(kind) for kind in kinds)) or "anything"


def _shape(part: Document) -> str:
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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
