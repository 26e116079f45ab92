"""API documents as the pages show them: references followed, fields in words, examples as text."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lofte_events.words import described, fields, resolved, shape_of

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
                for answer in _answers(document, resolved(response, document))
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
                _message(document, resolved(message, document)) for message in channel["messages"].values()
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
        "sealed": list(_fields(document, message.get("x-sealed", {}))),
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
    for field in fields(schema, document):
        yield (field.name if field.always else f"{field.name}?"), field.shape, field.what


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
