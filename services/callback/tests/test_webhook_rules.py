"""The rules of webhooks: who is told, what an answer means, how it is signed, where it may go."""

import asyncio
import base64
import ipaddress
import json
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from callback.outgoing.answers import Again, Answer, Disable, Done, Hold, judge, rest
from callback.outgoing.signing import new_secret, signed_headers
from callback.outgoing.targets import Forbidden, Sender, Targets
from callback.settings import DAYS
from callback.webhooks.domain import Wanted, wants
from chassis.errors import InvalidInput
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.harness.receiver import receiver

NOW = datetime(2026, 3, 2, 7, 30, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "owner", "seconds", "told"),
    [
        ("a.v1", "group.city", 0, True),
        ("b.v1", "group.city", 0, False),
        ("a.v1", "group.school", 0, False),
        ("a.v1", None, 0, False),
        ("a.v1", "group.city", 0.1, True),
        ("a.v1", "group.city", -0.1, False),
    ],
)
def test_who_is_told(type_: str, owner: str | None, seconds: float, told: bool) -> None:
    wanted = Wanted(frozenset({"a.v1"}), frozenset({"group.city"}), NOW)
    assert wants(wanted, type_, owner, NOW + timedelta(seconds=seconds)) is told


def test_without_owners_everything_is_told_also_what_is_nobodys_yet() -> None:
    assert wants(Wanted(frozenset({"a.v1"}), frozenset(), NOW), "a.v1", None, NOW)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_taken(status: int) -> None:
    assert judge(Answer(status), 1, DAYS, 0.5) == Done()


@pytest.mark.parametrize("status", [None, 100, 301, 302, 400, 401, 404, 429, 500, 503])
def test_everything_else_is_tried_again_and_then_held(status: int | None) -> None:
    pauses = []
    for attempt in range(1, len(DAYS) + 1):
        outcome = judge(Answer(status, fault="x"), attempt, DAYS, 0.5)
        assert isinstance(outcome, Again)
        pauses.append(outcome.seconds)
    assert pauses == list(DAYS)
    assert sum(pauses) > timedelta(days=3).total_seconds()
    assert judge(Answer(status, fault="x"), len(DAYS) + 1, DAYS, 0.5) == Hold()


def test_gone_is_gone() -> None:
    assert judge(Answer(410), 1, DAYS, 0.5) == Disable()


def test_chance_spreads_and_a_receiver_may_ask_for_more_but_not_for_less() -> None:
    assert judge(Answer(500), 1, [100.0], 0.0) == Again(80.0)
    spread = judge(Answer(500), 1, [100.0], 1.0)
    assert isinstance(spread, Again)
    assert spread.seconds == pytest.approx(120.0)
    assert judge(Answer(429, timedelta(seconds=500)), 1, [100.0], 0.5) == Again(500.0)
    assert judge(Answer(429, timedelta(seconds=5)), 1, [100.0], 0.5) == Again(100.0)
    assert judge(Answer(429, timedelta(days=9)), 1, [100.0], 0.5) == Again(86_400.0)


def test_one_case_that_fails_delays_no_other_and_a_receiver_that_is_away_is_let_alone() -> None:
    assert [rest(Answer(500), failures) for failures in range(1, 13)] == [
        0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60,
    ]  # fmt: skip
    assert rest(Answer(503, timedelta(seconds=7)), 1) == 7


# --- signing: the reference library is the oracle ---


def test_the_reference_library_verifies_what_we_sign_and_nothing_else() -> None:
    now = int(datetime.now(UTC).timestamp())
    secrets = [new_secret(), new_secret()]
    body = json.dumps({"subject": "ärende", "n": random.random()}).encode()
    headers = dict(signed_headers(secrets, "msg-1", now, body))
    for secret in secrets:
        assert Webhook(secret).verify(body, headers) == json.loads(body)
    assert headers["webhook-signature"].split(" ") == [
        Webhook(secret).sign("msg-1", datetime.fromtimestamp(now, UTC), body.decode()) for secret in secrets
    ]
    changes: list[dict[str, Any]] = [{"webhook-id": "msg-2"}, {"webhook-timestamp": str(now - 1)}]
    for changed in changes:
        with pytest.raises(WebhookVerificationError):
            Webhook(secrets[0]).verify(body, headers | changed)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(body + b" ", headers)


# --- targets ---

INSIDE = [
    "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "239.1.1.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_no_webhook_goes_inside(address: str) -> None:
    assert not Targets([], plain=False).allows(ipaddress.ip_address(address))


def test_public_addresses_are_allowed_and_private_ones_that_are_named() -> None:
    targets = Targets([ipaddress.ip_network("10.20.0.0/16")], plain=False)
    for address in ("8.8.8.8", "2606:4700:4700::1111", "10.20.3.4", "::ffff:10.20.3.4"):
        assert targets.allows(ipaddress.ip_address(address)), address
    assert not targets.allows(ipaddress.ip_address("10.21.3.4"))


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("http://8.8.8.8/x", "begin it with https://"),
        ("ftp://8.8.8.8/x", "begin it with https://"),
        ("//8.8.8.8/x", "begin it with"),
        ("https:///x", "has no host"),
        ("https://8.8.8.8:0/x", "no port"),
        ("https://8.8.8.8:99999/x", "not a URL"),
        ("https://[::1/x", "not a URL"),
        ("https://u:p@8.8.8.8/x", "leave out user"),
        ("https://8.8.8.8/x#y", "leave out user"),
        ("https://8.8.8.8/å", "visible ASCII"),
        ("https://8.8.8.8/a b", "visible ASCII"),
        (f"https://8.8.8.8/{'x' * 2000}", "at most 2000"),
        ("https://127.0.0.1/x", "not a public one"),
        ("https://localhost/x", "not a public one"),
        ("https://2130706433/x", "not a public one"),
        ("https://0x7f.1/x", "not a public one"),
        ("https://[::ffff:127.0.0.1]/x", "not a public one"),
        ("https://169.254.169.254/latest/meta-data", "not a public one"),
        ("https://" + "a" * 70 + ".example/x", "not known"),
    ],
)
async def test_a_url_that_nothing_would_be_sent_to_is_refused(url: str, fault: str) -> None:
    with pytest.raises(InvalidInput, match=fault):
        await Targets([], plain=False).check(url)


async def test_a_good_url_passes_and_plain_http_where_that_is_allowed() -> None:
    await Targets([], plain=False).check("https://8.8.8.8/x?y=1")
    await Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True).check("http://127.0.0.1:8000/x")


async def test_the_address_is_looked_at_when_the_connection_is_made() -> None:
    """Whatever a check said before: a name may lead elsewhere by now."""
    async with receiver() as inside:
        sender = Sender(Targets([], plain=True), patience=2.0, now=lambda: 0.0)
        answer = await sender.post(inside.url, {}, b"{}")
        assert answer.status is None
        assert "not a public one" in answer.reason
        with pytest.raises(Forbidden):
            await Targets([], plain=True).addresses("localhost", 80)
        await sender.close()
    assert inside.got == []


async def test_a_redirect_is_not_followed() -> None:
    allowed = Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True)
    async with receiver() as here, receiver() as elsewhere:
        here.fails(302, location=elsewhere.url)
        sender = Sender(allowed, patience=2.0, now=lambda: 0.0)
        assert (await sender.post(here.url, {}, b"{}")) == Answer(302)
        await sender.close()
    assert elsewhere.got == []


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Mon, 02 Mar 2026 07:31:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
async def test_retry_after_in_both_its_forms(told: str, seconds: float | None) -> None:
    now = datetime(2026, 3, 2, 7, 30, tzinfo=UTC).timestamp()
    async with receiver() as busy:
        busy.fails(429, retry_after=told)
        sender = Sender(
            Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True), patience=2.0, now=lambda: now
        )
        answer = await sender.post(busy.url, {}, b"{}")
        await sender.close()
    assert answer == Answer(429, None if seconds is None else timedelta(seconds=seconds))


async def test_a_receiver_that_cannot_be_reached_is_a_reason_not_an_error() -> None:
    allowed = Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True)
    sender = Sender(allowed, patience=2.0, now=lambda: 0.0)
    async with receiver() as gone:
        url = gone.url
    assert "not reached" in (await sender.post(url, {}, b"{}")).reason
    assert "not reached" in (await sender.post(url.replace("http:", "https:"), {}, b"{}")).reason
    await sender.close()


# --- the role ---

ASKED = """
import asyncio, sys
from callback.main import build
from callback.settings import CallbackSettings
from chassis.runtime import make_runtime
async def main():
    parts = build(make_runtime("callback", CallbackSettings(database="callback", replica="callback-1")))
    routes = {path for route in parts.routes for path in route.paths}
    print("callback.outgoing.sending" in sys.modules, "webhooks" in parts.loops,
          any(s.role == "webhooks" for s in parts.subscriptions), "/webhooks" in routes)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("roles", "said"), [("api,timers", "False False False True"), ("webhooks", "True True True True")]
)
async def test_only_its_own_role_loads_and_runs_it(roles: str, said: str) -> None:
    environment = {
        **os.environ,
        "LOFTE_ROLES": roles,
        "LOFTE_MASTER_KEY": base64.b64encode(b"k" * 32).decode(),
        "LOFTE_MUNICIPALITIES": str(Path(__file__).parents[3] / "deploy" / "municipalities"),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", ASKED), env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().split() == said.split()
