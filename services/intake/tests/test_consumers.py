"""What other systems tell: taken once, or rejected with its reason; and no word of it outside the seals."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chassis.access import AccessLog
from chassis.batches import consume
from chassis.broker import to_record
from chassis.reacting import Raw, deciding
from chassis.sealing import KeyRing, open_or_erased
from chassis.telemetry import Metrics, Tracing
from chassis.testing.clock import ManualClock
from chassis.testing.held import MemoryHeld
from chassis.testing.store import MemoryStore
from intake import consumers, inbound
from intake.api import Front
from intake.consumers import Inbox
from intake.domain import ContactReceived, MatterStatusReported
from intake.handlers import Desk, Told, decider, receive_contact
from intake.matters import find_matters
from intake.publisher import to_contracts
from intake.unsealing import SealingKeys
from lofte_events import MessageRejected, parse
from municipality import read_folder
from pydantic import SecretStr
from pymongo import AsyncMongoClient

from .submitting import (
    CODE,
    NAME,
    PHONE,
    SOURCE,
    TEXT,
    TOPIC,
    a_key,
    binary,
    contact_data,
    contact_plain,
    jwks,
    matter,
    matter_data,
    raw,
    sealed,
    structured,
)

pytestmark = pytest.mark.mongo  # the keys are kept in MongoDB; the log is in memory
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
NEW, OLD, FOREIGN = a_key("new"), a_key("old"), a_key("new")
MUNICIPALITIES = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")


@dataclass
class Town:
    """Intake with its log in memory, two keys to seal to, and what came of what was told."""

    desk: Desk
    front: Front
    keys: list[Any] = field(default_factory=lambda: [NEW, OLD])
    held: MemoryHeld = field(default_factory=MemoryHeld)

    @property
    def store(self) -> MemoryStore:
        assert isinstance(self.desk.store, MemoryStore)
        return self.desk.store

    async def tell(self, *raws: Raw) -> None:
        inbox = Inbox(self.front, SealingKeys(SecretStr(jwks(*self.keys))))
        await consume(
            raws,
            group="intake",
            reaction=deciding(lambda message: consumers.react(inbox, message)),
            parse=inbound.parse,
            held=self.held,
            clock=self.desk.clock,
            tracing=Tracing("intake", None),
            metrics=Metrics(),
        )
        assert await self.held.count() == 0

    def contacts(self) -> list[ContactReceived]:
        return [event for event in self._events() if isinstance(event, ContactReceived)]

    def rejections(self) -> list[MessageRejected]:
        """As they are told on the topic of what was rejected."""
        found = []
        for commit in self.store.commits:
            for index, contract in enumerate(to_contracts(self.desk.decider, commit)):
                if isinstance(contract, MessageRejected):
                    record = to_record("lofte", "intake", commit, index, contract)
                    assert record.topic == f"lofte.rejected.{CODE}"
                    parsed = parse(record.headers, record.value)
                    assert parsed is not None
                    assert parsed[0].municipality == CODE
                    found.append(contract)
        return found

    async def rejection(self, told: Raw) -> MessageRejected:
        """The one that a message gets; nothing else comes of it."""
        before = len(self.store.commits)
        await self.tell(told)
        assert len(self.store.commits) == before + 1
        rejected = self.rejections()[-1]
        assert (rejected.topic, rejected.partition, rejected.offset) == (TOPIC, 0, told.offset)
        return rejected

    def _events(self) -> list[Any]:
        restore = self.desk.decider.codec.restore
        return [restore(stored) for commit in self.store.commits for stored in commit.events]


@pytest.fixture
async def town(mongo_uri: str, unique: str) -> AsyncIterator[Town]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri)
    clock = ManualClock(NOW)
    desk = Desk(MemoryStore(clock), clock, KeyRing(client[unique], b"k" * 32, clock), decider())
    front = Front(desk, MUNICIPALITIES, lambda: client[unique]["outcomes"], AccessLog(client[unique], clock))
    yield Town(desk, front)
    await client.drop_database(unique)
    await client.close()


@pytest.mark.parametrize("mode", [binary, structured])
@pytest.mark.parametrize("key", [NEW, OLD], ids=["newest key", "older key"])
async def test_a_contact_is_taken_down_as_the_api_would(
    town: Town, mode: Callable[..., Raw], key: Any
) -> None:
    await town.tell(mode("e1", contact_data(key, occurred_at="2026-03-01T10:00:00+01:00")))
    [contact] = town.contacts()
    assert (contact.channel, contact.topic, contact.opens_case, contact.live) == (
        "web",
        "city.parking",
        True,
        False,
    )
    assert contact.received_at == datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
    assert contact.accepted_at == NOW
    citizen = await town.desk.keys.find(contact.details.citizen_key)
    case = await town.desk.keys.find(contact.details.case_key)
    assert open_or_erased(citizen, "name", contact.details.name) == NAME
    assert open_or_erased(citizen, "phone", contact.details.phone) == "+46701740605"
    assert open_or_erased(case, "text", contact.details.text) == TEXT
    # The same citizen who calls is known by the same name.
    told = Told("phone", "person", None, "+46701740605", None, "?", None, None, None, None, None, None, None)
    await receive_contact(town.desk, CODE, told, consumers.Cause("request:anna:k", "anna"))
    assert town.contacts()[1].citizen_ref == contact.citizen_ref
    assert town.rejections() == []


async def test_a_message_is_one_contact_however_often_in_whatever_mode_and_seal_it_comes(town: Town) -> None:
    await town.tell(*(binary("e1", contact_data(NEW)) for _ in range(3)))
    await town.tell(structured("e1", contact_data(OLD)), binary("e1", contact_data(NEW)))
    await asyncio.gather(*(town.tell(binary("e1", contact_data(NEW))) for _ in range(5)))
    assert len(town.store.commits) == 1
    assert town.store.commits[0].causation_id == "e1"


async def test_ids_are_the_senders_own_and_never_run_together(town: Town) -> None:
    pairs = [("/a/b", "c"), ("/a", "b/c"), ("/a", "b%2Fc"), ("/a", "b#receive-contact"), ("request:x:k", "c")]
    await town.tell(*(binary(event_id, contact_data(NEW), source=source) for source, event_id in pairs))
    assert len({contact.contact_id for contact in town.contacts()}) == len(pairs)


async def test_a_repeat_after_keys_and_time_have_changed_is_still_a_repeat(town: Town) -> None:
    then = binary("e1", contact_data(OLD, occurred_at="2026-03-01T10:00:00+01:00"))
    await town.tell(then)
    town.keys = [NEW]
    await town.tell(then)
    town.keys = [NEW, OLD]
    town.desk.clock.advance(timedelta(days=40))  # type: ignore[attr-defined]
    await town.tell(then)
    assert len(town.store.commits) == 1


async def test_another_body_under_the_same_id_is_rejected_and_the_first_stands(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW)))
    rejected = await town.rejection(binary("e1", contact_data(NEW, contact_plain(text="another"))))
    assert (rejected.reason, rejected.field) == ("id-reused", "id")
    assert (rejected.message_source, rejected.message_id) == (SOURCE, "e1")
    assert len(town.contacts()) == 1


async def test_what_was_rejected_is_mended_and_sent_again_under_its_id(town: Town) -> None:
    await town.rejection(binary("e1", contact_data(NEW, topic="city.unicorns")))
    await town.tell(binary("e1", contact_data(NEW)))
    assert len(town.contacts()) == 1


async def test_a_rejection_is_told_once_however_often_the_record_is_read(town: Town) -> None:
    bad = raw(b"\xff\x00", {})
    await town.tell(bad, bad)
    await town.tell(bad)
    assert len(town.rejections()) == 1
    # A topic that was made anew counts from 0 again.
    await town.tell(replace(bad, timestamp=bad.timestamp + 1))
    assert len(town.rejections()) == 2


def _zip_bomb() -> str:
    return sealed(NEW, b"0" * 10_000_000, zip="DEF")


def _header_of(told: str, **change: Any) -> str:
    """The same token under another protected header."""
    header, *rest = told.split(".")
    told_header = json.loads(base64.urlsafe_b64decode(header + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**told_header, **change}).encode()).decode().rstrip("=")
    return ".".join([changed, *rest])


REJECTED: dict[str, tuple[str, str | None, Callable[[], Raw]]] = {
    # --- no CloudEvent for us
    "nothing": ("unreadable", "specversion", lambda: raw(None, {})),
    "garbage": ("unreadable", "specversion", lambda: raw(b"\xff\x00{", {"ce_id": b"\xc3"[:0]})),
    "a header that is not UTF-8": ("unreadable", None, lambda: raw(b"{}", {"ce_id": b"\xff"})),
    "no id": ("unreadable", "id", lambda: binary(..., contact_data(NEW))),  # type: ignore[arg-type]
    "an id of two words": ("unreadable", "id", lambda: binary(f"{NAME} {PHONE}", contact_data(NEW))),
    "a source that is a name": ("unreadable", "source", lambda: binary("e", contact_data(NEW), source=NAME)),
    "no source": ("unreadable", "source", lambda: binary("e", contact_data(NEW), source=...)),
    "no type": ("unreadable", "type", lambda: binary("e", contact_data(NEW), type=...)),
    "another version": (
        "unreadable",
        "specversion",
        lambda: binary("e", contact_data(NEW), specversion="0.3"),
    ),
    "a batch": (
        "unreadable",
        "content-type",
        lambda: raw(b"[]", {"content-type": "application/cloudevents-batch+json"}),
    ),
    "structured and no object": (
        "unreadable",
        None,
        lambda: raw(b"[1]", {"content-type": "application/cloudevents+json"}),
    ),
    "structured with an id that is a number": ("unreadable", "id", lambda: structured("e", {}, id=7)),
    "structured data in base64": (
        "unreadable",
        "data_base64",
        lambda: structured("e", None, data_base64=base64.b64encode(TEXT.encode()).decode()),
    ),
    "data that are text": ("unreadable", "data", lambda: structured("e", TEXT)),
    "data that are no JSON": ("unreadable", "data", lambda: binary("e", TEXT.encode())),
    "data nested ten thousand deep": ("unreadable", "data", lambda: binary("e", b'{"a":' * 10_000)),
    "data of another kind": (
        "unreadable",
        "datacontenttype",
        lambda: structured("e", contact_data(NEW), datacontenttype="text/xml"),
    ),
    "half a surrogate": ("unreadable", "data", lambda: binary("e", b'{"channel": "\\ud800"}')),
    "a tombstone": ("unreadable", "data", lambda: replace(binary("e", b""), value=None)),
    "too large": ("too-large", "data", lambda: binary("e", b" " * (256 * 1024 + 1))),
    # --- not for this topic
    "an unknown type": ("unknown-type", "type", lambda: binary("e", {}, f"inbound.{NAME.split()[0]}.v1")),
    "our own type": ("unknown-type", "type", lambda: binary("e", {}, "intake.contact-received.v1")),
    "another municipality": (
        "wrong-municipality",
        "municipality",
        lambda: binary("e", contact_data(NEW), municipality="2380"),
    ),
    "no municipality": (
        "wrong-municipality",
        "municipality",
        lambda: structured("e", contact_data(NEW), municipality=...),
    ),
    "sealed for another municipality": (
        "wrong-municipality",
        "sealed.municipality",
        lambda: binary("e", contact_data(NEW, contact_plain(municipality="2380"))),
    ),
    # --- in clear
    **{
        f"{name} in clear": (
            "clear-personal-data",
            name,
            lambda name=name: binary("e", {**contact_data(NEW), name: TEXT}),  # type: ignore[misc]
        )
        for name in ("citizen", "name", "phone", "email", "subject", "text")
    },
    "a phone in an attribute": (
        "clear-personal-data",
        "phone",
        lambda: binary("e", contact_data(NEW), phone=PHONE),
    ),
    "words in the attribute subject": (
        "clear-personal-data",
        "subject",
        lambda: structured("e", contact_data(NEW), subject=TEXT),
    ),
    "a next step in clear": ("clear-personal-data", "next_step", lambda: matter("e", {"next_step": TEXT})),
    "an unknown field": ("unknown-field", "data", lambda: binary("e", {**contact_data(NEW), NAME: PHONE})),
    "an unknown field in the seal": (
        "unknown-field",
        "sealed",
        lambda: binary("e", contact_data(NEW, {**contact_plain(), NAME: PHONE})),
    ),
    "an unknown field of the citizen": (
        "unknown-field",
        "sealed.citizen",
        lambda: binary("e", contact_data(NEW, contact_plain(citizen={"kind": "person", NAME: PHONE}))),
    ),
    "a clear field in the seal": (
        "unknown-field",
        "sealed",
        lambda: binary("e", contact_data(NEW, {**contact_plain(), "channel": "phone"})),
    ),
    # --- seals
    "no seal": ("invalid-field", "sealed", lambda: binary("e", contact_data(NEW, sealed=...))),
    "a seal that is a number": ("invalid-field", "sealed", lambda: binary("e", contact_data(NEW, sealed=7))),
    "a seal that is text": ("unreadable-seal", "sealed", lambda: binary("e", contact_data(NEW, sealed=TEXT))),
    "a seal of dots": ("unreadable-seal", "sealed", lambda: binary("e", contact_data(NEW, sealed="...."))),
    "another key of the same kid": (
        "unreadable-seal",
        "sealed",
        lambda: binary("e", contact_data(FOREIGN)),
    ),
    "an unknown key": ("unknown-key", "sealed", lambda: binary("e", contact_data(a_key("nobody")))),
    "no kid": (
        "unknown-key",
        "sealed",
        lambda: binary("e", contact_data(NEW, sealed=sealed(NEW, contact_plain(), kid=""))),
    ),
    "a seal that was changed": (
        "unreadable-seal",
        "sealed",
        lambda: binary("e", contact_data(NEW, sealed=_header_of(sealed(NEW, contact_plain()), cty="x"))),
    ),
    "algorithm none": (
        "wrong-algorithm",
        "sealed",
        lambda: binary("e", contact_data(NEW, sealed=_header_of(sealed(NEW, {}), alg="none"))),
    ),
    "a password bomb": (
        "wrong-algorithm",
        "sealed",
        lambda: binary(
            "e",
            contact_data(
                NEW,
                sealed=_header_of(
                    sealed(NEW, {}),
                    alg="PBES2-HS512+A256KW",
                    p2c=2_000_000_000,
                    p2s=secrets.token_urlsafe(16),
                ),
            ),
        ),
    ),
    "direct agreement": (
        "wrong-algorithm",
        "sealed",
        lambda: binary("e", contact_data(NEW, sealed=sealed(NEW, contact_plain(), alg="ECDH-ES"))),
    ),
    "weaker content encryption": (
        "wrong-algorithm",
        "sealed",
        lambda: binary("e", contact_data(NEW, sealed=sealed(NEW, contact_plain(), enc="A128GCM"))),
    ),
    "zipped": ("wrong-algorithm", "sealed", lambda: binary("e", contact_data(NEW, sealed=_zip_bomb()))),
    "sealed text that is no JSON": (
        "unreadable",
        "sealed",
        lambda: binary("e", contact_data(NEW, TEXT.encode())),
    ),
    "a list in the seal": ("unreadable", "sealed", lambda: binary("e", contact_data(NEW, b"[]"))),
    # --- a matter
    "a matter of nobody": ("invalid-field", "citizen_ref", lambda: matter("e", matter_data(None))),
    "a matter that is an address": (
        "invalid-field",
        "matter",
        lambda: matter("e", matter_data(NEW, matter="signe@example.se")),
    ),
    "a matter of an unknown department": (
        "invalid-field",
        "owner",
        lambda: matter("e", matter_data(NEW, owner="department.unicorns")),
    ),
    "a matter of a group": (
        "invalid-field",
        "owner",
        lambda: matter("e", matter_data(NEW, owner="group.city")),
    ),
    "a status in words": ("invalid-field", "status", lambda: matter("e", matter_data(NEW, status=TEXT))),
    "a report from tomorrow": (
        "invalid-field",
        "reported_at",
        lambda: matter("e", matter_data(NEW, reported_at="2026-03-03T08:00:00Z")),
    ),
    "a time that is a number": (
        "invalid-field",
        "reported_at",
        lambda: matter("e", matter_data(NEW, reported_at=1772434800)),
    ),
    "no phone number": (
        "invalid-field",
        "sealed.phone",
        lambda: matter("e", matter_data(NEW, {"phone": TEXT})),
    ),
    "a next step of two lines": (
        "invalid-field",
        "sealed.next_step",
        lambda: matter("e", matter_data(NEW, {"next_step": TEXT})),
    ),
    "a contact's seal on a matter": (
        "unknown-field",
        "sealed",
        lambda: matter("e", matter_data(NEW, sealed=sealed(NEW, contact_plain()))),
    ),
}


@pytest.mark.parametrize("case", REJECTED)
async def test_what_is_wrong_is_rejected_with_its_reason_and_without_a_word_of_it(
    town: Town, case: str
) -> None:
    reason, place, make = REJECTED[case]
    rejected = await town.rejection(make())
    assert (rejected.reason, rejected.field) == (reason, place)
    told = f"{rejected.model_dump_json()} {town.store.commits!r}"
    for word in (NAME, "Signe", "signe@", PHONE, "4670174", "träd", "nobody", "unicorns"):
        assert word not in told.replace("\\u00e4", "ä")


LONG = "x" * (64 * 1024 + 1)
NO_CONTACT: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "unknown channel": ("channel", {"channel": "pigeon"}, {}),
    "no channel": ("channel", {"channel": ...}, {}),
    "unknown topic": ("topic", {"topic": "city.unicorns"}, {}),
    "menu choice of another topic": ("menu_choice", {"menu_choice": 1}, {}),
    "unknown person": ("asked_for", {"asked_for": "person.nobody"}, {}),
    "naive time": ("occurred_at", {"occurred_at": "2026-03-02T08:00:00"}, {}),
    "a future time": ("occurred_at", {"occurred_at": "2026-03-03T08:00:00Z"}, {}),
    "more than 30 days back": ("occurred_at", {"occurred_at": "2026-01-02T08:00:00Z"}, {}),
    "unknown case": ("case_id", {"case_id": "00000000-0000-8000-8000-000000000000"}, {}),
    "no citizen": ("sealed.citizen", {}, {"citizen": None}),
    "no subject": ("sealed.subject", {}, {"subject": ""}),
    "NUL in the subject": ("sealed.subject", {}, {"subject": "a\0b"}),
    "NUL in the text": ("sealed.text", {}, {"text": "a\0b"}),
    "text over the limit": ("sealed.text", {}, {"text": LONG}),
    "text over the limit in bytes": ("sealed.text", {}, {"text": "ö" * 40_000}),
    "name of two lines": ("sealed.citizen.name", {}, {"citizen": {"kind": "person", "name": "Maja\nLind"}}),
    "no phone number": ("sealed.citizen.phone", {}, {"citizen": {"kind": "person", "phone": "at home"}}),
    "no address": ("sealed.citizen.email", {}, {"citizen": {"kind": "person", "email": "maja at example"}}),
    "unknown kind": ("sealed.citizen.kind", {}, {"citizen": {"kind": "robot"}}),
}


@pytest.mark.parametrize("case", NO_CONTACT)
async def test_a_contact_is_checked_as_the_api_checks_it(town: Town, case: str) -> None:
    place, openly, inside = NO_CONTACT[case]
    rejected = await town.rejection(binary("e", contact_data(NEW, contact_plain(**inside), **openly)))
    assert (rejected.reason, rejected.field) == ("invalid-field", place)
    assert rejected.detail
    assert (rejected.message_source, rejected.message_id) == (SOURCE, "e")


async def test_the_longest_text_that_the_api_takes_is_taken(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW, contact_plain(text="ö" * (32 * 1024)))))
    assert len(town.contacts()) == 1


async def test_a_further_contact_joins_its_case(town: Town) -> None:
    await town.tell(binary("e1", contact_data(NEW)))
    case_id = town.contacts()[0].case_id
    await town.tell(structured("e2", contact_data(NEW, case_id=case_id)))
    assert [contact.case_id for contact in town.contacts()] == [case_id, case_id]
    assert [contact.opens_case for contact in town.contacts()] == [True, False]


def test_a_strangers_words_get_into_no_envelope() -> None:
    told = binary(NAME, {}, NAME, source=TEXT, traceparent=TEXT)
    envelope, _ = inbound.parse(told)
    assert {NAME, TEXT}.isdisjoint(map(str, (getattr(envelope, name) for name in envelope.__slots__)))
    assert envelope.traceparent is None
    assert inbound.parse(replace(told, timestamp=2**62))[0].time.year > 9000
    assert inbound.parse(replace(told, timestamp=-1))[0].time.year == 1970
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert inbound.parse(binary("e", {}, traceparent=trace))[0].traceparent == trace


# --- matters


async def matters(town: Town, ref: str) -> list[tuple[str, str, str | None]]:
    found = await find_matters(town.desk, CODE, ref)
    return [(shown.report.matter, shown.report.status, shown.next_step) for shown in found]


async def ref_of(town: Town, event_id: str, **citizen: str) -> str:
    """The name of whoever calls from there."""
    await town.tell(binary(event_id, contact_data(NEW, contact_plain(citizen={"kind": "person", **citizen}))))
    ref = town.contacts()[-1].citizen_ref
    assert ref is not None
    return ref


async def test_a_matter_is_found_by_the_citizen_who_calls_before_or_after(town: Town) -> None:
    step = "Skicka in ritningarna"
    await town.tell(matter("m1", matter_data(NEW, {"email": "Signe@Example.se", "next_step": step})))
    by_phone = await ref_of(town, "c1", phone="0046701740605")
    by_email = await ref_of(town, "c2", email="signe@example.se")
    assert by_phone != by_email
    for ref in (by_phone, by_email):
        assert await matters(town, ref) == [("BYGG-2026-000123", "in-progress", step)]
    await town.tell(matter("m2", matter_data(None, matter="B-2", citizen_ref=by_phone, status="decided")))
    assert {name for name, *_ in await matters(town, by_phone)} == {"BYGG-2026-000123", "B-2"}
    assert await matters(town, await ref_of(town, "c3", phone="070-174 06 12")) == []
    assert await find_matters(town.desk, "2380", by_phone) == []
    assert step not in repr(town.store.commits)


async def test_the_newest_report_holds_in_whatever_order_and_however_often_they_come(town: Town) -> None:
    ref = await ref_of(town, "c", phone=PHONE)
    at = "2026-03-02T0{}:00:00Z"
    reports = [
        matter("m1", matter_data(NEW, status="received", reported_at=at.format(5))),
        matter("m2", matter_data(NEW, status="in-progress", reported_at=at.format(6))),
        matter("m3", matter_data(NEW, status="decided", reported_at=at.format(7))),
        matter("m4", matter_data(NEW, status="closed", reported_at=at.format(7))),  # of two, the greater id
    ]
    for number, order in enumerate(([3, 0, 1, 2], [0, 2, 3, 1], [2, 1, 0, 3, 3, 0])):
        source = f"/system-{number}"
        headers = [[(n, source.encode() if n == "ce_source" else v) for n, v in r.headers] for r in reports]
        await town.tell(*(replace(reports[place], headers=headers[place]) for place in order))
    assert await matters(town, ref) == [("BYGG-2026-000123", "closed", None)] * 3
    assert len([c for c in town.store.commits if ".matter-" in c.stream]) == 3 * 4
    assert town.rejections() == []


async def test_a_matter_that_passed_to_somebody_else_is_shown_to_them_alone(town: Town) -> None:
    first, second = await ref_of(town, "c1", phone=PHONE), await ref_of(town, "c2", phone="070-174 06 12")
    await town.tell(matter("m1", matter_data(NEW)))
    later = {"phone": "070-174 06 12"}
    await town.tell(matter("m2", matter_data(NEW, later, reported_at="2026-03-02T07:30:00Z")))
    assert await matters(town, first) == []
    assert [name for name, *_ in await matters(town, second)] == ["BYGG-2026-000123"]


async def test_a_matter_is_the_systems_that_tells_it(town: Town) -> None:
    ref = await ref_of(town, "c1", phone=PHONE)
    await town.tell(matter("m1", matter_data(NEW)), matter("m1", matter_data(NEW), source="/other"))
    assert len(await matters(town, ref)) == 2


async def test_another_report_under_the_same_id_is_rejected(town: Town) -> None:
    ref = await ref_of(town, "c1", phone=PHONE)
    await town.tell(matter("m1", matter_data(NEW)))
    rejected = await town.rejection(matter("m1", matter_data(NEW, {"phone": "070-174 06 12"})))
    assert rejected.reason == "id-reused"
    assert len(await matters(town, ref)) == 1


async def test_matters_stay_in_the_house_and_their_times_read_back_as_written(town: Town) -> None:
    told = matter("m1", matter_data(NEW, reported_at="2026-03-02T07:00:00.123456Z"))
    await town.tell(told, told)
    stored = [event for event in town._events() if isinstance(event, MatterStatusReported)]
    assert [event.reported_at.microsecond for event in stored] == [123_000]
    assert all(
        contract is None for c in town.store.commits for contract in to_contracts(town.desk.decider, c)
    )
    assert all(commit.inside for commit in town.store.commits)


# --- keys


def test_keys_are_published_in_their_order_without_their_secret() -> None:
    published = SealingKeys(SecretStr(jwks(NEW, OLD))).published()["keys"]
    assert [(key["kid"], key["use"], key["alg"]) for key in published] == [
        ("new", "enc", "ECDH-ES+A256KW"),
        ("old", "enc", "ECDH-ES+A256KW"),
    ]
    assert not any("d" in key for key in published)
    assert SealingKeys(None).published() == {"keys": []}


def test_keys_that_cannot_be_used_stop_the_start_without_being_quoted() -> None:
    public = json.dumps({"keys": [NEW.as_dict(private=False)]})
    twice = jwks(NEW, FOREIGN)
    for text in ("", "{", "[]", '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "x"}]}', public, twice):
        with pytest.raises(ValueError, match="LOFTE_INBOUND_KEYS: not a JWKS") as refused:
            SealingKeys(SecretStr(text))
        assert "c2VjcmV0" not in str(refused.value)
        assert refused.value.__cause__ is None
