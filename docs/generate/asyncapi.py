"""The AsyncAPI 3 document of Löfte's topics, made from the catalogue, the topics' settings and the golden samples."""

import inspect
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chassis.topics import TopicSettings, wanted_topics
from chassis.watermarks import topic_of
from lofte_events import CONTRACTS, MEANINGS, PUBLISHED, Envelope, parse_time
from lofte_events.schemas import schemas

Document = dict[str, Any]

PREFIX = "lofte"
SAMPLES = Path(__file__).parents[2] / "tests" / "contracts" / "samples"

_BINDING = "0.5.0"
_REPLICAS = 3
_TO_US = "inbound"  # the one kind of topic that others write to
_INTRODUCTION = """\
What Löfte tells, and what it takes, on Kafka: CloudEvents 1.0 in binary mode, `ce_*` headers around a JSON value.

Facts come at least once, in order within a source (`ce_source`, `ce_sequence`); between sources and topics there is no order. \
Ignore unknown fields, pass unknown types, treat every enumeration as open. Topics begin with the installation's prefix, here \
`lofte`. No event carries a name, a number, an address or free text: those are read by API, at `dataref`."""
_WATERMARKS = """\
Up to when all that a service stored is on its topic: everything stored at or before `at` can be read. \
Told about once a second while it rises; a late one is as true as ever, but less."""


def document() -> Document:
    """The whole document, the same every time."""
    by_topic = _by_topic()
    names = {template: _channel_id(template) for template in by_topic}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Löfte events",
            "version": "0.1.0",
            "description": _INTRODUCTION,
            "license": {"name": "EUPL-1.2"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:8150",
                "protocol": "kafka",
                "description": "The local stack of `make up`; an installation names its own",
            }
        },
        "channels": {
            **{names[template]: _channel(template, types) for template, types in by_topic.items()},
            "watermarks": _watermarks_channel(),
        },
        "operations": {
            **{
                f"{_action(template)}_{names[template]}": _operation(template, names[template], types)
                for template, types in by_topic.items()
            },
            "send_watermarks": {
                "action": "send",
                "channel": {"$ref": "#/channels/watermarks"},
                "summary": "Every publishing service tells its watermark",
                "messages": [{"$ref": "#/channels/watermarks/messages/Watermark"}],
            },
        },
        "components": {
            "schemas": dict(_payloads()),
            "messages": {
                **{CONTRACTS[type_].__name__: _message(type_) for type_ in sorted(CONTRACTS)},
                "Watermark": _watermark(),
            },
        },
    }


def _by_topic() -> Mapping[str, Sequence[str]]:
    """Topic below the prefix, as a template -> the types on it, in the order of the catalogue."""
    found: dict[str, list[str]] = {}
    for type_, contract in CONTRACTS.items():
        service = type_.partition(".")[0]
        topic = contract.TOPIC.format(service=service, municipality="{municipality}")
        found.setdefault(topic, []).append(type_)
    return found


def _channel_id(template: str) -> str:
    return template.partition(".")[0]


def _action(template: str) -> str:
    return "receive" if _channel_id(template) == _TO_US else "send"


def _channel(template: str, types: Sequence[str]) -> Document:
    channel: Document = {
        "address": f"{PREFIX}.{template}",
        "title": _channel_id(template),
        "description": _about_module(types[0]),
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"}
            for name in (CONTRACTS[type_].__name__ for type_ in types)
        },
        "bindings": {"kafka": _topic_binding(template)},
    }
    if "{municipality}" in template:
        channel["parameters"] = {
            "municipality": {"description": "Four-digit code of the municipality", "examples": ["0581"]}
        }
    return channel


def _topic_binding(template: str) -> Document:
    partitions: int = TopicSettings.model_fields["partitions"].default
    wanted = wanted_topics(PREFIX, partitions)
    binding: Document = {"replicas": _REPLICAS, "bindingVersion": _BINDING}
    settled = wanted.get(f"{PREFIX}.{template}")
    if settled is None:  # a topic of each municipality: its name and its settings are the installation's
        return binding
    number, settings = settled
    kept = {key: _configured(key, value) for key, value in settings.items() if key in _CONFIGURABLE}
    return binding | {"partitions": number, "topicConfiguration": kept}


# The settings that the binding has a name for.
_CONFIGURABLE = ("cleanup.policy", "retention.ms", "retention.bytes")


def _configured(key: str, value: str) -> Any:
    return value.split(",") if key == "cleanup.policy" else int(value)


def _operation(template: str, name: str, types: Sequence[str]) -> Document:
    return {
        "action": _action(template),
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": _about_module(types[0]),
        "messages": [{"$ref": f"#/channels/{name}/messages/{CONTRACTS[type_].__name__}"} for type_ in types],
    }


def _message(type_: str) -> Document:
    contract = CONTRACTS[type_]
    about = inspect.cleandoc(contract.__doc__ or "")
    return {
        "name": type_,
        "title": contract.__name__,
        "summary": about.partition("\n\n")[0].replace("\n", " "),
        "description": about,
        "contentType": "application/json",
        "correlationId": {
            "description": "The same in everything that follows from a case's first contact",
            "location": "$message.header#/ce_correlationid",
        },
        "headers": {
            "type": "object",
            "allOf": [
                {"$ref": "#/components/schemas/Headers"},
                {"type": "object", "properties": {"ce_type": {"type": "string", "const": type_}}},
            ],
        },
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "bindings": {"kafka": {"key": _key(type_), "bindingVersion": _BINDING}},
        "examples": list(_examples(type_)),
    }


def _key(type_: str) -> Document:
    case = CONTRACTS[type_].model_fields.get("case_id")
    if case is not None and case.is_required():
        return {
            "type": "string",
            "description": "Case id: all of a case's facts from one service are in one partition",
        }
    return {"type": "string", "description": "Records with the same key stay in order"}


def _examples(type_: str) -> Iterable[Document]:
    for path in sorted(SAMPLES.glob(f"{type_}.*json")):
        told = json.loads(path.read_text("utf-8"))
        yield {"name": path.stem, "headers": told["headers"], "payload": told["value"]}


def _payloads() -> Iterable[tuple[str, Document]]:
    yield "Headers", _headers()
    for type_, schema in schemas().items():
        inner = schema.pop("$defs", {})
        yield CONTRACTS[type_].__name__, _placed(schema)
        for name, definition in inner.items():
            yield name, _placed(definition)


def _placed(schema: Mapping[str, Any]) -> Document:
    """A schema as it stands among the components: what it refers to are its neighbours."""
    own = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    text = re.sub(r'"#/\$defs/', '"#/components/schemas/', json.dumps(own))
    placed: Document = json.loads(text)
    return placed


def _headers() -> Document:
    moment = parse_time("time", "2026-03-02T08:00:00Z")
    always = dict(Envelope("1", "t", "s", None, moment, 1, "0581").headers())
    rules: Mapping[str, Document] = {
        "ce_specversion": {"const": "1.0"},
        "ce_time": {"format": "date-time"},
        "ce_storedat": {"format": "date-time"},
        "ce_sequence": {"pattern": "^[0-9]+$"},
        "ce_municipality": {"pattern": r"^\d{4}$"},
        "ce_source": {"format": "uri-reference"},
        "content-type": {"const": "application/json"},
    }
    return {
        "type": "object",
        "description": "The envelope, as Kafka headers in UTF-8",
        "required": sorted(always),
        "properties": {
            name: {"type": "string", "description": meaning, **rules.get(name, {})}
            for name, meaning in MEANINGS.items()
        },
    }


def _watermarks_channel() -> Document:
    address = topic_of(PREFIX)
    return {
        "address": address,
        "title": "watermarks",
        "description": _WATERMARKS,
        "messages": {"Watermark": {"$ref": "#/components/messages/Watermark"}},
        "bindings": {"kafka": _topic_binding(address.removeprefix(f"{PREFIX}."))},
    }


def _watermark() -> Document:
    return {
        "name": "watermark",
        "title": "Watermark",
        "summary": "Everything that the service stored at or before `at` is on its topic.",
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["content-type"],
            "properties": {"content-type": {"type": "string", "const": "application/json"}},
        },
        "payload": {
            "type": "object",
            "required": ["service", "at"],
            "properties": {
                "service": {
                    "type": "string",
                    "description": f"Whose watermark: {', '.join(PUBLISHED)}; open",
                },
                "at": {"type": "string", "format": "date-time", "description": "Domain time"},
            },
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The service: of each, the latest is kept"},
                "bindingVersion": _BINDING,
            }
        },
        "examples": [
            {
                "name": "watermark",
                "headers": {"content-type": "application/json"},
                "payload": {"service": "casework", "at": "2026-03-02T07:30:00.000Z"},
            }
        ],
    }


def _about_module(type_: str) -> str:
    """The first line of the file that holds a contract: it says what its service tells."""
    return inspect.cleandoc(sys.modules[CONTRACTS[type_].__module__].__doc__ or "").partition("\n")[0]
