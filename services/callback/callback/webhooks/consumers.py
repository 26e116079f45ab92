"""Kafka in: an event becomes a delivery to every subscription that wants it, before its offset is committed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chassis.crash import NEVER, CrashPoints
from chassis.reacting import Message
from chassis.views import View
from lofte_events import PUBLISHED, CaseRouted
from pymongo.asynchronous.collection import AsyncCollection

from callback.outgoing.deliveries import Deliveries, Delivery
from callback.webhooks.domain import Wanted, wants
from callback.webhooks.subscriptions import Subscriptions

Document = dict[str, Any]

GROUP = "callback.webhooks"
CASES = "webhook_cases"
SERVICES = tuple(PUBLISHED)

_EMPTY: Document = {"owner": None, "facts": 0}


def project(body: Document | None, message: Message) -> Document:
    """What has to be known of a case: its present owner, and how many facts were told of it, which is their order."""
    case = {**_EMPTY, **(body or {})}
    case["facts"] += 1
    match message.contract:
        case CaseRouted(owner=owner):
            case["owner"] = owner
    return case


Subscribed = Mapping[str, Sequence[tuple[str, Wanted]]]
"""What the active subscriptions want, by municipality."""


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells the deliveries of what is new. `cases`: what is known of each case, one guarded document."""

    subscriptions: Subscriptions
    deliveries: Deliveries
    cases: AsyncCollection[Document]
    crash: CrashPoints = NEVER

    async def reaction(self, batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        """At least once: an event is kept once for each subscription. What nobody asks for is passed, except where it
        says whose the case is now."""
        municipalities = {
            message.envelope.municipality for messages in batch.values() for message in messages
        }
        subscribed = await self.subscriptions.wanted(municipalities)
        concerning = {
            key: [message for message in messages if concerns(message, subscribed)]
            for key, messages in batch.items()
        }

        async def tell(news: Sequence[tuple[Document, Message]]) -> None:
            await self.deliveries.tell(list(_deliveries(news, subscribed)))

        view = View(self.cases, project, tell=tell, crash=self.crash)
        return await view.reaction({key: messages for key, messages in concerning.items() if messages})


def concerns(message: Message, subscribed: Subscribed) -> bool:
    """Whether a case has to know of it, now or for what may be asked for later."""
    if isinstance(message.contract, CaseRouted):
        return True
    envelope = message.envelope
    return any(envelope.type in asked.types for _, asked in subscribed.get(envelope.municipality, ()))


def _deliveries(news: Sequence[tuple[Document, Message]], subscribed: Subscribed) -> Iterator[Delivery]:
    for case, message in news:
        envelope = message.envelope
        for subscription, asked in subscribed.get(envelope.municipality, ()):
            if wants(asked, envelope.type, owner_of(case, message), envelope.stored_at or envelope.time):
                yield delivery_of(subscription, case, message)


def owner_of(case: Document, message: Message) -> str | None:
    """The owner whom an event is about: its own word for it, else whose case it is now; None: nobody's yet."""
    owner: str | None = getattr(message.contract, "owner", None) or case["owner"]
    return owner


def delivery_of(subscription: str, case: Document, message: Message) -> Delivery:
    """The delivery of an event: its envelope and contract as one CloudEvent."""
    envelope, contract = message.envelope, message.contract
    return Delivery(
        subscription=subscription,
        municipality=envelope.municipality,
        event_id=envelope.id,
        type=envelope.type,
        case_id=contract.case_id,
        place=case["facts"],
        body=envelope.structured(contract.__pydantic_serializer__.to_json(contract)),
    )
