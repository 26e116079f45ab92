"""What others may send, for the AsyncAPI document: binary and structured mode, looser than what Löfte itself writes."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lofte_events import BY_MUNICIPALITY, AnyContract, ContactSubmitted, MatterStatusReported
from lofte_events.inbound import SealedContact, SealedMatter
from pydantic import BaseModel

Document = dict[str, Any]

STRUCTURED = "application/cloudevents+json"
SEALED: Mapping[type[AnyContract], type[BaseModel]] = {
    ContactSubmitted: SealedContact,
    MatterStatusReported: SealedMatter,
}
"""What is inside a contract's `sealed`, once it is opened."""

_REFERENCE = {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"}
_ATTRIBUTES: Mapping[str, Document] = {
    "specversion": {"type": "string", "const": "1.0", "description": "Version of CloudEvents"},
    "id": {
        **_REFERENCE,
        "description": "With the source it names the message, which is taken once; never personal",
    },
    "source": {**_REFERENCE, "description": "The sending system; never personal"},
    "type": {"type": "string", "description": "Event and version"},
    "municipality": {"type": "string", "pattern": r"^\d{4}$", "description": "The topic's"},
    "subject": {**_REFERENCE, "description": "A reference, no words; it is not read"},
    "time": {"type": "string", "format": "date-time", "description": "It is not read"},
    "traceparent": {"type": "string", "description": "W3C trace context: the trace goes on here"},
}
_NEEDED = ("specversion", "id", "source", "type", "municipality")


def messages(samples: Mapping[str, Sequence[Document]]) -> Mapping[str, Document]:
    """Each contract that others send, in both modes. `samples`: golden samples by type, `{name, headers, payload}`."""
    found = {}
    for contract in BY_MUNICIPALITY["inbound"]:
        name = contract.__name__
        found[name] = _binary(contract, samples[contract.TYPE])
        found[f"{name}Structured"] = _structured(contract, samples[contract.TYPE])
    return found


def schemas() -> Iterator[tuple[str, Document]]:
    """The schemas that these messages refer to, beside those of the contracts."""
    yield (
        "InboundHeaders",
        {
            "type": "object",
            "description": "A CloudEvent in binary mode, as Kafka headers in UTF-8; further attributes are not read",
            "required": [f"ce_{name}" for name in _NEEDED],
            "properties": {
                **{f"ce_{name}": rules for name, rules in _ATTRIBUTES.items()},
                "content-type": {"type": "string", "const": "application/json"},
            },
        },
    )
    for model in SEALED.values():
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        yield from schema.pop("$defs", {}).items()
        yield model.__name__, schema


def _binary(contract: type[AnyContract], samples: Sequence[Document]) -> Document:
    of_type = {"type": "object", "properties": {"ce_type": {"type": "string", "const": contract.TYPE}}}
    return {
        **_about(contract),
        "name": contract.TYPE,
        "title": contract.__name__,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [{"$ref": "#/components/schemas/InboundHeaders"}, of_type],
        },
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "examples": list(samples),
    }


def _structured(contract: type[AnyContract], samples: Sequence[Document]) -> Document:
    return {
        **_about(contract),
        "name": f"{contract.TYPE}-structured",
        "title": f"{contract.__name__}Structured",
        "contentType": STRUCTURED,
        "headers": {
            "type": "object",
            "required": ["content-type"],
            "properties": {"content-type": {"type": "string", "const": STRUCTURED}},
        },
        "payload": {
            "type": "object",
            "description": "The same CloudEvent in structured mode; further attributes are not read",
            "required": [*_NEEDED, "data"],
            "properties": {
                **_ATTRIBUTES,
                "type": {"type": "string", "const": contract.TYPE, "description": "Event and version"},
                "datacontenttype": {"type": "string", "const": "application/json"},
                "data": {"$ref": f"#/components/schemas/{contract.__name__}"},
            },
        },
        "examples": [_as_structured(sample) for sample in samples],
    }


def _about(contract: type[AnyContract]) -> Document:
    about = inspect.cleandoc(contract.__doc__ or "")
    return {
        "summary": about.partition("\n\n")[0].replace("\n", " "),
        "description": about,
        "x-sealed": {"$ref": f"#/components/schemas/{SEALED[contract].__name__}"},
    }


def _as_structured(sample: Document) -> Document:
    attributes = {name.removeprefix("ce_"): told for name, told in sample["headers"].items()}
    attributes["datacontenttype"] = attributes.pop("content-type")
    return {
        "name": f"{sample['name']}-structured",
        "headers": {"content-type": STRUCTURED},
        "payload": {**attributes, "data": sample["payload"]},
    }
