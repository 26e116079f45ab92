"""The ledger: what proves a promise, and what was known of it before."""

import asyncio

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Person, contact, person
from tests.harness.running import System

pytestmark = pytest.mark.system


async def test_a_ledger_tells_every_fact_its_rules_and_why_it_counts(guide: Person, builder: Person) -> None:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case_id = told["case_id"]
    await guide.promise(case_id, "open")
    await builder.act(await builder.see(case_id), "await-citizen", {"reason": "awaiting_citizen"})
    await builder.promise(case_id, "paused")
    await builder.resolve(await builder.see(case_id))
    kept = await builder.promise(case_id, "kept")

    answer = await builder.get("callback", f"/promises/{case_id}/ledger")

    assert answer.status_code == 200, answer.text
    [ledger] = answer.json()["promises"]
    facts = [entry["fact"] for entry in ledger["entries"]]
    assert [entry["version"] for entry in ledger["entries"]] == list(range(1, len(facts) + 1))
    assert {"ContactNoted", "RouteNoted", "PromiseMade", "PromisePaused", "PromiseKept"} <= set(facts)
    assert facts.index("PromiseMade") < facts.index("PromisePaused") < facts.index("PromiseKept")
    assert ledger["because"].startswith("Kept: the case was resolved by department.building at ")
    made = next(entry["says"] for entry in ledger["entries"] if entry["fact"] == "PromiseMade")
    assert (made["policy"], made["due_at"]) == (ledger["policy"], kept["first_due_at"])
    assert ledger["rules"]["policy"] == {
        "name": "building-permit",
        "when": ledger["rules"]["policy"]["when"],
        "promise": {"working_hours": 4, "working_days": None, "clock_hours": None},
    }
    assert ledger["rules"]["calendar"]["name"] == "office"


async def test_what_was_known_at_a_moment_is_told_without_what_came_later(
    system: System, guide: Person, builder: Person
) -> None:
    told = await guide.report(contact("email", "city.building-permit"), wait=20)
    case_id = told["case_id"]
    await guide.promise(case_id, "open")
    then = system.now()
    await builder.resolve(await builder.see(case_id))
    await builder.promise(case_id, "kept")

    before, after = await asyncio.gather(
        eventually(lambda: builder.as_of(case_id, then.isoformat())),
        eventually(lambda: builder.as_of(case_id, system.now().isoformat())),
    )

    assert (before["state"], after["state"]) == ("open", "kept")
    assert before["because"].startswith("Open: promised before ")
    stranger = person(system, "handler", department="streets")
    assert await stranger.as_of(case_id, then.isoformat()) is None
