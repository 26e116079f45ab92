"""What the topics tell about cases: one case's story across services, and the newest cases."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from aiokafka import ConsumerRecord
from lofte_events.envelope import MalformedRecordError, read_envelope

from lofte_local.records import PUBLISHERS, records

__all__ = ["CaseEvent", "NewCase", "cases_with_reference", "newest_cases", "story"]

_OPENED = "intake.contact-received.v1"
# Shown beside an event, in this order; ids, times already shown and links say nothing to a reader.
_TELLING = (
    *(
        "owner",
        "previous_owner",
        "channel",
        "citizen_kind",
        "topic",
        "menu_choice",
        "asked_for",
        "to_topic",
        "to_owner",
    ),
    *(
        "outcome",
        "stage",
        "step",
        "to",
        "skipped",
        "due_at",
        "how",
        "reason_code",
        "reason",
        "rule",
        "minutes",
        "by",
    ),
)


@dataclass(frozen=True)
class CaseEvent:
    """One published fact about a case. `at` is domain time, aware UTC."""

    at: datetime
    service: str
    name: str
    sequence: int
    facts: tuple[tuple[str, str], ...]

    def facts_in(self, zone: tzinfo, form: str = "%a %Y-%m-%d %H:%M:%S") -> tuple[tuple[str, str], ...]:
        """The facts, with times as a clock on the wall of `zone` shows them, like that of the event beside them."""
        return tuple(
            (name, datetime.fromisoformat(value).astimezone(zone).strftime(form))
            if name.endswith("_at")
            else (name, value)
            for name, value in self.facts
        )


@dataclass(frozen=True)
class NewCase:
    """A case as its first contact tells it."""

    case_id: str
    reference: str
    municipality: str
    channel: str
    topic: str
    received_at: datetime


async def story(address: str, prefix: str, case_id: str) -> list[CaseEvent]:
    """Every fact about a case from all services, in time order."""
    found: dict[str, CaseEvent] = {}  # by event id: a relay may send a fact twice
    async for record in records(address, [f"{prefix}.{service}" for service in PUBLISHERS], key=case_id):
        try:
            envelope = read_envelope(record.headers)
        except MalformedRecordError:
            continue  # held by those who need it; not part of the story
        if envelope.subject == case_id:
            service, _, kind = envelope.type.partition(".")
            found[envelope.source + envelope.id] = CaseEvent(
                at=envelope.time,
                service=service,
                name="".join(word.capitalize() for word in kind.partition(".")[0].split("-")),
                sequence=envelope.sequence,
                facts=_facts(_data(record)),
            )
    return sorted(
        found.values(), key=lambda event: (event.at, PUBLISHERS.index(event.service), event.sequence)
    )


async def newest_cases(address: str, prefix: str, *, limit: int = 20) -> list[NewCase]:
    """The cases opened last, newest first."""
    cases = {
        case.case_id: case async for case in _opened(address, prefix, last=limit * 3)
    }  # a relay may repeat
    return sorted(cases.values(), key=lambda case: case.received_at, reverse=True)[:limit]


async def cases_with_reference(address: str, prefix: str, reference: str) -> list[NewCase]:
    """The cases that bear this reference: it is unique within a municipality only."""
    wanted = _plain(reference)
    found = {
        case.case_id: case async for case in _opened(address, prefix) if _plain(case.reference) == wanted
    }
    return list(found.values())


async def _opened(address: str, prefix: str, *, last: int | None = None) -> AsyncIterator[NewCase]:
    async for record in records(address, [f"{prefix}.intake"], last=last):
        try:
            envelope = read_envelope(record.headers)
        except MalformedRecordError:
            continue
        data = _data(record)
        if envelope.type == _OPENED and data.get("opens_case") and envelope.subject:
            yield NewCase(
                case_id=envelope.subject,
                reference=str(data.get("case_reference", "")),
                municipality=envelope.municipality,
                channel=str(data.get("channel", "")),
                topic=str(data.get("topic") or data.get("menu_choice") or ""),
                received_at=envelope.time,
            )


def _data(record: ConsumerRecord[bytes, bytes]) -> dict[str, Any]:
    try:
        data = json.loads(record.value or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _facts(data: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(data[name])) for name in _TELLING if data.get(name) not in (None, "", [], 0))


def _plain(reference: str) -> str:
    return "".join(letter for letter in reference.upper() if letter.isalnum())
