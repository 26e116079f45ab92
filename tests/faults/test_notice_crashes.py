"""kill -9 of who sends notices, by SMTP and by a provider's HTTP: what nobody wrote down goes out again with the same id,
what was written down does not."""

import base64
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from callback.books import policy_book
from callback.domain import Asked, Command, NoteContact, NoteRoute, PolicyBooks, Route
from callback.handlers import Promises, decider, fire, note, stream_of
from callback.outcomes import told_of
from chassis.commit import Cause
from chassis.ids import fresh_id
from chassis.store import MongoStore
from chassis.testing.clock import ManualClock
from chassis.testing.kafka import make_topics
from chassis.testing.waiting import eventually
from lofte_local.paths import MUNICIPALITIES
from lofte_local.process import Process
from municipality import WrittenBook, read_folder
from pymongo import AsyncMongoClient

from tests.harness.mailbox import MailServer
from tests.harness.receiver import receiver, well

pytestmark = [pytest.mark.faults, pytest.mark.timeout(120)]

CODE, OWNER, TOPIC = "0581", "department.building", "city.building-permit"
RECEIVED = datetime(2026, 3, 2, 8, tzinfo=UTC)
WAYS = {"email": {"email": "bygg@norrkoping.example"}, "sms": {"sms": "+46701740605"}}


@dataclass
class Sender:
    """A callback that sends notices and does nothing else, and what its receivers took."""

    process: Process
    taken: Callable[[], list[str]]
    database: Any
    store: MongoStore

    def launch(self, crash_at: str | None = None) -> None:
        self.process.environment.pop("LOFTE_CRASH_AT", None)
        if crash_at is not None:
            self.process.environment["LOFTE_CRASH_AT"] = crash_at
        self.process.start()

    async def dies_at(self, point: str) -> None:
        self.launch(point)
        await eventually(lambda: self.process.exit_code is not None, 60)
        assert self.process.exit_code == -signal.SIGKILL

    async def recorded(self, case_id: str) -> bool:
        return bool((await told_of(self.store, CODE, case_id)).sent)

    async def done(self) -> bool:
        return await self.database["notice_deliveries"].count_documents({"state": "delivered"}) == 1


async def _reminder(store: MongoStore, clock: ManualClock, municipalities: Path) -> str:
    """A promise whose handler is to be reminded now, in the log. Returns the case."""
    book = policy_book(WrittenBook.of(read_folder(municipalities)[CODE]))
    promises = Promises(store, clock, {CODE: PolicyBooks(book)}, decider())
    case_id = fresh_id()
    contact = NoteContact(RECEIVED, False, TOPIC, channel="email", citizen_kind="person")
    told: tuple[Command, ...] = (contact, NoteRoute(Route(1, OWNER, TOPIC, RECEIVED, RECEIVED)))
    for number, command in enumerate(told):
        await note(promises, CODE, case_id, 1, command, Cause(f"/x/{number}#note", "callback"))
    policy = book.policy(OWNER, Asked(TOPIC, "email", "person"))
    due_at = book.due_at(policy, OWNER, RECEIVED)
    reminder = book.stages(policy, OWNER, RECEIVED, due_at)[0]
    assert reminder.receivers == ("handler",)
    clock.moment = reminder.at
    await fire(promises, CODE, stream_of(CODE, case_id, 1), case_id)
    return case_id


def _own() -> dict[str, str]:
    """Nothing named LOFTE_ comes from the caller's environment."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LOFTE_")}


def _municipality(folder: Path, contacts: Mapping[str, Any]) -> Path:
    folder.mkdir()
    told = yaml.safe_load((MUNICIPALITIES / f"{CODE}.yaml").read_text("utf-8"))
    told["owners"][OWNER]["contacts"]["handler"] = contacts
    (folder / f"{CODE}.yaml").write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    return folder


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def sender(
    way: str, kafka_address: str, mongo_uri: str, unique: str, tmp_path: Path
) -> AsyncIterator[tuple[Sender, str]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_uri, tz_aware=True)
    clock = ManualClock(RECEIVED)
    store = MongoStore(client[unique], clock)
    mail = MailServer()
    await mail.start()
    await make_topics(kafka_address, f"{unique}.callback", f"{unique}.watermarks")
    municipalities = _municipality(tmp_path / "municipalities", WAYS[way])
    case_id = await _reminder(store, clock, municipalities)
    async with receiver() as provider:
        provider.answer = well
        told = {
            "LOFTE_KAFKA": kafka_address,
            "LOFTE_MONGO": mongo_uri,
            "LOFTE_DATABASE": unique,
            "LOFTE_TOPIC_PREFIX": unique,
            "LOFTE_ENVIRONMENT": "development",
            "LOFTE_ROLES": "relay,notices",
            "LOFTE_REPLICA": "callback-1",
            "LOFTE_PORT": "0",
            "LOFTE_SESSION_TIMEOUT_MS": "6000",
            "LOFTE_MASTER_KEY": base64.b64encode(bytes(32)).decode(),
            "LOFTE_MUNICIPALITIES": str(municipalities),
            "LOFTE_CLOCK": f"{clock.moment.isoformat()}x1",
            "LOFTE_CLOCK_ANCHOR": datetime.now(UTC).isoformat(),
            "LOFTE_SMTP_HOST": "127.0.0.1",
            "LOFTE_SMTP_PORT": str(mail.port),
            "LOFTE_SMTP_TLS": "none",
            "LOFTE_SMS_URL": provider.url,
        }
        command = [sys.executable, "-m", "callback"]
        process = Process("callback", command, tmp_path, environment=_own() | told)

        def taken() -> list[str]:
            letters = [str(letter["Message-ID"]) for letter in mail.letters]
            return [*letters, *(got.headers["idempotency-key"] for got in provider.taken)]

        try:
            yield Sender(process, taken, client[unique], store), case_id
        finally:
            process.kill()
            print(process.log.read_text("utf-8")[-20_000:])
            await mail.stop()
            await client.drop_database(unique)
            await client.close()


async def test_a_notice_goes_out_again_only_while_nobody_wrote_it_down(
    sender: tuple[Sender, str], way: str, record_property: Callable[[str, Any], None]
) -> None:
    record_property("killed", (f"kill -9 at taken, then at delivered, of a notice by {way}", "callback", 1))
    sending, case_id = sender
    await sending.dies_at("taken")
    assert len(sending.taken()) == 1
    assert not await sending.recorded(case_id)

    await sending.dies_at("delivered")
    assert len(sending.taken()) == 2
    assert len(set(sending.taken())) == 1, "a repeat has the same id"
    assert await sending.recorded(case_id)
    assert not await sending.done()

    sending.launch()
    await eventually(sending.done, 60)
    assert len(sending.taken()) == 2
