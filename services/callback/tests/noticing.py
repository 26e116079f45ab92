"""Callback's notices over a database, with a mail server, a provider, intake and an issuer that are started here."""

import ipaddress
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from callback import publisher
from callback.domain import Command
from callback.handlers import Promises, decider, fire, note, stream_of
from callback.notices.consumers import Telling
from callback.notices.metrics import NoticeMetrics
from callback.notices.posting import Posting
from callback.notices.reach import Reaching
from callback.notices.targets import NAMES, Targets
from callback.notices.ways import EmailWay, SmsWay, Way, WebhookWay
from callback.outcomes import is_of_notices
from callback.outgoing import targets as allowing
from callback.outgoing.deliveries import Deliveries
from callback.outgoing.held import HeldDeliveries
from callback.outgoing.lanes import Lanes
from callback.outgoing.metrics import SendingMetrics
from callback.outgoing.sending import Sending
from callback.outgoing.standing import Standing
from callback.settings import ReachClient
from chassis.commit import Cause
from chassis.crash import NEVER
from chassis.reacting import Message
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import CallbackDue, Envelope, NoticeFailed, NoticeSent
from municipality import Municipality, read_folder
from prometheus_client import CollectorRegistry
from pymongo.asynchronous.database import AsyncDatabase

from tests.harness.mailbox import MailServer
from tests.harness.receiver import Got, Receiver, Reply, receiver, well

from .given import BOOKS, WRITTEN, at
from .posting import PAUSES, Document

CODE, CASE = "0581", "6f9619ff-8b86-8011-b42d-00c04fc964ff"
HANDLER, HEAD = "bygg@kommun.example", "enhetschef-bygg@kommun.example"
SECRET = "whsec_" + "c2VjcmV0" * 4
STREAM = stream_of(CODE, CASE, 1)
TOWN = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")[CODE]
CONTACTS: Mapping[str, Any] = {
    "handler": {"email": HANDLER},
    "head_of_unit": {"email": HEAD},
    "head_of_department": {"email": "forvaltningschef@kommun.example"},
}


def town(contacts: Mapping[str, Any], *, notices: bool) -> Municipality:
    """The shipped municipality, with these contacts of the department of building."""
    told = TOWN.model_dump(mode="json")
    for owner in told["owners"].values():
        owner["contacts"] = {}
    told["owners"]["department.building"]["contacts"] = contacts
    told["notices"] = {
        "sender": "kontaktcenter@kommun.example",
        "contact_centre_head": {"email": "chef@kommun.example"},
        "link": "https://case.example/{case_id}",
    }
    return Municipality.model_validate(told | ({} if notices else {"notices": None}))


@dataclass
class Intake:
    """Intake and the issuer of its tokens, as one server."""

    server: Receiver
    reach: bytes = b"{}"

    def tells(self, **reach: str) -> None:
        self.reach = json.dumps(reach).encode()
        self.server.answer = _ok

    @property
    def got(self) -> Sequence[Got]:
        return [got for got in self.server.got if got.path.startswith("/cases/")]

    @property
    def url(self) -> str:
        return self.server.url.removesuffix("/hook")

    def content(self, got: Got) -> bytes:
        if got.path.startswith("/.well-known/"):
            return json.dumps({"token_endpoint": f"{self.url}/token"}).encode()
        if got.path == "/token":
            return json.dumps({"access_token": "token-of-0581", "expires_in": 600}).encode()
        return self.reach


async def _ok(_: Got) -> Reply:
    return 200, {}


@dataclass
class Noticing:
    """Callback with its log in memory, and all that notices go out to."""

    database: AsyncDatabase[Document]
    clock: ManualClock
    promises: Promises
    store: MemoryStore
    deliveries: Deliveries
    held: HeldDeliveries
    sending: Sending
    posting: Posting
    mail: MailServer
    provider: Receiver
    intake: Intake
    registry: CollectorRegistry
    ways: dict[str, Way]
    told: list[tuple[Telling, Message]] = field(default_factory=list)

    async def fall_due(
        self,
        clock: str,
        *,
        contacts: Mapping[str, Any] = CONTACTS,
        notices: bool = True,
    ) -> None:
        """It is that time on Monday: what has fallen due is fired and read."""
        self.clock.moment = max(self.clock.moment, at(clock))
        before = len(self.store.commits)
        await fire(self.promises, CODE, STREAM, CASE)
        served = {CODE: town(contacts, notices=notices)}
        self.posting.towns.update(served)  # type: ignore[attr-defined]
        telling = Telling(
            self.store, self.clock, served, self.deliveries, Targets(self.database), self.posting.metrics
        )
        for commit in self.store.commits[before:]:
            for stored, contract in zip(
                commit.events, publisher.to_contracts(self.promises.decider, commit), strict=True
            ):
                if isinstance(contract, CallbackDue):
                    envelope = Envelope(
                        stored.id,
                        contract.TYPE,
                        f"/{CODE}/callback/{STREAM}",
                        CASE,
                        self.clock.now(),
                        1,
                        CODE,
                    )
                    self.told.append((telling, Message(envelope, contract, None)))
                    await telling.react(self.told[-1][1])

    async def tell_again(self) -> None:
        """The records come again."""
        for telling, message in self.told:
            await telling.react(message)

    async def note(self, command: Command) -> None:
        await note(self.promises, CODE, CASE, 1, command, Cause(f"/x/{command!r}#note", "callback"))

    async def send(self) -> None:
        """Everything that is due now."""
        while await self.sending.start_due():
            await self.sending.settle()

    async def later(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        await self.send()

    def texts(self) -> list[dict[str, str]]:
        """What the provider was given."""
        return [json.loads(got.body) for got in self.provider.taken]

    async def outcomes(self) -> list[NoticeSent | NoticeFailed]:
        """What callback tells of its notices."""
        found = [
            contract
            for commit in self.store.commits
            if is_of_notices(commit)
            for contract in publisher.to_contracts(self.promises.decider, commit)
        ]
        return [contract for contract in found if isinstance(contract, NoticeSent | NoticeFailed)]

    async def everything(self) -> str:
        """All that is kept, as text."""
        names = (NAMES.targets, NAMES.lanes, NAMES.deliveries)
        rows = [await self.database[name].find().to_list() for name in names]
        return repr(rows) + repr(self.store.commits)


@asynccontextmanager
async def noticing_on(
    database: AsyncDatabase[Document], commands: Sequence[Command] = WRITTEN
) -> AsyncIterator[Noticing]:
    clock = ManualClock(at("09:01"))
    store = MemoryStore(clock)
    promises = Promises(store, clock, {CODE: BOOKS}, decider())
    for number, command in enumerate(commands):
        await note(promises, CODE, CASE, 1, command, Cause(f"/x/{number}#note", "callback"))
    registry = CollectorRegistry()
    deliveries = Deliveries(database, NAMES, clock.now, database_now=clock.now)
    mail = MailServer()
    await mail.start()
    local = allowing.Targets([ipaddress.ip_network("127.0.0.0/8")], plain=True)
    sender = allowing.Sender(local, patience=2.0, now=lambda: clock.now().timestamp())
    async with (
        receiver() as provider,
        receiver() as door,
        httpx.AsyncClient(timeout=0.5, trust_env=False) as http,
    ):
        intake = Intake(door)
        door.content, door.answer = intake.content, _ok
        provider.answer = well
        fields = {"to": "$to", "text": "$text", "id": "$id"}
        ways: dict[str, Way] = {
            "email": EmailWay("127.0.0.1", mail.port, "none", None, None, 0.5, clock.now),
            "sms": SmsWay(http, provider.url, fields, form=False, authorization="Bearer sms", now=clock.now),
            "webhook": WebhookWay(sender, SECRET, lambda: datetime.now().astimezone().timestamp()),
        }
        clients = {CODE: ReachClient.model_validate({"client_id": "callback", "client_secret": "s"})}
        reaching = Reaching(http, intake.url, intake.url, clients, clock.monotonic)
        posting = Posting(promises, {}, ways, reaching, NoticeMetrics(registry))
        sending = Sending(
            deliveries,
            Lanes(database, deliveries, "callback-1", clock.now, lease=60.0, database_now=clock.now),
            Standing(database, NAMES, clock.now),
            posting.open,
            clock,
            PAUSES,
            SendingMetrics(registry, "notice", "notice", "Notices"),
            NEVER,
            chance=lambda: 0.5,
            gave_up=posting.fail,
        )
        await deliveries.prepare()
        yield Noticing(
            database, clock, promises, store, deliveries, HeldDeliveries(database, NAMES, database_now=clock.now), sending, posting, mail,
            provider, intake, registry, ways,
        )  # fmt: skip
        await mail.stop()
        await sender.close()
