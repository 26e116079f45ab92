"""One row to one contact: what `POST /contacts` is asked."""

from collections.abc import Mapping as Pairs
from datetime import datetime
from typing import Any
from urllib.parse import quote

from lofte_local.importing.faults import REASONS, RowFault
from lofte_local.importing.mapping import DERIVED, Mapping, TextField, TimeField
from lofte_local.importing.source import Row
from lofte_local.importing.times import TimeReader

__all__ = ["RowReader"]

_PERSONAL = ("name", "phone", "email")
_LONGEST_KEY = 120


class RowReader:
    """Reads the rows of one file by its mapping."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._times = TimeReader(mapping.times)
        self._blank = {"", *mapping.blank}

    def key(self, row: Row) -> str:
        """What names the request that the row is about, as the header Idempotency-Key can carry it. Raises RowFault."""
        if row.values is None:
            reason = row.fault or "unreadable"
            raise RowFault(reason, "row", REASONS[reason])
        parts = [row.values[column].strip() for column in self._mapping.key]
        if all(part in self._blank for part in parts):
            raise RowFault("no-key", "key", "nothing in the columns of the key; correct the row")
        key = "/".join(quote(part, safe="") for part in parts)
        if len(key) > _LONGEST_KEY:
            raise RowFault("no-key", "key", "too long to name a request; name other columns as key")
        return key

    def body(self, row: Row) -> dict[str, Any]:
        """The contact, but for the case that it is about. Raises RowFault."""
        values = row.values or {}
        fields = self._mapping.fields
        citizen = {"kind": self._needed("citizen_kind", fields.citizen_kind, values)}
        for name in _PERSONAL:
            citizen |= _told(name, self._text(name, getattr(fields, name), values))
        return {
            "municipality": self._mapping.municipality,
            "channel": self._needed("channel", fields.channel, values),
            "citizen": citizen,
            "subject": self._needed("subject", fields.subject, values),
            **_told("text", self._text("text", fields.text, values)),
            **_told("topic", self._text("topic", fields.topic, values)),
            "occurred_at": self._received(values),
            "history": self._history(values),
        }

    def _received(self, values: Pairs[str, str]) -> str:
        received_at = self._time("received_at", self._mapping.fields.received_at, values)
        if received_at is None:
            raise RowFault("empty", "received_at", "empty; every contact was received at some time")
        return received_at.isoformat()

    def _history(self, values: Pairs[str, str]) -> dict[str, Any]:
        fields = self._mapping.fields
        outcome = self._needed("outcome", fields.outcome, values)
        due_at = self._time("promise_due_at", fields.promise_due_at, values)
        # What was withdrawn has no answer, and what is open neither an answer nor an end, whatever their columns say.
        answered_at = closed_at = None
        if outcome in ("answered", DERIVED):
            answered_at = self._time("answered_at", fields.answered_at, values)
        if outcome != "open":
            closed_at = self._time("closed_at", fields.closed_at, values)
        if outcome == DERIVED:
            outcome = "answered" if answered_at else "open"
        if outcome in ("answered", "open") and closed_at and not answered_at:
            raise RowFault(
                "closed-unanswered", "answered_at", "empty; name the closing time in its first_of too"
            )
        if outcome == "answered" and not answered_at:
            raise RowFault(
                "empty", "answered_at", "empty, and the outcome says answered; correct one of the two"
            )
        times = (("promise_due_at", due_at), ("answered_at", answered_at), ("closed_at", closed_at))
        told = {name: moment.isoformat() for name, moment in times if moment is not None}
        return {
            "outcome": outcome,
            **_told("routed_to", self._text("routed_to", fields.routed_to, values)),
            **told,
        }

    def _needed(self, name: str, field: TextField, values: Pairs[str, str]) -> str:
        text = self._text(name, field, values)
        if text is None:
            raise RowFault("empty", name, "empty; say in the mapping what empty becomes")
        return text

    def _text(self, name: str, field: TextField | None, values: Pairs[str, str]) -> str | None:
        if field is None:
            return None
        if field.constant is not None:
            return field.constant
        told = [text for column in field.columns if (text := values[column].strip()) not in self._blank]
        if not told:
            return field.empty
        text = " / ".join(told) if field.join else told[0]
        if not field.values:
            return text
        found = field.values.get(text, field.other)
        if found is None:
            raise RowFault(
                "value", name, "a text that values does not have; add it, or say what other becomes"
            )
        return found

    def _time(self, name: str, field: TimeField | None, values: Pairs[str, str]) -> datetime | None:
        if field is None:
            return None
        told = (values[column].strip() for column in field.columns)
        text = next((text for text in told if text not in self._blank), None)
        return self._times.read(name, text, whole_day=field.end_of_day) if text is not None else None


def _told(name: str, text: str | None) -> dict[str, str]:
    return {name: text} if text is not None else {}
