"""The tables of docs/events.md: topics, headers, and every contract with its fields."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lofte_events import CONTRACTS, MEANINGS
from lofte_events.schemas import schemas
from lofte_events.words import described, shape_of

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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
