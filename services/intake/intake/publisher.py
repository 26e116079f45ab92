"""What may leave the house: that a contact came, and where those allowed read its details; what was refused."""

from collections.abc import Sequence

from chassis.commit import Commit
from chassis.handling import Decider
from lofte_events import AnyContract, ContactReceived, History, MessageRejected, Reachable

from intake import domain


def to_contracts(
    decider: Decider[domain.Contact, domain.Event], commit: Commit
) -> Sequence[AnyContract | None]:
    """One for each event of the commit."""
    return [_to_contract(decider.codec.restore(stored)) for stored in commit.events]


def _to_contract(event: domain.Event) -> AnyContract | None:
    match event:
        case domain.ContactReceived():
            return _contact_received(event)
        case domain.MessageRejected():
            return MessageRejected(
                reason=event.reason,
                field=event.field,
                detail=event.detail,
                message_source=event.message_source,
                message_id=event.message_id,
                topic=event.topic,
                partition=event.partition,
                offset=event.offset,
                rejected_at=event.rejected_at,
            )
        case domain.MatterStatusReported() | domain.MatterLinked():
            return None


def _contact_received(event: domain.ContactReceived) -> ContactReceived:
    return ContactReceived(
        case_id=event.case_id,
        contact_id=event.contact_id,
        case_reference=event.case_reference,
        opens_case=event.opens_case,
        channel=event.channel,
        citizen_kind=event.citizen_kind,
        citizen_ref=event.citizen_ref,
        topic=event.topic,
        menu_choice=event.menu_choice,
        asked_for=event.asked_for,
        live=event.live,
        received_at=event.received_at,
        accepted_at=event.accepted_at,
        dataref=f"/contacts/{event.contact_id}",
        history=_history(event.history) if event.history else None,
        agreed_due_at=event.agreed_due_at,
        reachable=tuple(
            Reachable(days=said.days, after=said.after, before=said.before) for said in event.reachable
        ),
    )


def _history(history: domain.History) -> History:
    return History(
        outcome=history.outcome,
        routed_to=history.routed_to,
        promise_due_at=history.promise_due_at,
        answered_at=history.answered_at,
        closed_at=history.closed_at,
    )
