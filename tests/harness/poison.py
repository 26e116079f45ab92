"""A bad record in the topics, and what an admin does about it."""

from collections.abc import Sequence

from chassis.testing.waiting import eventually

from tests.harness.people import Body, Person, person
from tests.harness.running import SERVICES, System
from tests.harness.topics import publish_poison
from tests.harness.traffic import Accepted, Traffic

__all__ = ["POISONED", "discard_all", "discard_malformed", "held_messages", "poison"]

# Between them every service reads one of the two.
POISONED = {"casework": "casework.case-forwarded.v1", "routing": "routing.case-routed.v1"}


async def poison(traffic: Traffic) -> Accepted:
    """A case with a malformed record in two topics, and further events of the case behind them."""
    case = await traffic.some("written")
    await traffic.promised(case)
    for service, type_ in POISONED.items():
        await publish_poison(traffic.system, service, type_, case.case_id)
    await traffic.forward(case, "school.start", "department.education")
    return case


async def held_messages(system: System, service: str, *, state: str = "held") -> Sequence[Body]:
    """What a service holds for the admin of 0581."""
    answer = await person(system, "admin").get(service, "/held", state=state, limit=200)
    assert answer.status_code == 200, answer.text
    found: Sequence[Body] = answer.json()["items"]
    return found


async def discard_all(system: System) -> None:
    """Give up the malformed records that are held, until nothing is: what is behind them is replayed."""

    async def none_left() -> bool:
        await discard_malformed(system)
        return not [held for service in SERVICES for held in await held_messages(system, service)]

    await eventually(none_left, 60, every=0.2)


async def discard_malformed(system: System) -> None:
    """Give up the malformed records that are held now in any service."""
    admin = person(system, "admin")
    for service in SERVICES:
        for message in await held_messages(system, service):
            if not message["reason"].startswith("behind"):
                await _discard(admin, service, message["id"])


async def _discard(admin: Person, service: str, id_: str) -> None:
    answer = await admin.post(service, f"/held/{id_}/discard", {"reason": "A test put it in."})
    assert answer.status_code == 200, answer.text
