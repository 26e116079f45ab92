"""Kafka in: what fell due becomes one notice for each receiver and way, before its offset is committed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import structlog
from chassis.clock import Clock
from chassis.ids import derived_id
from chassis.reacting import Message as Record
from chassis.store import EventStore
from lofte_events import CallbackDue
from municipality import Municipality

from callback.domain import CITIZEN, CONTACT_CENTRE_HEAD
from callback.domain.notices import Notice, NoticeFailed
from callback.notices.message import UNRESOLVED, Message, words_of
from callback.notices.metrics import NoticeMetrics
from callback.notices.targets import Targets
from callback.outcomes import record
from callback.outgoing.deliveries import Deliveries, Delivery

_log = structlog.get_logger()

GROUP = "callback.notices"
SERVICES = ("callback",)
NO_RECEIVER = "no-receiver"


@dataclass(frozen=True, slots=True)
class Telling:
    """Makes notices; municipalities without a part `notices` have none."""

    store: EventStore
    clock: Clock
    towns: Mapping[str, Municipality]
    deliveries: Deliveries
    targets: Targets
    metrics: NoticeMetrics

    async def react(self, record_: Record) -> None:
        """At least once: a notice is kept once, and sent once as far as the log knows."""
        town = self.towns.get(record_.envelope.municipality)
        if isinstance(record_.contract, CallbackDue) and town is not None and town.notices is not None:
            await self._tell(town, record_.envelope.id, record_.contract)

    async def _tell(self, town: Municipality, event_id: str, due: CallbackDue) -> None:
        messages = [*self._messages(town, event_id, due)]
        for message in messages:
            if message.about is not None:
                await self._missing(town, message)
        deliveries = [
            self._delivery(town, message) for message in messages if message.notice.channel != "none"
        ]
        await self.targets.ensure(town.code, {delivery.subscription for delivery in deliveries})
        await self.deliveries.tell(deliveries)

    def _messages(self, town: Municipality, event_id: str, due: CallbackDue) -> Iterator[Message]:
        owner = town.owner(due.owner)
        link = town.notices.link if town.notices else None
        words = words_of(due, owner.name if owner else due.owner, town.name, town.time_zone, link)

        def message(role: str, channel: str, occasion: str, about: str | None = None) -> Message:
            notice_id = derived_id(town.code, event_id, role, channel, about or "", "notice")
            notice = Notice(
                notice_id, due.promise_number, due.owner, due.due_at, due.stage, due.step, role, channel
            )
            told = {**words, "role": about or role, "reason": due.delay_reason or ""}
            return Message(notice, due.case_id, occasion, told, about, due.ahead_of)

        for role in due.receivers or (due.to,):
            if role == CITIZEN:
                yield message(role, CITIZEN, "delay")
                continue
            contact = town.contact_of(due.owner, role)
            for channel in contact.ways if contact else ():
                yield message(role, channel, due.stage)
            if contact is None:
                supervisor = town.contact_of(due.owner, CONTACT_CENTRE_HEAD)
                for channel in supervisor.ways if supervisor else ("none",):
                    yield message(CONTACT_CENTRE_HEAD, channel, UNRESOLVED, role)

    async def _missing(self, town: Municipality, message: Message) -> None:
        """A role that nobody can reach: the head of the contact centre is told, and so are the log and the operators."""
        notice, role = message.notice, str(message.about)
        self.metrics.unresolved(town.code, role)
        _log.error(
            "a notice has no receiver",
            municipality=town.code,
            owner=notice.owner,
            role=role,
            case=message.case_id,
        )
        lost_id = derived_id(notice.id, "lost")
        lost = Notice(
            lost_id,
            notice.promise_number,
            notice.owner,
            notice.due_at,
            notice.stage,
            notice.step,
            role,
            "none",
        )
        outcome = NoticeFailed(lost, self.clock.now(), 0, NO_RECEIVER)
        await record(self.store, self.clock, town.code, message.case_id, outcome)

    def _delivery(self, town: Municipality, message: Message) -> Delivery:
        notice = message.notice
        return Delivery(
            subscription=self.targets.of(town.code, notice),
            municipality=town.code,
            event_id=notice.id,
            type=message.occasion,
            case_id=message.case_id,
            place=0,
            body=message.stored(),
            order=notice.id,
        )
