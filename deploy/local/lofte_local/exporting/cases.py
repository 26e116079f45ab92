"""One case as its events tell it: whole for JSONL, and as rows from which it can be imported again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chassis.reacting import Message
from lofte_events import CaseRouted, ContactReceived
from metrics.figures import first_answer
from metrics.views import project

__all__ = ["COLUMNS", "PERSONAL", "Case"]

PERSONAL = ("name", "phone", "email", "subject", "text")
COLUMNS = (
    *("case_id", "case_reference", "contact_id", "channel", "citizen_kind", "received_at"),
    *("topic", "owner", "department", "promise_due_at", "answered_at", "closed_at", "outcome"),
)


@dataclass
class Case:
    """A case, folded from its events in any order of topics. The facts are those that the figures are counted from.

    `back_dating`: how late an act may be told and still count when it happened, as in the figures.
    """

    case_id: str
    back_dating: timedelta
    contacts: list[ContactReceived] = field(default_factory=list)
    route: CaseRouted | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def note(self, message: Message) -> None:
        """Take note of one event."""
        match message.contract:
            case ContactReceived() as contact:
                self.contacts.append(contact)
            case CaseRouted() as routed if (
                self.route is None or routed.route_number > self.route.route_number
            ):
                self.route = routed
        self.facts = project(self.facts or None, message) or {}

    @property
    def complete(self) -> bool:
        """Its opening contact has been read: nothing is known of a case whose contact is held somewhere."""
        return any(contact.opens_case for contact in self.contacts)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One for each contact, the opening one first; the history is the case's. Times are RFC 3339."""
        history = self._history()
        shared = {
            "topic": self.facts["topic"],
            "owner": self.route.owner if self.route else None,
            "department": self.facts["department"],
            **{name: _text(value) for name, value in history.items()},
        }
        for contact in sorted(
            self.contacts, key=lambda each: (not each.opens_case, each.accepted_at, each.contact_id)
        ):
            yield {
                "case_id": self.case_id,
                "case_reference": contact.case_reference,
                "contact_id": contact.contact_id,
                "channel": contact.channel,
                "citizen_kind": contact.citizen_kind,
                "received_at": contact.received_at.isoformat(),
                **shared,
            }

    def document(self) -> dict[str, Any]:
        """All that is known of it, for JSON."""
        rows = list(self.rows())
        own = ("contact_id", "channel", "citizen_kind", "received_at", *PERSONAL)
        told = {name: value for name, value in rows[0].items() if name not in own}
        contacts = [{name: row[name] for name in own if name in row} for row in rows]
        names = (
            "routes",
            "forwards",
            "returns",
            "attempts",
            "resolutions",
            "withdrawn",
            "reopened",
            "promises",
        )
        facts = {name: self.facts[name] for name in names}
        return {**told, "imported": self.facts["imported"] is not None, "contacts": contacts, **facts}

    def _history(self) -> Mapping[str, Any]:
        """What the import of a case can be told; its first promise stands for all."""
        promise: Mapping[str, Any] = self.facts["promises"].get("1", {})
        resolutions, withdrawn, reopened = (
            self.facts[name] for name in ("resolutions", "withdrawn", "reopened")
        )
        closed = len(resolutions) + len(withdrawn) > len(reopened)
        ends = [*(resolution["at"] for resolution in resolutions), *withdrawn]
        closed_at = max(ends, default=None) if closed else promise.get("withdrawn_at")
        if (closed and withdrawn) or "withdrawn_at" in promise:
            outcome, answered_at = "withdrawn", None
        else:
            answered_at = promise.get("kept_at") or promise.get("answered_late_at")
            answered_at = answered_at or (first_answer(self.facts, self.back_dating) if not promise else None)
            outcome = "answered" if answered_at else "open"
        return {
            "promise_due_at": promise.get("due_at"),
            "answered_at": answered_at,
            "closed_at": closed_at if outcome != "open" else None,
            "outcome": outcome,
        }


def _text(value: datetime | str | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value
