"""What other systems tell wrongly is rejected with its reason, and without a word of it."""

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from chassis.reacting import UNREADABLE, Raw
from intake import inbound

from .submitting import (
    NAME,
    PHONE,
    SOURCE,
    TEXT,
    a_key,
    binary,
    contact_data,
    contact_plain,
    matter,
    matter_data,
    raw,
    sealed,
    structured,
)
from .town import FOREIGN, NEW, Town

pytestmark = pytest.mark.mongo  # the keys are kept in MongoDB; the log is in memory


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
    "a header whose name is not UTF-8": (
        "unreadable",
        None,
        lambda: replace(raw(None, {}), headers=UNREADABLE),
    ),
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
    "words for an attribute": (
        "unreadable",
        None,
        lambda: structured("e", contact_data(NEW), **{NAME: PHONE}),
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
    "agreed in the past": ("agreed_due_at", {"agreed_due_at": "2026-03-01T08:00:00Z"}, {}),
    "reachable on an unknown day": ("reachable.0.days.0", {"reachable": [{"days": ["lör"]}]}, {}),
    "reachable backwards": (
        "reachable.0.before",
        {"reachable": [{"days": ["mon"], "after": "15:00", "before": "09:00"}]},
        {},
    ),
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


def test_a_strangers_words_get_into_no_envelope() -> None:
    told = binary(NAME, {}, NAME, source=TEXT, traceparent=TEXT)
    envelope, _ = inbound.parse(told)
    assert {NAME, TEXT}.isdisjoint(map(str, (getattr(envelope, name) for name in envelope.__slots__)))
    assert envelope.traceparent is None
    assert inbound.parse(replace(told, timestamp=2**62))[0].time.year > 9000
    assert inbound.parse(replace(told, timestamp=-1))[0].time.year == 1970
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert inbound.parse(binary("e", {}, traceparent=trace))[0].traceparent == trace
