"""The envelope: CloudEvents 1.0 in Kafka's binary mode, `ce_*` headers around a JSON value; structured for webhooks.

Written by hand because the official SDK costs 100 us an event; that SDK is the oracle of the tests.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Headers = list[tuple[str, bytes]]

MEANINGS: Mapping[str, str] = {
    "ce_specversion": "Version of CloudEvents: 1.0",
    "ce_id": "The event's id; the same when it is sent again",
    "ce_type": "Event and version, such as casework.case-resolved.v1: look at this first",
    "ce_source": "/{municipality}/{service}/{stream}; events of one source come in order",
    "ce_subject": "Case id; not there where it is about no case",
    "ce_time": "When it was decided, domain time, RFC 3339 in UTC with milliseconds",
    "ce_sequence": "Version within the source, a whole number: it rises and has gaps",
    "ce_municipality": "Four-digit code of the municipality",
    "ce_correlationid": "Case id: the same in all that follows from the case's first contact",
    "ce_causationid": "Id of the message that made us act; else (a request, a timer) of the commit",
    "ce_traceparent": "W3C trace context",
    "ce_storedat": "When the database stored it, domain time, to the second: acts are judged by it",
    "content-type": "Of the value: application/json",
}
"""What each header says."""

_REQUIRED = ("id", "type", "source", "time", "sequence", "municipality")


class MalformedRecordError(ValueError):
    """A record whose envelope or value is not what its type says; the message names the field."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is said about a fact, whatever the fact is.

    `source` is `/{municipality}/{service}/{stream}`; `sequence` is the version within that source: it rises
    and has gaps. `stored_at` is the database's own time of the fact (domain time, one second fine): acts are
    judged by it, so that no sender can back-date further than the municipality allows.
    """

    id: str
    type: str
    source: str
    subject: str | None
    time: datetime
    sequence: int
    municipality: str
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    stored_at: datetime | None = None

    def headers(self) -> Headers:
        """The Kafka headers of this envelope, in CloudEvents binary mode."""
        pairs = [
            ("ce_specversion", b"1.0"),
            ("ce_id", self.id.encode()),
            ("ce_type", self.type.encode()),
            ("ce_source", self.source.encode()),
            ("ce_time", format_time(self.time).encode()),
            ("ce_sequence", str(self.sequence).encode()),
            ("ce_municipality", self.municipality.encode()),
            ("content-type", b"application/json"),
        ]
        optional = (
            ("ce_subject", self.subject),
            ("ce_correlationid", self.correlation_id),
            ("ce_causationid", self.causation_id),
            ("ce_traceparent", self.traceparent),
            ("ce_storedat", format_time(self.stored_at) if self.stored_at else None),
        )
        pairs += [(name, value.encode()) for name, value in optional if value is not None]
        return pairs

    def structured(self, value: bytes) -> bytes:
        """The same envelope around a JSON `value`, as one JSON object (`application/cloudevents+json`)."""
        attributes = {name[3:]: told.decode() for name, told in self.headers() if name.startswith("ce_")}
        head = json.dumps({**attributes, "datacontenttype": "application/json"}, ensure_ascii=False)
        return b'%s, "data": %s}' % (head[:-1].encode(), value)


def read_structured(body: bytes) -> tuple[Headers, Any]:
    """A CloudEvent in structured JSON as the headers that it has in binary mode, and its data.

    Raises:
        MalformedRecordError: not a JSON object, or an attribute is not plain.
    """
    try:
        told = json.loads(body)
    except ValueError:
        raise MalformedRecordError("body: not JSON; send application/cloudevents+json") from None
    if not isinstance(told, dict):
        raise MalformedRecordError("body: not an object; send one CloudEvent")
    data = told.pop("data", None)
    headers: Headers = []
    for name, attribute in told.items():
        if attribute is None:
            continue
        if not isinstance(attribute, str | int):
            raise MalformedRecordError(
                "an attribute is neither text nor a whole number; CloudEvents has no other"
            )
        headers.append((f"ce_{name}", str(attribute).encode("utf-8", "replace")))
    return headers, data


def type_of(headers: Iterable[tuple[str, bytes | None]]) -> str | None:
    """The record's type, or None where there is none: looked at before anything else is read."""
    for name, value in headers:
        if name == "ce_type" and value is not None:
            return value.decode("utf-8", "replace")
    return None


def read_envelope(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read the envelope of a record.

    Raises:
        MalformedRecordError: a required attribute is missing or not of its form.
    """
    try:
        found = {
            name[3:]: value.decode()
            for name, value in headers
            if value is not None and name.startswith("ce_")
        }
    except UnicodeDecodeError as error:
        raise MalformedRecordError("headers: not UTF-8; send every ce_ header as UTF-8 text") from error
    for name in _REQUIRED:
        if not found.get(name):
            raise MalformedRecordError(f"ce_{name}: missing; every record carries it")
    try:
        sequence = int(found["sequence"])
    except ValueError as error:
        raise MalformedRecordError("ce_sequence: not a whole number") from error
    return Envelope(
        id=found["id"],
        type=found["type"],
        source=found["source"],
        subject=found.get("subject"),
        time=parse_time("ce_time", found["time"]),
        sequence=sequence,
        municipality=found["municipality"],
        correlation_id=found.get("correlationid"),
        causation_id=found.get("causationid"),
        traceparent=found.get("traceparent"),
        stored_at=parse_time("ce_storedat", found["storedat"]) if "storedat" in found else None,
    )


def counts_at(occurred_at: datetime, stored_at: datetime | None, limit: timedelta) -> datetime:
    """An act counts when it is said to have happened, but no earlier than `limit` before it was written down."""
    return max(occurred_at, stored_at - limit) if stored_at is not None else occurred_at


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: the finest that the database keeps."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"


def parse_time(field: str, text: str) -> datetime:
    """An aware time from RFC 3339 text.

    Raises:
        MalformedRecordError: not a time, or a time without its zone.
    """
    try:
        moment = datetime.fromisoformat(text)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedRecordError(
            f"{field}: not a time; write RFC 3339, such as 2026-03-02T07:30:00Z"
        ) from error
    if moment.tzinfo is None:
        raise MalformedRecordError(f"{field}: a time without a zone; add Z or an offset")
    return in_utc
