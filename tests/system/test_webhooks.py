"""Webhooks as another system uses them: by the API, with the services running."""

import uuid

import pytest
from chassis.testing.waiting import eventually
from lofte_events import CaseResolved, CaseRouted, ContactReceived, PromiseMade, parse_structured
from standardwebhooks import Webhook

from tests.harness.people import Person, contact, person
from tests.harness.receiver import receiver
from tests.harness.running import System

pytestmark = pytest.mark.system

TYPES = [contract.TYPE for contract in (ContactReceived, CaseRouted, PromiseMade, CaseResolved)]


async def test_a_department_is_told_of_its_own_cases(system: System, guide: Person, builder: Person) -> None:
    department = person(system, "system", department="building", subject="building-system")
    async with receiver() as here:
        asked = {"url": here.url, "types": TYPES, "owners": ["department.building"]}
        key = uuid.uuid4().hex
        answer = await department.post("callback", "/webhooks", asked, key=key)
        assert answer.status_code == 201, answer.text
        webhook = answer.json()
        assert (await department.post("callback", "/webhooks", asked, key=key)).json() == webhook
        assert "secret" not in (await department.get("callback", f"/webhooks/{webhook['id']}")).json()

        other = await guide.report(contact("phone", "culture.library"))
        told = await guide.report(contact("letter", "city.building-permit"))
        await builder.resolve(await builder.see_owned(told["case_id"], "department.building"))

        def complete() -> bool:
            # ContactReceived names no owner: it is told where the route was read first, for topics come in any order.
            return {got.event["type"] for got in here.taken if got.case_id == told["case_id"]} >= set(
                TYPES[1:]
            )

        await eventually(complete, 30)
        assert other["case_id"] not in {got.case_id for got in here.taken}
        for got in here.taken:
            Webhook(webhook["secret"]).verify(got.body, dict(got.headers))
            assert parse_structured(got.body) is not None
        assert (await department.ask("DELETE", "callback", f"/webhooks/{webhook['id']}")).status_code == 204
        assert (await department.get("callback", f"/webhooks/{webhook['id']}")).status_code == 404
        assert (await department.post("callback", "/webhooks", asked, key=key)).status_code == 404


async def test_who_may_see_and_change_a_subscription(system: System) -> None:
    department = person(system, "system", department="building")
    town, stranger = person(system, "admin"), person(system, "admin", municipality="2380")
    url = "http://127.0.0.1:9/hook"
    for owners, status in (([], 403), (["group.city"], 403), (["department.nowhere"], 422)):
        body = {"url": url, "types": TYPES, "owners": owners}
        assert (await department.post("callback", "/webhooks", body)).status_code == status
    made = await town.post("callback", "/webhooks", {"url": url, "types": TYPES})
    assert made.status_code == 201
    path = f"/webhooks/{made.json()['id']}"
    for nobody in (department, stranger):
        assert (await nobody.get("callback", path)).status_code == 404
        assert (await nobody.get("callback", f"{path}/held")).status_code == 404
        assert (await nobody.ask("PATCH", "callback", path, json={"state": "disabled"})).status_code == 404
        assert (await nobody.ask("DELETE", "callback", path)).status_code == 404
        listed = (await nobody.get("callback", "/webhooks")).json()["items"]
        assert made.json()["id"] not in {webhook["id"] for webhook in listed}
    changed = await town.ask("PATCH", "callback", path, json={"state": "disabled", "types": TYPES[:1]})
    assert (changed.json()["state"], changed.json()["types"]) == ("disabled", TYPES[:1])
    wrongs: list[dict[str, object]] = [
        {"url": "http://10.0.0.1/x"},
        {"url": "ftp://127.0.0.1/x"},
        {"types": []},
        {"types": ["x.v1"]},
    ]
    for wrong in wrongs:
        assert (await town.ask("PATCH", "callback", path, json=wrong)).status_code == 422, wrong
    rotated = await town.post("callback", f"{path}/rotate", {})
    assert rotated.json()["secret"] != made.json()["secret"]
    assert rotated.json()["former_until"]
    assert (await town.post("callback", f"{path}/rotate", {})).status_code == 200
    once_more = await town.post("callback", f"{path}/rotate", {})
    assert (once_more.status_code, once_more.json()["code"]) == (409, "webhook-rotating")
    assert (await town.ask("DELETE", "callback", path)).status_code == 204


async def test_a_receiver_that_is_away_is_tried_again_and_delays_nobody(
    system: System, guide: Person
) -> None:
    town = person(system, "admin")
    async with receiver() as bad, receiver() as good:
        bad.fails(500)
        made = [
            (await town.post("callback", "/webhooks", {"url": each.url, "types": TYPES})).json()
            for each in (bad, good)
        ]
        told = await guide.report(contact("letter", "city.building-permit"))

        def well() -> bool:
            return {got.event["type"] for got in good.taken if got.case_id == told["case_id"]} == set(
                TYPES[:3]
            )

        await eventually(well, 30)
        await eventually(lambda: bad.got, 30)
        worse = (await town.get("callback", f"/webhooks/{made[0]['id']}")).json()
        assert worse["failures"] > 0
        assert worse["last_failure"] == "answered 500"
        metrics = (await system.http.get(f"{system.url('callback')}/health/metrics")).text
        assert 'lofte_webhook_attempts_total{outcome="delivered"}' in metrics
        assert "lofte_webhooks_oldest_seconds" in metrics
        for webhook in made:
            await town.ask("DELETE", "callback", f"/webhooks/{webhook['id']}")
