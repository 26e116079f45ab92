"""Kafka in: contracts become commands."""

from chassis.commit import Cause, caused_by_message
from chassis.consuming import Message
from lofte_events import CaseForwarded, CaseReturned, ContactReceived

from routing.domain import Facts, HandOver, RouteAgain, RouteCase
from routing.handlers import Router, route_case


async def react(router: Router, message: Message) -> None:
    """Who reacts to what; everything else is passed."""
    match message.contract:
        case ContactReceived(opens_case=True) as contact:
            await on_contact_received(router, message, contact)
        case CaseForwarded() | CaseReturned() as hand_over:
            await on_hand_over(router, message, hand_over)


async def on_contact_received(router: Router, message: Message, contact: ContactReceived) -> None:
    """A contact that opens a case is routed; a further one makes no route."""
    facts = Facts(
        contact.channel, contact.citizen_kind, contact.topic, contact.menu_choice, contact.asked_for
    )
    history = contact.history
    routed_to = history.routed_to if history else None
    command = RouteCase(facts, contact.received_at, history is not None, routed_to)
    cause = _cause(message, "route-case")
    await route_case(router, message.envelope.municipality, contact.case_id, command, cause, new=True)


async def on_hand_over(router: Router, message: Message, told: CaseForwarded | CaseReturned) -> None:
    """A case that was passed on, or sent back, is routed again."""
    match told:
        case CaseForwarded():
            kind, to_topic, to_owner = "forward", told.to_topic, told.to_owner
        case CaseReturned():
            kind, to_topic, to_owner = "return", None, None
    hand_over = HandOver(
        number=told.hand_over_number,
        kind=kind,
        from_owner=told.owner,
        to_topic=to_topic,
        to_owner=to_owner,
        asked_at=told.asked_at,
        promise_number=told.promise_number,
    )
    cause = _cause(message, "route-again")
    await route_case(router, message.envelope.municipality, told.case_id, RouteAgain(hand_over), cause)


def _cause(message: Message, command: str) -> Cause:
    envelope = message.envelope
    return Cause(
        caused_by_message(envelope.source, envelope.id, command), "routing", traceparent=message.traceparent
    )
