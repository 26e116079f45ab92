"""A case's history: casework's log as people read it, with its texts opened."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chassis.commit import Commit
from chassis.handling import Decider
from chassis.http import example
from chassis.sealing import Key, open_or_erased
from pydantic import BaseModel

from casework import domain


class Entry(BaseModel):
    """One thing that happened. `text`: note, reason or answer; null also where it has been erased."""

    model_config = example(
        version=4,
        at="2026-03-02T08:10:00Z",
        event="NoteAdded",
        by="handler-bo",
        owner="department.building",
        text="Ritningar saknas; ber om dem.",
        facts={"note_id": "01959000-0000-7000-8000-000000000013"},
    )

    version: int
    at: datetime
    event: str
    by: str | None = None
    owner: str | None = None
    text: str | None = None
    facts: dict[str, str | int | bool | None] = {}


def entries(
    decider: Decider[domain.Case, domain.Event], commits: Iterable[Commit], key: Key | None
) -> list[Entry]:
    """All events of a case, oldest first."""
    return [
        Entry(
            version=commit.first_version + place,
            at=commit.committed_at,
            event=stored.type,
            **_told(decider.codec.restore(stored), key),
        )
        for commit in commits
        for place, stored in enumerate(commit.events)
    ]


def _told(event: domain.Event, key: Key | None) -> dict[str, Any]:
    match event:
        case domain.ContactNoted(contact_id, opens_case, channel=channel):
            return {"facts": {"contact_id": contact_id, "opens_case": opens_case, "channel": channel}}
        case domain.RouteNoted(route_number, owner, topic):
            return {"owner": owner, "facts": {"route_number": route_number, "topic": topic}}
        case domain.CaseClaimed(standing, handler):
            return {"by": handler, "owner": standing.owner}
        case domain.NoteAdded(standing, note_id, by, text):
            words = open_or_erased(key, "note", text)
            return {"by": by, "owner": standing.owner, "text": words, "facts": {"note_id": note_id}}
        case domain.AttemptBegun(standing, by, until=until):
            return {"by": by, "owner": standing.owner, "facts": {"until": until.isoformat()}}
        case domain.CitizenContacted(standing, outcome, by, occurred_at):
            facts = {"outcome": outcome, "occurred_at": occurred_at.isoformat()}
            return {"by": by, "owner": standing.owner, "facts": facts}
        case domain.CaseAwaitingCitizen(standing, reason_code, by, occurred_at, latest):
            facts_of = {
                "reason": reason_code,
                "occurred_at": occurred_at.isoformat(),
                "until": latest.isoformat() if latest else None,
            }
            return {"by": by, "owner": standing.owner, "facts": facts_of}
        case domain.CaseResumed(standing, cause, by, contact_id, resumed_at):
            facts_then = {"cause": cause, "contact_id": contact_id, "resumed_at": resumed_at.isoformat()}
            return {"by": by, "owner": standing.owner, "facts": facts_then}
        case domain.CitizenAskedAgain(standing, contact_id, asked_at):
            facts_asked = {"contact_id": contact_id, "asked_at": asked_at.isoformat()}
            return {"owner": standing.owner, "facts": facts_asked}
        case domain.CaseForwarded(standing, _, to_topic, to_owner, by, reason):
            words = open_or_erased(key, "reason", reason)
            facts_to = {"to_topic": to_topic, "to_owner": to_owner}
            return {"by": by, "owner": standing.owner, "text": words, "facts": facts_to}
        case domain.CaseReturned(standing, _, reason_code, by, text):
            words = open_or_erased(key, "text", text)
            return {"by": by, "owner": standing.owner, "text": words, "facts": {"reason_code": reason_code}}
        case domain.CaseResolved(standing, by, answer, minutes):
            words = open_or_erased(key, "answer", answer)
            return {"by": by, "owner": standing.owner, "text": words, "facts": {"minutes": minutes}}
        case domain.CaseWithdrawn(standing, by, why):
            return {"by": by, "owner": standing.owner, "facts": {"reason": why}}
        case domain.CaseReopened(standing, cause, contact_id, by, reason, owes_promise):
            words = open_or_erased(key, "reason", reason)
            facts_why = {"cause": cause, "contact_id": contact_id, "owes_promise": owes_promise}
            return {"by": by, "owner": standing.owner, "text": words, "facts": facts_why}
