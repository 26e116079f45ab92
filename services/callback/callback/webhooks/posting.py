"""One delivery of a webhook: signed with the secrets that hold now, and posted."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from callback.outgoing.answers import Answer
from callback.outgoing.deliveries import Delivery
from callback.outgoing.lanes import Target
from callback.outgoing.sending import Send
from callback.outgoing.signing import signed_headers
from callback.webhooks.subscriptions import Subscriptions

Post = Callable[[str, Mapping[str, str], bytes], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Posting:
    """Posts to subscribers. `real_now`: real seconds since 1970: receivers compare it with their own clock."""

    subscriptions: Subscriptions
    post: Post
    real_now: Callable[[], float]

    async def open(self, target: Target) -> Send:
        """Raises Unavailable: its secrets cannot be opened."""
        url = target.row["url"]
        secrets = await self.subscriptions.secrets(target.municipality, target.id, target.row["secrets"])

        async def send(delivery: Delivery, _: int) -> Answer:
            headers = {
                "content-type": "application/cloudevents+json; charset=utf-8",
                "user-agent": "lofte-webhooks",
                **signed_headers(secrets, delivery.event_id, int(self.real_now()), delivery.body),
            }
            return await self.post(url, headers, delivery.body)

        return send
