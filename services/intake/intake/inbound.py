"""What lies on an inbound topic, read as a CloudEvent in binary or structured mode; or why it cannot be.

Whatever is wrong with it is a reason to reject it, never to hold it: it is somebody else's message, and nobody waits.
Nothing of it is trusted: not its size, its names, or its own word on whose it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from chassis.http.app import LARGEST_BODY
from chassis.reacting import UNREADABLE, Raw
from chassis.telemetry import is_traceparent
from lofte_events import AnyContract, Contract, Envelope, SealedCitizen, SealedContact, SealedMatter
from pydantic_core import from_json

_STRUCTURED = "application/cloudevents+json"
_JSON = ("", "application/json")
_REFERENCE = re.compile(r"[\x21-\x7e]{1,200}")
_NAME = re.compile(r"[a-z0-9]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = 250_000_000_000_000  # milliseconds; a record's time is its sender's word too
_OPENLY = {"municipality", "kind"}
PERSONAL = frozenset(
    name
    for model in (SealedContact, SealedCitizen, SealedMatter)
    for name in model.model_fields
    if name not in _OPENLY
)
"""The names that are sealed, or refused."""


class Rejected(Exception):
    """Why a message is refused: a stable reason, the field (never what was in it), and a sentence of ours."""

    def __init__(self, reason: str, field: str | None = None, detail: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.detail = detail


class Arrival(Contract):
    """A record of an inbound topic, whatever is in it. Never published."""

    TYPE: ClassVar[str] = "inbound"

    case_id: str = ""
    topic: str
    partition: int
    offset: int
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]
    value: bytes | None

    @property
    def place(self) -> str:
        """Names the record; with its time, for a topic that is made anew counts its offsets anew."""
        return f"{self.topic}:{self.partition}:{self.offset}:{self.timestamp}"


@dataclass(frozen=True, slots=True)
class Told:
    """A CloudEvent's attributes, unchecked; and its data, where the mode has them beside the attributes."""

    attributes: Mapping[str, Any]
    data: Any

    @property
    def source(self) -> str | None:
        return self._reference("source")

    @property
    def message_id(self) -> str | None:
        return self._reference("id")

    def _reference(self, name: str) -> str | None:
        value = self.attributes.get(name)
        return value if isinstance(value, str) and _REFERENCE.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A message that can be answered for: who sent it, what it is, and its data, which nobody has looked into yet."""

    source: str
    message_id: str
    type: str
    data: Mapping[str, Any]


def parse(raw: Raw) -> tuple[Envelope, Arrival]:
    """The envelope is ours alone: nothing that a stranger wrote gets into a span or a log line by it."""
    traceparent = next((value for name, value in raw.headers if name == "ce_traceparent" and value), b"")
    told = traceparent.decode("ascii", "replace")
    municipality = raw.topic.rpartition(".")[2]
    envelope = Envelope(
        id=f"{raw.partition}-{raw.offset}",
        type=Arrival.TYPE,
        source=f"/{municipality}/inbound",
        subject=None,
        time=_EPOCH + timedelta(milliseconds=min(max(raw.timestamp, 0), _LATEST)),
        sequence=raw.offset,
        municipality=municipality,
        traceparent=told if is_traceparent(told) else None,
    )
    arrival = Arrival.model_construct(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        timestamp=raw.timestamp,
        headers=raw.headers,
        value=raw.value,
    )
    return envelope, arrival


def told_by(arrival: Arrival) -> Told:
    """The attributes, from the headers or from the value. Raises Rejected."""
    if tuple(arrival.headers) == UNREADABLE:
        raise Rejected(
            "unreadable", None, "a header's name is not UTF-8: here, or before it in the same batch"
        )
    headers = {name.lower(): value for name, value in arrival.headers if value is not None}
    media_type = headers.get("content-type", b"").decode("ascii", "replace").partition(";")[0].strip().lower()
    if media_type.startswith("application/cloudevents"):
        if media_type != _STRUCTURED:
            raise Rejected("unreadable", "content-type", f"one event in JSON is taken: {_STRUCTURED}")
        event = _object(arrival.value, None)
        if "data_base64" in event:
            raise Rejected("unreadable", "data_base64", "send the data as JSON, in data")
        return Told({name: value for name, value in event.items() if name != "data"}, event.get("data"))
    try:
        attributes = {
            name.removeprefix("ce_"): value.decode()
            for name, value in headers.items()
            if name.startswith("ce_")
        }
    except UnicodeDecodeError:
        raise Rejected("unreadable", None, "every ce_ header is UTF-8 text") from None
    return Told({**attributes, "datacontenttype": media_type}, arrival.value)


def submitted(told: Told, municipality: str) -> Submitted:
    """The message, if it is a CloudEvent for this topic and tells nothing personal openly. Raises Rejected."""
    attributes = told.attributes
    if attributes.get("specversion") != "1.0":
        raise Rejected("unreadable", "specversion", "missing or not 1.0: send a CloudEvent")
    source, message_id, kind = (
        _given(told.source, "source"),
        _given(told.message_id, "id"),
        attributes.get("type"),
    )
    if not isinstance(kind, str) or not kind:
        raise Rejected("unreadable", "type", "missing")
    if attributes.get("municipality") != municipality:
        raise Rejected("wrong-municipality", "municipality", "missing, or not the topic's")
    _nothing_personal(set(attributes) - {"subject"})
    if not all(_NAME.fullmatch(name) for name in attributes):
        raise Rejected("unreadable", None, "names of attributes are lower-case letters and digits")
    subject = attributes.get("subject")
    if subject is not None and not (isinstance(subject, str) and _REFERENCE.fullmatch(subject)):
        raise Rejected("clear-personal-data", "subject", "no words here: a reference, or nothing")
    if str(attributes.get("datacontenttype", "")).partition(";")[0].strip().lower() not in _JSON:
        raise Rejected("unreadable", "datacontenttype", "send application/json")
    data = told.data if isinstance(told.data, dict) else _object(told.data, "data")
    return Submitted(source, message_id, kind, data)


def open_fields(message: Submitted, contract: type[AnyContract]) -> Mapping[str, Any]:
    """The data, if it has no field but the contract's. Raises Rejected: which other ones there are is not repeated."""
    _nothing_personal(set(message.data) - set(contract.model_fields))
    if set(message.data) - set(contract.model_fields):
        raise Rejected("unknown-field", "data", "has a field that is not taken; it may be meant for `sealed`")
    return message.data


def plain_object(text: bytes) -> Mapping[str, Any]:
    """What was sealed. Raises Rejected."""
    return _object(text, "sealed")


def _given(reference: str | None, name: str) -> str:
    if reference is None:
        raise Rejected("unreadable", name, "missing, or not 1 to 200 visible ASCII characters")
    return reference


def _nothing_personal(names: set[str]) -> None:
    found = sorted(names & PERSONAL)
    if found:
        raise Rejected("clear-personal-data", found[0], "seal it: it goes into `sealed`")


def _object(value: object, field: str | None) -> dict[str, Any]:
    if not isinstance(value, bytes | None):
        raise Rejected("unreadable", field, "not a JSON object")
    if value is not None and len(value) > LARGEST_BODY:
        raise Rejected("too-large", field, f"at most {LARGEST_BODY // 1024} KiB are taken")
    try:
        found = from_json(value or b"", allow_inf_nan=False)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Rejected("unreadable", field, "not a JSON object")
    return found
