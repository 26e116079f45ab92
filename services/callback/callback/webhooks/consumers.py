"""Kafka in: an event becomes a delivery to every subscription that wants it, before its offset is committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chassis.reacting import Message
from lofte_events import PUBLISHED, CaseRouted

from callback.outgoing.deliveries import Deliveries, Delivery
from callback.webhooks.domain import wants
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


@dataclass(frozen=True, slots=True)
class Telling:
    """Tells the deliveries of what is new."""

    subscriptions: Subscriptions
    deliveries: Deliveries

    async def tell(self, news: Sequence[tuple[Document, Message]]) -> None:
        """Each message with its case after it. At least once: an event is kept once for each subscription."""
        wanted = await self.subscriptions.wanted({message.envelope.municipality for _, message in news})
        await self.deliveries.tell(
            [
                delivery_of(subscription, case, message)
                for case, message in news
                for subscription, asked in wanted.get(message.envelope.municipality, ())
                if wants(
                    asked,
                    message.envelope.type,
                    owner_of(case, message),
                    message.envelope.stored_at or message.envelope.time,
                )
            ]
        )


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
