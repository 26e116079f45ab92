"""One attempt at a notice: is it still owed, where does it go, out with it, and write down that it went."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from chassis.clock import Clock
from chassis.crash import NEVER, CrashPoints
from chassis.errors import Unavailable
from chassis.store import EventStore
from municipality import Municipality

from callback.domain import CITIZEN, Promise, when_told
from callback.domain.notices import Notice, NoticeFailed, NoticeSent
from callback.handlers import Promises, stream_of
from callback.notices.message import Message
from callback.notices.metrics import NoticeMetrics
from callback.notices.reach import Reaching
from callback.notices.ways import NOT_REACHED, Letter, Way
from callback.outcomes import record, told_of
from callback.outgoing.answers import Answer
from callback.outgoing.deliveries import Delivery
from callback.outgoing.lanes import Target
from callback.outgoing.sending import Send

_log = structlog.get_logger()

DONE = Answer(204)
"""Nothing is left to do."""
NOT_CONFIGURED = "not-configured"
NO_RECEIVER = "no-receiver"


@dataclass(frozen=True, slots=True)
class Posting:
    """Sends notices. `ways`: by channel, those that are set up; `reaching`: None where intake cannot be asked."""

    promises: Promises
    towns: Mapping[str, Municipality]
    ways: Mapping[str, Way]
    reaching: Reaching | None
    metrics: NoticeMetrics
    crash: CrashPoints = NEVER

    @property
    def store(self) -> EventStore:
        return self.promises.store

    @property
    def clock(self) -> Clock:
        return self.promises.clock

    async def open(self, _: Target) -> Send:
        """Nothing has to be made ready."""
        return self.send

    async def send(self, delivery: Delivery, attempt: int) -> Answer:
        """Send a notice, the n-th time. What cannot be sent at all is written down once and not tried again.

        Raises:
            Unavailable: the database is away; the notice is tried again, with the same id.
        """
        message, code = Message.read(delivery.body), delivery.municipality
        notice = message.notice
        if notice.id in (await told_of(self.store, code, message.case_id)).sent:
            return DONE
        if not owed(notice, await self._promise(code, message)):
            self.metrics.settled(notice.channel, "moot")
            return DONE
        if notice.receiver != CITIZEN and (wait := self._until_told(code, notice)):
            return Answer(None, postponed=wait)
        try:
            found = await self._letter(code, message)
        except Unavailable:
            return Answer(None, fault=NOT_REACHED)
        if isinstance(found, str):
            await self.fail(delivery, found, attempt - 1)
            return DONE
        channel, letter = found
        if notice.receiver == CITIZEN and (wait := self._until_citizen(code, message, channel)):
            return Answer(None, postponed=wait)
        answer = await self.ways[channel].send(letter)
        if answer.delivered:
            self.crash.passed("taken")
            sent = NoticeSent(replace(notice, channel=channel), self.clock.now(), attempt)
            await record(self.store, self.clock, code, message.case_id, sent)
            self.metrics.settled(channel, "sent")
        return answer

    async def fail(self, delivery: Delivery, reason: str, attempts: int) -> None:
        """Write down that a notice did not go out."""
        message = Message.read(delivery.body)
        channel = "none" if message.notice.receiver == CITIZEN else message.notice.channel
        failed = NoticeFailed(replace(message.notice, channel=channel), self.clock.now(), attempts, reason)
        await record(self.store, self.clock, delivery.municipality, message.case_id, failed)
        self.metrics.settled(channel, "failed")
        _log.warning("a notice did not go out", notice=message.notice.id, case=message.case_id, reason=reason)

    def _until_told(self, code: str, notice: Notice) -> float:
        """Real seconds. Those who work hear of it in their hours: now, after an outage that ended in the night, after an
        attempt that failed."""
        calendar = self.promises.books[code].current.calendar_of_role(notice.owner, notice.receiver)
        return self._wait(when_told(calendar, self.clock.now()))

    def _until_citizen(self, code: str, message: Message, channel: str) -> float:
        """Real seconds. A text message wakes nobody, so it goes out before the night; e-mail at the very time."""
        hours, now = self.promises.books[code].current.text_hours, self.clock.now()
        if channel == "sms":
            return self._wait(hours.next_open(now)) if hours else 0.0
        return self._wait(message.ahead_of or now)

    def _wait(self, until: datetime) -> float:
        return max(self.clock.real_seconds(until - self.clock.now()), 0.0)

    async def _promise(self, code: str, message: Message) -> Promise:
        stream = stream_of(code, message.case_id, message.notice.promise_number)
        return self.promises.decider.fold(await self.store.load(code, stream))

    async def _letter(self, code: str, message: Message) -> tuple[str, Letter] | str:
        """The channel and what goes out on it; or why nothing can."""
        town, notice = self.towns.get(code), message.notice
        if town is None or town.notices is None:
            return NOT_CONFIGURED
        words = dict(message.words)
        if notice.receiver == CITIZEN:
            channels = [channel for channel in ("email", "sms") if channel in self.ways]
            if self.reaching is None or not channels or code not in self.reaching.clients:
                return NOT_CONFIGURED
            reached = await self.reaching.ask(code, message.case_id, channels)
            if reached is None or reached.channel is None or reached.address is None:
                return (reached.reason if reached else None) or "no-address"
            channel, address = reached.channel, reached.address
            words["case"] = reached.case_reference
            words["reason"] = town.notices.text(f"reason-{_known(words['reason'])}").filled(words)[1]
        else:
            channel = notice.channel
            contact = town.contact_of(notice.owner, notice.receiver)
            known = contact.ways.get(channel) if contact else None
            if known is None:
                return NO_RECEIVER  # it was taken out of the file meanwhile
            address = known
        if channel not in self.ways:
            return NOT_CONFIGURED
        occasion = message.occasion
        if occasion == "delay" and self.clock.now() < notice.due_at:
            occasion = "delay-ahead"
        subject, text = town.notices.text(occasion).filled(words)
        return channel, Letter(notice.id, address, town.notices.sender, subject, text, _about(message))


def owed(notice: Notice, promise: Promise) -> bool:
    """Whether a notice still says what is so: nobody has answered, the time is the same and runs, and no later step was
    told to those who work."""
    clock = promise.clock
    if clock is None or promise.ended or promise.answered or promise.paused is not None:
        return False
    if clock.due_at != notice.due_at:
        return False
    if notice.receiver == CITIZEN:
        return True
    passed = [stage.identity for stage in clock.stages if stage.identity in promise.passed]
    return (notice.stage, notice.step) not in passed[:-1]


def _known(reason: str) -> str:
    return reason if reason in ("late", "moved") else "late"


def _about(message: Message) -> Mapping[str, object]:
    notice = message.notice
    return {
        "case_id": message.case_id,
        "promise_number": notice.promise_number,
        "owner": notice.owner,
        "due_at": notice.due_at.isoformat(),
        "stage": notice.stage,
        "step": notice.step,
        "receiver": notice.receiver,
        "link": message.words["link"],
    }
