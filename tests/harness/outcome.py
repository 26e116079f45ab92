"""What has to be true in the end, whatever died meanwhile: read from the databases and the topics."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import TypeVar

from chassis.testing.waiting import eventually
from lofte_events import (
    CallbackDue,
    CaseClaimed,
    CaseResolved,
    CaseRouted,
    ContactReceived,
    Contract,
    PromiseAnsweredLate,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)

from tests.harness.running import SERVICES, Document, System
from tests.harness.topics import PUBLISHING, Published, groups_behind, read_topics
from tests.harness.traffic import Accepted

__all__ = ["BACK_DATING_LIMIT", "all_is_well", "distinct"]

T = TypeVar("T")

BACK_DATING_LIMIT = timedelta(minutes=15)


async def all_is_well(
    system: System,
    accepted: Sequence[Accepted],
    *,
    patience: float = 45,
    meanwhile: Callable[[System], Awaitable[None]] | None = None,
) -> None:
    """Every accepted contact has exactly one of everything that it should have, soon; nothing more is on its way.

    Args:
        patience: seconds; as long as something changes within them, they begin anew: a busy machine loses nothing.
        meanwhile: what somebody has to do until then, again and again.

    Raises:
        AssertionError: something is lost, doubled, or was fired too early.
    """

    async def well() -> bool:
        if meanwhile:
            await meanwhile(system)
        assert not (behind := await groups_behind(system)), f"not all is read yet: {behind}"
        await _views_are_well(system, accepted)
        await _topics_are_well(system, accepted)
        return True

    lacks = ""
    while True:
        try:
            await eventually(well, patience, every=0.3)
        except AssertionError as error:
            if str(error) == lacks:
                raise
            lacks = str(error)
        else:
            return


async def _views_are_well(system: System, accepted: Sequence[Accepted]) -> None:
    cases = [case.case_id for case in accepted]
    for service in PUBLISHING:
        waiting = await system.database(service)["commits"].count_documents({"published_at": None})
        assert waiting == 0, f"{service}: {waiting} commits are not published"
    for service in SERVICES:
        held = await system.database(service)["held_messages"].count_documents({"state": "held"})
        assert held == 0, f"{service} holds {held} messages"
    rows = await _by_case(system, "casework", "cases", cases)
    facts = await _by_case(system, "metrics", "facts", cases)
    outcomes = await _by_case(system, "intake", "outcomes", cases)
    promises = await _by_case(system, "callback", "promises", cases)
    for case in accepted:
        name = f"{case.kind} {case.case_id}"
        (row,) = _exactly(1, rows[case.case_id], f"{name}: row in its owner's view")
        assert row["owner"] == case.owner, f"{name}: shown to {row['owner']}"
        assert row["listed"] is not case.resolved, f"{name}: listed {row['listed']}"
        assert row["contacts"] == len(case.contacts), f"{name}: {row['contacts']} contacts in view"
        assert (row["promise"] is not None) is case.promise, f"{name}: promise in view {row['promise']}"
        (fact,) = _exactly(1, facts[case.case_id], f"{name}: fact")
        counted = (
            len(fact["contacts"]),
            len(fact["routes"]),
            len(fact["promises"]),
            len(fact["resolutions"]),
        )
        expected = (len(case.contacts), case.routes, int(case.promise), int(case.resolved))
        assert counted == expected, f"{name}: metrics counts {counted}, expected {expected}"
        (told,) = _exactly(1, outcomes[case.case_id], f"{name}: outcome")
        assert told["routed_to"] == case.owner, f"{name}: intake says {told['routed_to']}"
        made = [row for row in promises[case.case_id] if row.get("due_at")]
        _exactly(int(case.promise), made, f"{name}: row in the list of promises")


async def _topics_are_well(system: System, accepted: Sequence[Accepted]) -> None:
    published = await read_topics(system)
    by_case: dict[str, list[Published]] = defaultdict(list)
    for record in published:
        if record.contract is not None:
            by_case[record.contract.case_id].append(record)
    for case in accepted:
        _case_is_well(case, distinct(by_case[case.case_id]))
    # What was told is in the log: no event of a commit that a crash took away.
    ids = await _logged(system, [case.case_id for case in accepted])
    for case in accepted:
        for record in by_case[case.case_id]:
            assert record.envelope is not None
            assert record.envelope.id in ids, f"{record.envelope.type} of {case.case_id} is in no log"


def _case_is_well(case: Accepted, contracts: Sequence[Contract]) -> None:
    name = f"{case.kind} {case.case_id}"
    received = Counter(event.contact_id for event in contracts if isinstance(event, ContactReceived))
    assert received == Counter(case.contacts), f"{name}: received {received}"
    openers = [event for event in contracts if isinstance(event, ContactReceived) and event.opens_case]
    _exactly(1, openers, f"{name}: contact that opens the case")
    routes = sorted(event.route_number for event in contracts if isinstance(event, CaseRouted))
    assert routes == list(range(1, case.routes + 1)), f"{name}: routes {routes}"
    _exactly(case.claims, _of(CaseClaimed, contracts), f"{name}: claims")
    _exactly(int(case.resolved), _of(CaseResolved, contracts), f"{name}: resolutions")
    made = _exactly(int(case.promise), _of(PromiseMade, contracts), f"{name}: promises")
    stages = [event for event in contracts if isinstance(event, CallbackDue)]
    told = Counter((event.stage, event.step) for event in stages)
    assert all(count == 1 for count in told.values()), f"{name}: stages told {told}"
    for due in stages:
        assert due.fired_at >= due.stage_at, f"{name}: {due.stage} was fired early"
    broken = [event for event in contracts if isinstance(event, PromiseBroken)]
    for judged in broken:
        assert judged.judged_at >= judged.due_at + BACK_DATING_LIMIT, f"{name}: judged early"
    ended = (len(_of(PromiseKept, contracts)), len(broken), len(_of(PromiseAnsweredLate, contracts)))
    assert made or ended == (0, 0, 0), f"{name}: ended without a promise {ended}"
    if case.kind == "long-ago":
        assert ended == (0, 1, int(case.resolved)), f"{name}: kept, broken, late {ended}"
    elif case.resolved and case.promise:
        # Answered in time: no transport, crash or outage breaks it.
        assert ended == (1, 0, 0), f"{name}: kept, broken, late {ended}"
    else:
        assert ended == (0, 0, 0), f"{name}: kept, broken, late {ended}"


async def _by_case(
    system: System, service: str, view: str, cases: Sequence[str]
) -> dict[str, list[Document]]:
    """A view's documents by case; those of promises are numbered: no case here should have a second."""
    found: dict[str, list[Document]] = defaultdict(list)
    keys = {f"0581.{case_id}{number}": case_id for case_id in cases for number in ("", "-1", "-2")}
    async for document in (await system.view(service, view)).find({"_id": {"$in": list(keys)}}):
        found[keys[document["_id"]]].append(document)
    return found


async def _logged(system: System, cases: Sequence[str]) -> set[str]:
    """The ids of all events in the services' logs about these cases."""
    ids: set[str] = set()
    for service in PUBLISHING:
        commits = system.database(service)["commits"]
        async for commit in commits.find({"correlation_id": {"$in": list(cases)}}, {"events.id": 1}):
            ids |= {event["id"] for event in commit["events"]}
    return ids


def distinct(records: Iterable[Published]) -> list[Contract]:
    """A relay that dies after it sent sends again: the same event by its id, which counts once."""
    by_id = {
        record.envelope.id: record.contract
        for record in records
        if record.envelope is not None and record.contract is not None
    }
    return list(by_id.values())


def _of(kind: type[Contract], contracts: Sequence[Contract]) -> list[Contract]:
    return [event for event in contracts if isinstance(event, kind)]


def _exactly(count: int, found: Sequence[T], what: str) -> Sequence[T]:
    assert len(found) == count, f"{what}: {len(found)}, expected {count}"
    return found
