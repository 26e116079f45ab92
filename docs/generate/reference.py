"""The tables of docs/events.md: topics, headers, and every contract with its fields."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lofte_events import BY_MUNICIPALITY, MEANINGS, PUBLISHED, AnyContract
from lofte_events.schemas import schemas
from lofte_events.words import fields

from docs.generate.inbound import SEALED

Document = Mapping[str, Any]


def filled(page: str, asyncapi: Document) -> str:
    """The page with what stands between its markers made anew.

    Raises:
        ValueError: a marker is missing.
    """
    own = (contract for contracts in BY_MUNICIPALITY.values() for contract in contracts)
    blocks = {
        "topics": _topics(asyncapi),
        "headers": _table(("header", "what"), ((f"`{name}`", what) for name, what in MEANINGS.items())),
        "contracts": "\n\n".join(_services()),
        "inbound": "\n\n".join(_contracts(own)),
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


def _services() -> Iterator[str]:
    for service, contracts in PUBLISHED.items():
        yield f"## {service}"
        yield from _contracts(contracts)


def _contracts(contracts: Iterable[type[AnyContract]]) -> Iterator[str]:
    written = schemas()
    for contract in contracts:
        about = inspect.cleandoc(contract.__doc__ or "")
        yield f"### {contract.__name__}\n\n`{contract.TYPE}`: {about}\n\n" + _fields(written[contract.TYPE])
        if contract in SEALED:
            yield "Inside `sealed`, once it is opened:\n\n" + _fields(SEALED[contract].model_json_schema())


def _fields(schema: Document) -> str:
    rows = (
        (f"`{field.name}`{'' if field.always else '?'}", field.shape, field.what)
        for field in fields(schema, schema)
    )
    return _table(("field", "form", "what"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])
