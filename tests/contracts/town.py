"""A town in memory: four services with their real rules, and the records that they publish about one case.

Everything is read at once here; what happens when it is not, the interleavings show.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import callback.consumers
import callback.handlers
import callback.outcomes
import callback.publisher
import callback.statutory
import casework.consumers
import casework.handlers
import casework.publisher
import intake.domain
import intake.handlers
import intake.publisher
import routing.consumers
import routing.handlers
import routing.publisher
from callback.books import policy_book
from callback.domain import PolicyBook, PolicyBooks
from callback.domain.notices import Notice, NoticeFailed, NoticeSent
from callback.domain.statutory import StatutoryCommand
from chassis.broker import Record, to_record
from chassis.commit import Cause, Commit
from chassis.handling import Decision, handle
from chassis.reacting import Message
from chassis.sealing import KeyRing
from chassis.testing.clock import ManualClock
from chassis.testing.store import MemoryStore
from lofte_events import AnyContract, Contract, parse
from municipality import WrittenBook, read_folder
from pymongo import AsyncMongoClient
from routing.domain import RuleBook
from routing.main import rule_book

CODE = "0581"
SWEDEN = ZoneInfo("Europe/Stockholm")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=SWEDEN).astimezone(UTC)
SEALED = b"sealed"
_TIMES = ("promise_due_at", "answered_at", "closed_at")


@cache
def books() -> tuple[RuleBook, PolicyBook]:
    """The rules and policies that ship with Löfte."""
    norrkoping = read_folder(Path(__file__).parents[2] / "deploy" / "municipalities")[CODE]
    return rule_book(norrkoping), policy_book(WrittenBook.of(norrkoping))


# Codecs are dear to make and keep nothing: each service's is made once.
router_rules = cache(routing.handlers.decider)
promise_rules = cache(callback.handlers.decider)
case_rules = cache(casework.handlers.decider)
contact_rules = cache(intake.handlers.decider)


def new_router(clock: ManualClock) -> routing.handlers.Router:
    return routing.handlers.Router(MemoryStore(clock), clock, {CODE: books()[0]}, router_rules())


def new_promises(clock: ManualClock) -> callback.handlers.Promises:
    return callback.handlers.Promises(
        MemoryStore(clock), clock, {CODE: PolicyBooks(books()[1])}, promise_rules()
    )


def new_cases(clock: ManualClock) -> casework.handlers.Cases:
    return casework.handlers.Cases(MemoryStore(clock), clock, _no_keys(), case_rules())


@cache
def _no_keys() -> KeyRing:
    """Texts come sealed here: nobody asks for keys, and this client never connects."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("mongodb://127.0.0.1:1", connect=False)
    return KeyRing(client["nowhere"], b"k" * 32, ManualClock(MONDAY))


def commits_of(store: object) -> list[Commit]:
    assert isinstance(store, MemoryStore)
    return store.commits


async def newest(promises: callback.handlers.Promises, case_id: str) -> Sequence[Commit]:
    """The newest commit of each promise stream of a case: its timers govern."""
    governing = {c.stream: c for c in commits_of(promises.store) if c.correlation_id == case_id}
    return list(governing.values())


@dataclass(frozen=True)
class Change:
    """What was asked of callback itself, and when."""

    at: datetime
    command: callback.domain.Renew | callback.domain.Withdraw
    cause: Cause


@dataclass
class Town:
    """One case, from its first contact on. `log`: the records in the order in which they were published. `changes`:
    what callback was asked for by people."""

    case_id: str
    clock: ManualClock = field(default_factory=lambda: ManualClock(MONDAY))
    log: list[Record] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.contacts = MemoryStore(self.clock)
        self.intake = contact_rules()
        self.router = new_router(self.clock)
        self.cases = new_cases(self.clock)
        self.promises = new_promises(self.clock)
        self._published = dict.fromkeys(("intake", "routing", "casework", "callback"), 0)
        self._asked = 0

    async def contact(
        self, channel: str = "phone", topic: str | None = "city.parking", *, back: float = 0, **told: Any
    ) -> None:
        """The citizen contacts us, the first time or again; `back` minutes ago."""
        self._asked += 1
        opener = commits_of(self.contacts)[0].result if self.contacts.commits else None
        contact_id = f"{self.case_id}-k{self._asked}"
        command = intake.domain.ReceiveContact(
            **{
                "contact_id": contact_id,
                "case_id": self.case_id,
                "case_reference": opener["case_reference"] if opener else None,
                "channel": channel,
                "citizen_kind": "person",
                "citizen_ref": None,
                "details": intake.domain.SealedDetails("c", "c", None, None, None, SEALED, None),
                "topic": topic,
                "menu_choice": None,
                "asked_for": None,
                "live": None,
                "agreed_due_at": None,
                "occurred_at": self.clock.now() - timedelta(minutes=back) if back else None,
                **told,
            }
        )

        def decide(contact: intake.domain.Contact, attempt: int) -> Decision[intake.domain.Event]:
            events = intake.domain.decide(command, contact, self.clock.now(), attempt)
            return Decision(events, {"case_reference": events[0].case_reference})

        await handle(
            self.contacts,
            self.intake,
            self.clock,
            municipality=CODE,
            stream=f"{CODE}.contact-{contact_id}",
            correlation_id=self.case_id,
            cause=Cause(f"request:citizen:{self._asked}", "citizen"),
            decide=decide,
        )
        await self.settle()

    async def imported(self, outcome: str, *, days: float, channel: str = "web", **told: Any) -> None:
        """A contact of `days` ago comes from another system. What is told is told in days from then."""
        received_at = self.clock.now() - timedelta(days=days)
        times = {name: received_at + timedelta(days=told[name]) if name in told else None for name in _TIMES}
        history = intake.domain.History(outcome, told.get("routed_to"), **times)
        await self.contact(channel, "city.building-permit", history=history, occurred_at=received_at)

    async def act(self, command: casework.domain.Command) -> None:
        """Whoever has the case does something with it."""
        self._asked += 1
        cause = Cause(f"request:anna:{self._asked}", "anna")
        await casework.handlers.do_act(
            self.cases, CODE, self.case_id, command, cause, may=lambda _: None, if_match=None
        )
        await self.settle()

    async def claim(self) -> None:
        await self.act(casework.domain.Claim("anna"))

    async def note(self) -> None:
        await self.act(casework.domain.AddNote("n", "anna", SEALED))

    async def call(self, outcome: str = "reached", *, back: float = 0) -> None:
        """Somebody gets back to the citizen, or tries to; said to have been `back` minutes ago."""
        at = self.clock.now() - timedelta(minutes=back)
        await self.act(casework.domain.RecordContact(outcome, "anna", at))

    async def await_citizen(self, *, back: float = 0, until: timedelta | None = None) -> None:
        """Nothing can be done before the citizen answers; said to have been so `back` minutes ago."""
        now = self.clock.now()
        reason = "awaiting_citizen" if until is None else "time_chosen_by_citizen"
        ends = now + until if until is not None else None
        since = now - timedelta(minutes=back)
        await self.act(casework.domain.AwaitCitizen(reason, "anna", since, ends))

    async def resume(self) -> None:
        await self.act(casework.domain.Resume("anna"))

    async def withdraw_case(self) -> None:
        await self.act(casework.domain.Withdraw("cancelled", "anna"))

    async def renew(self, hours: float) -> None:
        """Another time is agreed with the citizen: in so many hours from now."""
        now = self.clock.now()
        agreed = now + timedelta(hours=hours)
        await self.change(callback.domain.Renew(agreed, None, now, "phone", "more_time_needed", "anna"))

    async def withdraw_promise(self) -> None:
        await self.change(callback.domain.Withdraw("duplicate", "anna"))

    async def change(self, command: callback.domain.Renew | callback.domain.Withdraw) -> None:
        """Somebody changes the promise, at callback itself."""
        cause = Cause(f"request:anna:{len(self.changes)}", "anna")
        await callback.handlers.change(self.promises, CODE, self.case_id, command, cause, may=lambda _: None)
        self.changes.append(Change(self.clock.now(), command, cause))
        await self.settle()

    async def statutory(self, command: StatutoryCommand) -> None:
        """Somebody does something to the statutory clock of the case, beside its promises."""
        self._asked += 1
        cause = Cause(f"request:bo:{self._asked}", "bo")
        await callback.statutory.change(self.promises, CODE, self.case_id, command, cause, may=lambda _: None)
        await self.settle()

    async def notices(self) -> None:
        """A notice about the promise went out, and another did not."""
        about = (1, "department.building", self.clock.now(), "due", 0)
        for outcome in (
            NoticeSent(Notice(f"{self.case_id}-1", *about, "handler", "email"), self.clock.now(), 1),
            NoticeFailed(
                Notice(f"{self.case_id}-2", *about, "citizen", "none"), self.clock.now(), 0, "erased"
            ),
        ):
            await callback.outcomes.record(self.promises.store, self.clock, CODE, self.case_id, outcome)
        await self.settle()

    async def forward(self, *, topic: str | None = None, owner: str | None = None) -> None:
        await self.act(casework.domain.Forward(topic, owner, "anna", SEALED))

    async def send_back(self) -> None:
        await self.act(casework.domain.Return("could_have_been_answered", "anna", SEALED))

    async def resolve(self) -> None:
        await self.act(casework.domain.Resolve("anna", SEALED, 7))

    async def reopen(self) -> None:
        await self.act(casework.domain.Reopen("anna", SEALED))

    async def wait(self, minutes: float = 0, *, days: float = 0) -> None:
        """Let time pass; timers fire and are judged at their time."""
        until = self.clock.now() + timedelta(minutes=minutes, days=days)
        while True:
            due = [
                (at, kind, commit.stream)
                for commit in await newest(self.promises, self.case_id)
                if commit.timers is not None
                for at, kind in ((commit.timers.next_at, "fire"), (commit.timers.judge_at, "judge"))
                if at is not None and at <= until
            ]
            if not due:
                break
            at, kind, stream = min(due)
            self.clock.moment = max(at, self.clock.moment)
            if kind == "fire":
                of_clock = callback.statutory.is_of_clock(CODE, stream)
                fire = callback.statutory.fire if of_clock else callback.handlers.fire
                await fire(self.promises, CODE, stream, self.case_id)
            else:
                await callback.handlers.judge(self.promises, CODE, stream, self.case_id, at)
            await self.settle()
        self.clock.moment = until

    async def settle(self) -> None:
        """Publish and read until there is nothing new."""
        while records := self._publish():
            for record in records:
                self.log.append(record)
                told = message_of(record)
                await routing.consumers.react(self.router, told)
                await casework.consumers.react(self.cases, told)
                await callback.consumers.react(self.promises, told)

    def _publish(self) -> list[Record]:
        services: dict[str, tuple[object, Callable[[Commit], Sequence[AnyContract | None]]]] = {
            "intake": (self.contacts, lambda c: intake.publisher.to_contracts(self.intake, c)),
            "routing": (self.router.store, lambda c: routing.publisher.to_contracts(self.router.decider, c)),
            "casework": (self.cases.store, lambda c: casework.publisher.to_contracts(self.cases.decider, c)),
            "callback": (
                self.promises.store,
                lambda c: callback.publisher.to_contracts(self.promises.decider, c),
            ),
        }
        records = []
        for service, (store, to_contracts) in services.items():
            commits = commits_of(store)
            for commit in commits[self._published[service] :]:
                told = to_contracts(commit)
                records += [
                    to_record("lofte", service, commit, place, contract)
                    for place, contract in enumerate(told)
                    if contract is not None
                ]
            self._published[service] = len(commits)
        return records


def message_of(record: Record) -> Message:
    """The record as a consumer reads it from the wire."""
    parsed = parse(record.headers, record.value)
    assert parsed is not None
    envelope, contract = parsed
    assert isinstance(contract, Contract)
    return Message(envelope, contract, traceparent=None)
