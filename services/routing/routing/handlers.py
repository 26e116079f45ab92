"""Load, decide, append: the only writer to routing's log."""

from collections.abc import Mapping
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.commit import Cause, Codec
from chassis.handling import Decider, Decision, Handled, handle
from chassis.store import EventStore

from routing import domain
from routing.domain import RuleBook


def decider() -> Decider[domain.Routed, domain.Event]:
    """Routing's rules, with the codec of its private events."""
    codec: Codec[domain.Event] = Codec([domain.CaseOpened, domain.HandOverNoted, domain.CaseRouted])
    return Decider(domain.INITIAL, domain.evolve, codec, inside=(domain.CaseOpened, domain.HandOverNoted))


@dataclass(frozen=True, slots=True)
class Router:
    """What the handlers work with. `books`: the rules of each municipality, by its code."""

    store: EventStore
    clock: Clock
    books: Mapping[str, RuleBook]
    decider: Decider[domain.Routed, domain.Event]


async def route_case(
    router: Router,
    municipality: str,
    case_id: str,
    command: domain.Command,
    cause: Cause,
    *,
    new: bool = False,
) -> Handled[domain.Routed]:
    """Route a case, the first time or again. `new`: nothing can have been decided about it yet.

    Raises:
        KeyError: no rules for the municipality.
    """
    book = router.books[municipality]
    return await handle(
        router.store,
        router.decider,
        router.clock,
        municipality=municipality,
        stream=f"{municipality}.route-{case_id}",
        correlation_id=case_id,
        cause=cause,
        decide=lambda routed, _: Decision(domain.decide(command, routed, book, router.clock.now())),
        new=new,
    )
