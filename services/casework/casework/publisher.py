"""What may leave the house: acts, without their texts. What casework only notes of others stays inside."""

from collections.abc import Sequence
from typing import Any

from chassis.commit import Commit
from chassis.handling import Decider
from lofte_events import (
    CaseAwaitingCitizen,
    CaseClaimed,
    CaseForwarded,
    CaseReopened,
    CaseResolved,
    CaseResumed,
    CaseReturned,
    CaseWithdrawn,
    CitizenAskedAgain,
    CitizenContacted,
    Contract,
    NoteAdded,
)

from casework import domain


def to_contracts(decider: Decider[domain.Case, domain.Event], commit: Commit) -> Sequence[Contract | None]:
    """One for each event of the commit; None for what is not published."""
    return [_to_contract(decider.codec.restore(stored), commit.correlation_id) for stored in commit.events]


def _to_contract(event: domain.Event, case_id: str) -> Contract | None:
    match event:
        case domain.ContactNoted() | domain.RouteNoted() | domain.AttemptBegun():
            return None
        case domain.CaseClaimed(standing, handler, at):
            return CaseClaimed(**_standing(standing, case_id), by=handler, claimed_at=at)
        case domain.NoteAdded(standing, note_id, by, at=at):
            where = f"/cases/{case_id}/history"
            return NoteAdded(
                **_standing(standing, case_id), by=by, note_id=note_id, added_at=at, dataref=where
            )
        case domain.CitizenContacted(standing, outcome, by, occurred_at):
            return CitizenContacted(
                **_standing(standing, case_id), by=by, outcome=outcome, occurred_at=occurred_at
            )
        case domain.CaseAwaitingCitizen(standing, reason, by, occurred_at, until):
            return CaseAwaitingCitizen(
                **_standing(standing, case_id), by=by, reason=reason, occurred_at=occurred_at, until=until
            )
        case domain.CaseResumed(standing, cause, by, contact_id, resumed_at):
            return CaseResumed(
                **_standing(standing, case_id),
                cause=cause,
                by=by,
                contact_id=contact_id,
                resumed_at=resumed_at,
            )
        case domain.CitizenAskedAgain(standing, contact_id, asked_at):
            return CitizenAskedAgain(**_standing(standing, case_id), contact_id=contact_id, asked_at=asked_at)
        case domain.CaseForwarded(standing, number, to_topic, to_owner, by, at=at):
            return CaseForwarded(
                **_standing(standing, case_id),
                by=by,
                hand_over_number=number,
                to_topic=to_topic,
                to_owner=to_owner,
                asked_at=standing.asked_at,
                forwarded_at=at,
            )
        case domain.CaseReturned(standing, number, reason_code, by, at=at):
            return CaseReturned(
                **_standing(standing, case_id),
                by=by,
                hand_over_number=number,
                reason_code=reason_code,
                asked_at=standing.asked_at,
                returned_at=at,
            )
        case domain.CaseResolved(standing, by, _, minutes, occurred_at, imported):
            return CaseResolved(
                **_standing(standing, case_id),
                by=by,
                minutes=minutes,
                occurred_at=occurred_at,
                dataref=f"/cases/{case_id}/history",
                imported=imported,
            )
        case domain.CaseWithdrawn(standing, by, reason, occurred_at, imported):
            return CaseWithdrawn(
                **_standing(standing, case_id),
                by=by,
                reason=reason,
                occurred_at=occurred_at,
                imported=imported,
            )
        case domain.CaseReopened(standing, cause, contact_id, by, _, owes_promise, at, channel, kind):
            return CaseReopened(
                **_standing(standing, case_id),
                topic=standing.topic,
                owes_promise=owes_promise,
                cause=cause,
                contact_id=contact_id,
                by=by,
                asked_at=standing.asked_at,
                reopened_at=at,
                channel=channel,
                citizen_kind=kind,
            )


def _standing(standing: domain.Standing, case_id: str) -> dict[str, Any]:
    return {
        "case_id": case_id,
        "owner": standing.owner,
        "route_number": standing.route_number,
        "promise_number": standing.promise_number,
    }
