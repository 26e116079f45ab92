"""The AsyncAPI 3 document of Löfte's topics, made from the catalogue, the topics' settings and the golden samples."""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chassis.topics import TopicSettings, wanted_topics
from chassis.watermarks import topic_of
from lofte_events import BY_MUNICIPALITY, CONTRACTS, MEANINGS, PUBLISHED, AnyContract, Envelope, parse_time
from lofte_events.schemas import schemas

from docs.generate import inbound

Document = dict[str, Any]

PREFIX = "lofte"
SAMPLES = Path(__file__).parents[2] / "tests" / "contracts" / "samples"

_BINDING = "0.5.0"
_REPLICAS = 3
_A_MUNICIPALITY = "0581"
_CASE = "Case id: all of a case's facts from one service are in one partition"
_INTRODUCTION = """\
What Löfte tells, and what it takes, on Kafka: CloudEvents 1.0 in binary mode, `ce_*` headers around a JSON value. What is sent \
to an inbound topic may be in structured mode too.

Facts come at least once, in order within a source (`ce_source`, `ce_sequence`); between sources and topics there is no order. \
Ignore unknown fields, pass unknown types, treat every enumeration as open. Topics begin with the installation's prefix, here \
`lofte`. No event carries a name, a number, an address or free text: those are read by API, at `dataref`."""
_WATERMARKS = """\
Up to when all that a service stored is on its topic: everything stored at or before `at` can be read. \
Told about once a second while it rises; a late one is as true as ever, but less."""


@dataclass(frozen=True)
class Topic:
    """`template`: its name below the prefix. `messages`: by name in the document, without their key's binding."""

    template: str
    about: str
    key: str
    messages: Mapping[str, Document]
    action: str = "send"

    @property
    def name(self) -> str:
        return self.template.partition(".")[0]


def topics() -> Sequence[Topic]:
    """Those of the services, those that each municipality has of its own, and the watermarks."""
    published = (
        Topic(service, _about_module(contracts[0]), _CASE, _messages(contracts))
        for service, contracts in PUBLISHED.items()
    )
    return (
        *published,
        Topic(
            "inbound.{municipality}",
            "What other systems tell. Who may write is the topic's access rule; kept 7 days.",
            "The sender's choice: records with the same key stay in order",
            inbound.messages({contract.TYPE: _examples(contract) for contract in BY_MUNICIPALITY["inbound"]}),
            action="receive",
        ),
        Topic(
            "rejected.{municipality}",
            "What intake refused of the inbound topic: where it lies, and why; never what was in it. Kept 7 days.",
            "The source's stream: each refusal has its own",
            _messages(BY_MUNICIPALITY["rejected"]),
        ),
        Topic(
            topic_of(PREFIX).removeprefix(f"{PREFIX}."),
            _WATERMARKS,
            "The service: of each, the latest is kept",
            {"Watermark": _watermark()},
        ),
    )


def document() -> Document:
    """The whole document, the same every time."""
    all_topics = topics()
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
        "channels": {topic.name: _channel(topic) for topic in all_topics},
        "operations": {f"{topic.action}_{topic.name}": _operation(topic) for topic in all_topics},
        "components": {
            "schemas": dict(_schemas()),
            "messages": {
                name: {**message, "bindings": _key_binding(topic)}
                for topic in all_topics
                for name, message in topic.messages.items()
            },
        },
    }


def _channel(topic: Topic) -> Document:
    channel: Document = {
        "address": f"{PREFIX}.{topic.template}",
        "title": topic.name,
        "description": topic.about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in topic.messages},
        "bindings": {"kafka": _topic_binding(topic)},
    }
    if "{municipality}" in topic.template:
        channel["parameters"] = {
            "municipality": {
                "description": "Four-digit code of the municipality",
                "examples": [_A_MUNICIPALITY],
            }
        }
    return channel


def _topic_binding(topic: Topic) -> Document:
    partitions: int = TopicSettings.model_fields["partitions"].default
    name = f"{PREFIX}.{topic.template}".format(municipality=_A_MUNICIPALITY)
    number, settings = wanted_topics(PREFIX, partitions, [_A_MUNICIPALITY])[name]
    return {
        "partitions": number,
        "replicas": _REPLICAS,
        "topicConfiguration": {
            key: _configured(key, value) for key, value in settings.items() if key in _CONFIGURABLE
        },
        "bindingVersion": _BINDING,
    }


# The settings that the binding has a name for.
_CONFIGURABLE = ("cleanup.policy", "retention.ms", "retention.bytes")


def _configured(key: str, value: str) -> Any:
    return value.split(",") if key == "cleanup.policy" else int(value)


def _key_binding(topic: Topic) -> Document:
    return {"kafka": {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING}}


def _operation(topic: Topic) -> Document:
    return {
        "action": topic.action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.about.partition(". ")[0].rstrip("."),
        "messages": [{"$ref": f"#/channels/{topic.name}/messages/{name}"} for name in topic.messages],
    }


def _messages(contracts: Sequence[type[AnyContract]]) -> Mapping[str, Document]:
    return {contract.__name__: _message(contract) for contract in contracts}


def _message(contract: type[AnyContract]) -> Document:
    about = inspect.cleandoc(contract.__doc__ or "")
    of_type = {"type": "object", "properties": {"ce_type": {"type": "string", "const": contract.TYPE}}}
    message: Document = {
        "name": contract.TYPE,
        "title": contract.__name__,
        "summary": about.partition("\n\n")[0].replace("\n", " "),
        "description": about,
        "contentType": "application/json",
        "headers": {"type": "object", "allOf": [{"$ref": "#/components/schemas/Headers"}, of_type]},
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "examples": list(_examples(contract)),
    }
    if "case_id" in contract.model_fields:
        message["correlationId"] = {
            "description": "The same in everything that follows from a case's first contact",
            "location": "$message.header#/ce_correlationid",
        }
    return message


def _examples(contract: type[AnyContract]) -> Sequence[Document]:
    told = [(path.stem, json.loads(path.read_text("utf-8"))) for path in _samples(contract)]
    return [{"name": name, "headers": it["headers"], "payload": it["value"]} for name, it in told]


def _samples(contract: type[AnyContract]) -> Sequence[Path]:
    return sorted(SAMPLES.glob(f"{contract.TYPE}.*json"))


def _schemas() -> Iterator[tuple[str, Document]]:
    yield "Headers", _headers()
    for type_, schema in schemas().items():
        inner = schema.pop("$defs", {})
        yield CONTRACTS[type_].__name__, _placed(schema)
        for name, definition in inner.items():
            yield name, _placed(definition)
    yield from inbound.schemas()


def _placed(schema: Mapping[str, Any]) -> Document:
    """A schema as it stands among the components: what it refers to are its neighbours."""
    own = {key: value for key, value in schema.items() if key not in ("$schema", "$id")}
    text = re.sub(r'"#/\$defs/', '"#/components/schemas/', json.dumps(own))
    placed: Document = json.loads(text)
    return placed


def _headers() -> Document:
    moment = parse_time("time", "2026-03-02T08:00:00Z")
    always = dict(Envelope("1", "t", "s", None, moment, 1, _A_MUNICIPALITY).headers())
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
        "examples": [
            {
                "name": "watermark",
                "headers": {"content-type": "application/json"},
                "payload": {"service": "casework", "at": "2026-03-02T07:30:00.000Z"},
            }
        ],
    }


def _about_module(contract: type[AnyContract]) -> str:
    """The first line of the file that holds a contract: it says what its service tells."""
    return inspect.cleandoc(sys.modules[contract.__module__].__doc__ or "").partition("\n")[0]
