"""Records to consume, of a contract that only tests know."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from lofte_events import Contract, Envelope, MalformedRecordError, read_envelope, type_of
from pydantic import ValidationError

from chassis.reacting import Message, Raw

MOMENT = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


class Noted(Contract):
    """A fact for tests: somebody noted a word."""

    TYPE: ClassVar[str] = "test.noted.v1"

    word: str


def parse(raw: Raw) -> tuple[Envelope, Noted] | None:
    """As the catalogue's, for `Noted` alone."""
    if type_of(raw.headers) != Noted.TYPE:
        return None
    envelope = read_envelope(raw.headers)
    try:
        return envelope, Noted.model_validate_json(raw.value or b"")
    except ValidationError as error:
        raise MalformedRecordError("value: not a Noted") from error


@dataclass
class Publisher:
    """Makes the records of one source; each has the next sequence, and the next offset of its partition."""

    service: str = "casework"
    prefix: str = "lofte"
    partition: int = 0
    _sequences: dict[str, int] = field(default_factory=dict)
    _offset: int = -1

    def noted(self, case_id: str, word: str, *, source: str | None = None) -> Raw:
        """The next record about a case."""
        source = source or f"/0581/{self.service}/case-{case_id}"
        sequence = self._sequences[source] = self._sequences.get(source, 0) + 1
        envelope = Envelope(
            id=f"{source}-{sequence}",
            type=Noted.TYPE,
            source=source,
            subject=case_id,
            time=MOMENT,
            sequence=sequence,
            municipality="0581",
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        value = Noted(case_id=case_id, word=word).model_dump_json().encode()
        return self.raw(case_id.encode(), value, list(envelope.headers()))

    def raw(
        self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None
    ) -> Raw:
        """The next record, whatever is in it."""
        self._offset += 1
        topic = f"{self.prefix}.{self.service}"
        return Raw(topic, self.partition, self._offset, key, value, headers or [], 0)

    def malformed(self, case_id: str | None) -> Raw:
        """The next record, of a known type, and not of its form."""
        key = None if case_id is None else case_id.encode()
        good = self.noted(case_id or "none", "good")
        return Raw(good.topic, good.partition, good.offset, key, b"{", good.headers, 0)


def message_of(raw: Raw) -> Message:
    """What a reaction is given of a record."""
    parsed = parse(raw)
    assert parsed is not None  # noqa: S101
    return Message(*parsed, traceparent=None)
