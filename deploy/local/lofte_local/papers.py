"""API documents as the pages show them: references followed, fields in words, examples as text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lofte_events.words import described, shape_of

__all__ = ["channels", "endpoints"]

Document = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")


def endpoints(document: Document) -> list[dict[str, Any]]:
    """The operations of an OpenAPI document: what each takes, answers and refuses."""
    return [
        {
            "id": operation.get("operationId", f"{method}-{path}"),
            "method": method.upper(),
            "path": path,
            "description": str(operation.get("description") or ""),
            "parameters": [
                (parameter["name"], parameter["in"], shape_of(parameter["schema"]), described(parameter))
                for parameter in operation.get("parameters", ())
            ],
            "request": next(_bodies(document, operation.get("requestBody", {})), None),
            "answers": [
                {"status": status, **answer}
                for status, response in sorted(operation["responses"].items())
                for answer in _answers(document, _followed(document, response))
            ],
        }
        for path, methods in sorted(document.get("paths", {}).items())
        for method, operation in methods.items()
        if method in _METHODS
    ]


def channels(document: Document) -> list[dict[str, Any]]:
    """The channels of an AsyncAPI document, each with its messages."""
    actions = {
        operation["channel"]["$ref"].rpartition("/")[2]: operation["action"]
        for operation in document["operations"].values()
    }
    return [
        {
            "name": name,
            "address": channel["address"],
            "action": actions[name],
            "description": channel["description"],
            "messages": [
                _message(document, _followed(document, message)) for message in channel["messages"].values()
            ],
        }
        for name, channel in document["channels"].items()
    ]


def _message(document: Document, message: Document) -> dict[str, Any]:
    headers = [message["headers"], *message["headers"].get("allOf", ())]
    found: dict[str, tuple[str, str, str]] = {}
    for part in headers:
        for name, shape, what in _fields(document, part):
            before = found.get(name)
            found[name] = (name, shape, what or (before[2] if before else ""))
    return {
        "name": message["name"],
        "title": message["title"],
        "description": message.get("description", message.get("summary", "")),
        "key": message["bindings"]["kafka"]["key"]["description"],
        "headers": list(found.values()),
        "fields": list(_fields(document, message["payload"])),
        "examples": [_text(example["payload"]) for example in message["examples"]],
    }


def _answers(document: Document, response: Document) -> Iterator[dict[str, Any]]:
    told = {"description": response["description"], "headers": list(response.get("headers", ()))}
    bodies = list(_bodies(document, response))
    yield {**told, **(bodies[0] if bodies else {"fields": [], "examples": []})}


def _bodies(document: Document, holder: Document) -> Iterator[dict[str, Any]]:
    for body in holder.get("content", {}).values():
        shown: Sequence[Any] = (
            [body["example"]]
            if "example" in body
            else [one["value"] for one in body.get("examples", {}).values()]
        )
        yield {
            "fields": list(_fields(document, body["schema"])),
            "examples": [_text(example) for example in shown],
        }


def _fields(document: Document, schema: Document) -> Iterator[tuple[str, str, str]]:
    """Name (with ? where it may be missing), form and meaning of each field, those of lists and parts too."""
    schema = _followed(document, schema)
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        shown = name if name in required else f"{name}?"
        yield shown, shape_of(field), described(_followed(document, field))
        inner = _followed(document, field.get("items", field))
        if inner.get("properties"):
            yield from ((f"{name}.{part}", shape, what) for part, shape, what in _fields(document, inner))


def _followed(document: Document, part: Document) -> Document:
    while "$ref" in part:
        target: Any = document
        for step in str(part["$ref"]).removeprefix("#/").split("/"):
            target = target[step]
        part = target
    return part


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
