"""What a decider calls inside is just what its publisher keeps inside: else an event would never be published."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import callback.handlers
import callback.publisher
import callback.statutory
import casework.handlers
import casework.publisher
import intake.domain
import intake.handlers
import intake.publisher
import pytest
import routing.handlers
import routing.publisher
from chassis.commit import Cause, Commit
from chassis.handling import Decider
from lofte_events import AnyContract
from polyfactory.factories import DataclassFactory

Publisher = Callable[[Any, Commit], Sequence[AnyContract | None]]

SERVICES: dict[str, tuple[Decider[Any, Any], Publisher]] = {
    "intake": (intake.handlers.decider(), intake.publisher.to_contracts),
    "routing": (routing.handlers.decider(), routing.publisher.to_contracts),
    "casework": (casework.handlers.decider(), casework.publisher.to_contracts),
    "callback": (callback.handlers.decider(), callback.publisher.to_contracts),
    "statutory": (callback.statutory.decider(), callback.publisher.to_contracts),
}
EVENTS = [(service, event) for service, (decider, _) in SERVICES.items() for event in decider.codec.types]


class Sampled(DataclassFactory[Any]):
    """Samples whose numbers count from 1, whose owners are owners and whose times have a zone."""

    __is_base_factory__ = True
    __random_seed__ = 581

    @classmethod
    def get_provider_map(cls) -> dict[Any, Callable[[], Any]]:
        return {
            **super().get_provider_map(),
            int: lambda: 1,
            str: lambda: "department.building",
            intake.domain.Reachable: lambda: intake.domain.Reachable(("mon",), "15:00", "24:00"),
            datetime: lambda: datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
        }


@pytest.mark.parametrize(("service", "event"), EVENTS, ids=[f"{s}-{e.__name__}" for s, e in EVENTS])
def test_inside_is_what_is_not_published(service: str, event: type[Any]) -> None:
    decider, to_contracts = SERVICES[service]
    sample = Sampled.create_factory(event).build()
    commit = Commit(
        municipality="0581",
        stream="0581.statutory-1" if service == "statutory" else "0581.case-1-1",
        first_version=1,
        events=[decider.codec.store(sample)],
        cause=Cause("cause", "test"),
        correlation_id="1",
        committed_at=datetime(2026, 3, 2, 7, 30, tzinfo=UTC),
    )
    assert (to_contracts(decider, commit) == [None]) is isinstance(sample, decider.inside)
