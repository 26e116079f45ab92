"""One trace through all services, metrics, logs; and nowhere a word of what people told."""

import json
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from typing import Any

import bson
import pytest
from chassis.testing.waiting import eventually
from lofte_events import SealedContact, SealedMatter

from examples.publish_contact.publish_contact import seal
from tests.harness.inbound import event, send_inbound
from tests.harness.people import contact, person
from tests.harness.running import SERVICES, System
from tests.harness.topics import read_topics

pytestmark = pytest.mark.system

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
ROAD = [
    ("intake", "POST /contacts"),
    ("intake", "relay"),
    ("routing", "routing intake.contact-received.v1"),
    ("routing", "relay"),
    ("callback", "callback routing.case-routed.v1"),
    ("callback", "relay"),
    ("casework", "casework.cases.v1 callback.promise-made.v1"),
]
WORDS = {
    "name": "Zebulon Quistgård",
    "phone": "+46 70 174 06 37",
    "email": "zebulon.quistgard@exempel.se",
    "subject": "Grannens tupp galer klockan fyra",
    "text": "Den heter Caruso och bor på Kvarngatan elva",
    "note": "Ringde, han var mycket upprörd över tuppen",
    "forward": "Tuppar hör till miljökontoret numera",
    "return": "Höns under tio stycken handlägger vi inte",
    "resolve": "Tuppen flyttar till landet på lördag",
    "reopen": "Caruso är tillbaka redan",
    "further": "Nu galer den klockan tre i stället",
    "refused": "Fröken Quistgårds hemliga telefonnummer",
    "inbound": "Tuppen hörs ända bort till Vrinnevi",
    "step": "Veterinären hämtar Caruso på fredag",
    "openly": "Herr Quistgårds tupp, i klartext",
}
# Also as normal form writes it, and what all other tests told.
HIDDEN = [*WORDS.values(), "46701740637", "0701740637", "701740637", "Quistg", "Maja Lind", "46701740612"]


async def test_one_trace_leads_from_the_request_to_the_view(system: System) -> None:
    guide = person(system, "guide", subject="guide-trace")
    answer = await guide.ask(
        "POST",
        "intake",
        "/contacts",
        json=contact("email", "city.building-permit"),
        headers={"traceparent": f"00-{TRACE}-{CALLER}-01", "Prefer": "wait=20"},
    )
    assert answer.headers["traceparent"].split("-")[1] == TRACE
    await eventually(lambda: guide.row("department.building", answer.json()["case_id"]))
    spans = await eventually(lambda: _road(system), 30)
    parent = CALLER
    for service, name in ROAD:
        span = next(
            s for s in spans if (s["service"], s["name"], s["parent_span_id"]) == (service, name, parent)
        )
        assert span["status"] != "error"
        assert span["end"] >= span["start"]
        parent = span["span_id"]
    commit = await system.database("intake")["commits"].find_one({"correlation_id": answer.json()["case_id"]})
    assert commit is not None
    assert TRACE in commit["traceparent"]
    lines = [json.loads(line) for line in system.log_lines("intake")]
    assert any(line.get("trace") == TRACE and line["route"] == "/contacts" for line in lines)


async def test_prometheus_finds_what_operators_ask_for(system: System) -> None:
    guide = person(system, "guide", subject="guide-metrics")
    a_day_ago = system.now() - timedelta(hours=23, minutes=59, seconds=59)
    told = contact("web", "social.economic-aid-application", occurred_at=a_day_ago.isoformat())
    await guide.report(told)

    async def fired() -> bool:
        return (await _metrics(system, "callback"))["lofte_timer_lateness_seconds_count"][0] >= 1

    await eventually(fired, 30)
    for service in SERVICES:
        found = await _metrics(system, service)
        assert found["lofte_held_messages"] == [0.0]
        assert found["lofte_http_seconds_count"]
        groups = await eventually(lambda service=service: _lag(system, service), 30)  # type: ignore[misc]
        assert groups
        if service != "metrics":  # it publishes nothing
            assert found["lofte_relay_published_total"][0] >= 0
            assert found["lofte_relay_backlog"]
    figures = await _metrics(system, "callback")
    assert len(figures["lofte_promises_at_risk"]) == len(figures["lofte_promises_unjudged"]) == 1


async def test_every_log_line_is_json_and_says_who_wrote_it(system: System) -> None:
    for service in SERVICES:
        lines = [json.loads(line) for line in system.log_lines(service)]
        assert lines
        for line in lines:
            assert line["service"] == service
            assert line["replica"] == f"{service}-1"
            assert {"event", "level", "timestamp"} <= set(line)
        # The Kafka client calls it an error that a broker just started has no coordinator, and asks again.
        ours = [line for line in lines if not line.get("logger", "").startswith("aiokafka")]
        errors = [line for line in ours if line["level"] in ("error", "critical")]
        assert errors == []


async def test_nothing_that_people_told_is_in_events_logs_spans_or_databases(system: System) -> None:
    await _tell_everything(system)
    found: list[str] = []
    async for place, content in _everywhere(system):
        text = content.decode("utf-8", "replace").lower()
        escaped = text.encode().decode("unicode_escape", "replace") if "\\u" in text else text
        found += [
            f"{words!r} in {place}" for words in HIDDEN if words.lower() in text or words.lower() in escaped
        ]
    assert found == []


async def _tell_everything(system: System) -> None:
    """A life of a case in which every field that takes words is filled, some of it wrongly."""
    guide = person(system, "guide", subject="guide-secret")
    builder = person(system, "handler", department="building", subject="handler-secret")
    citizen = {"kind": "person", **{name: WORDS[name] for name in ("name", "phone", "email")}}
    told = contact("phone", "city.environment", citizen=citizen, subject=WORDS["subject"], text=WORDS["text"])
    accepted = await guide.report(told, wait=20)
    case = await guide.see(accepted["case_id"])
    case = await guide.act(case, "note", {"text": WORDS["note"]})
    await guide.act(case, "forward", {"to_topic": "city.environment", "reason": WORDS["forward"]})
    case = await builder.see_owned(case.id, "department.building")
    await builder.act(case, "return", {"reason_code": "not_municipal", "text": WORDS["return"]})
    case = await guide.see_owned(case.id, "group.city")
    case = await guide.resolve(case, WORDS["resolve"])
    case = await guide.act(case, "reopen", {"reason": WORDS["reopen"]})
    await guide.report({**told, "text": WORDS["further"], "case_id": case.id})
    words = WORDS["refused"]
    for path, body in (
        ("/contacts", {**told, "channel": words}),
        ("/contacts", {**told, "occurred_at": words}),
        ("/contacts", {**told, words: words}),
        ("/contacts", {**told, "citizen": {**citizen, "phone": words, "email": words}}),
        (f"/contacts/{words}", {}),
    ):
        assert (await guide.post("intake", path, body)).status_code in (404, 405, 422)
    await guide.ask("POST", "intake", "/contacts", content=f'{{"text": "{words}"'.encode())
    await guide.get("casework", f"/cases/{words}")
    await guide.get("casework", f"/owners/{words}/cases")
    await guide.get("callback", "/promises", owner=words)
    await _publish_everything(system)
    # What was written is there for those allowed.
    details = (await guide.get("intake", f"/contacts/{accepted['contact_id']}")).json()
    assert (details["name"], details["email"]) == (WORDS["name"], WORDS["email"])
    texts = {entry["text"] for entry in await guide.history(case.id)}
    assert {WORDS[name] for name in ("note", "forward", "return", "resolve", "reopen")} <= texts

    async def counted() -> bool:
        row = await guide.row("group.city", case.id)
        return row is not None and row["contacts"] == 2

    await eventually(counted, 30)


async def _publish_everything(system: System) -> None:
    """What another system may tell: sealed, and wrongly in clear wherever words fit."""
    intake, words = system.url("intake"), WORDS["openly"]
    citizen = {"kind": "person", **{name: WORDS[name] for name in ("name", "phone", "email")}}
    plain = {
        "municipality": "0581",
        "citizen": citizen,
        "subject": WORDS["subject"],
        "text": WORDS["inbound"],
    }
    sealed = await seal(intake, SealedContact.model_validate(plain))
    step = {"municipality": "0581", "phone": WORDS["phone"], "next_step": WORDS["step"]}
    right = {"channel": "web", "topic": "city.environment", "sealed": sealed}
    matter = {
        "matter": "MILJÖ-1",
        "owner": "department.building",
        "status": "decided",
        "reported_at": "2026-03-01T08:00:00Z",
        "sealed": await seal(intake, SealedMatter.model_validate(step)),
    }
    twice = SealedContact.model_validate({**plain, "text": WORDS["text"]})
    kind, reported = "inbound.contact-submitted.v1", "inbound.matter-status-reported.v1"
    right_ids, wrong = [uuid.uuid4().hex, uuid.uuid4().hex], 0
    rejected = {"events.type": "MessageRejected"}
    before = await system.database("intake")["commits"].count_documents(rejected)
    await send_inbound(system, event(right_ids[0], kind, right))
    await send_inbound(system, event(right_ids[1], reported, matter))
    for told in (
        event(right_ids[0], kind, {**right, "sealed": await seal(intake, twice)}),
        event(words, kind, right),
        event("id", words, right),
        {**event("id", kind, right), "source": words, "subject": words},
        {**event("id", kind, right), words: words},
        event("id", kind, {**right, words: words}),
        event("id", kind, {**right, "text": words}),
        event("id", kind, {**right, "topic": words}),
        event("id", kind, {**right, "sealed": words}),
        event("id", reported, {**matter, "status": words}),
        {**event("id", kind, right), "traceparent": words, "municipality": words},
    ):
        await send_inbound(system, told)
        wrong += 1
    await send_inbound(system, None, words.encode())

    async def all_read() -> bool:
        commits = system.database("intake")["commits"]
        taken = [await commits.count_documents({"caused_by": {"$regex": f"/{it}#"}}) for it in right_ids]
        return all(taken) and await commits.count_documents(rejected) >= before + wrong + 1

    await eventually(all_read, 30)


async def _everywhere(system: System) -> AsyncIterator[tuple[str, bytes]]:
    """All that was published, logged, traced and stored, piece by piece."""
    records = [*await read_topics(system), *await read_topics(system, "rejected.0581")]
    assert len(records) > 10
    for record in records:
        parts = [record.key or b"", record.value, *(value or b"" for _, value in record.headers)]
        yield f"topic {record.service}", b"\n".join(parts)
    for service in SERVICES:
        for logged in system.log_lines(service):
            yield f"log of {service}", logged.encode()
        database = system.database(service)
        for name in await database.list_collection_names():
            async for document in database[name].find():
                yield f"{service}.{name}", bson.encode(document)
    for line in system.spans_file.read_bytes().splitlines():
        yield "a span", line


def _road(system: System) -> list[dict[str, Any]] | None:
    """The spans of the trace, when all of its road are there."""
    spans = [json.loads(line) for line in system.spans_file.read_text().splitlines()]
    ours = [span for span in spans if span["trace_id"] == TRACE]
    return ours if set(ROAD) <= {(span["service"], span["name"]) for span in ours} else None


async def _metrics(system: System, service: str) -> Mapping[str, list[float]]:
    """Values by the metric's name, whatever its labels."""
    answer = await system.http.get(f"{system.url(service)}/health/metrics")
    assert answer.status_code == 200
    found: dict[str, list[float]] = {}
    for line in _samples(answer.text):
        name = line.partition("{")[0].partition(" ")[0]
        found.setdefault(name, []).append(float(line.rpartition(" ")[2]))
    return found


async def _lag(system: System, service: str) -> list[float] | None:
    """The lag of all its consumers, when they have caught up."""
    lag = (await _metrics(system, service)).get("lofte_consumer_lag", [])
    return lag if lag and not any(lag) else None


def _samples(text: str) -> Iterable[str]:
    return (line for line in text.splitlines() if line and not line.startswith("#"))
