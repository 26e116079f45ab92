"""What may leave the house: the route, as a contract. What routing only notes stays inside."""

from collections.abc import Sequence

from chassis.commit import Commit
from chassis.handling import Decider
from lofte_events import CaseRouted, Contract

from routing import domain


def to_contracts(decider: Decider[domain.Routed, domain.Event], commit: Commit) -> Sequence[Contract | None]:
    """One for each event of the commit; None for what is not published."""
    return [_to_contract(decider.codec.restore(stored), commit.correlation_id) for stored in commit.events]


def _to_contract(event: domain.Event, case_id: str) -> Contract | None:
    match event:
        case domain.CaseRouted():
            return CaseRouted(
                case_id=case_id,
                route_number=event.route_number,
                owner=event.owner,
                previous_owner=event.previous_owner,
                topic=event.topic,
                department=event.department,
                cause=event.cause,
                hand_over_number=event.hand_over_number,
                promise_number=event.promise_number,
                rule=event.rule,
                rule_version=event.rule_version,
                reason=event.reason,
                asked_at=event.asked_at,
                routed_at=event.routed_at,
                imported=event.imported,
            )
        case _:
            return None
