"""The citizen's address: asked of intake when a notice is sent, and kept nowhere."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx
from chassis.errors import Unavailable
from pydantic import BaseModel, ValidationError

from callback.settings import ReachClient

_EARLY = 30.0
_NOT_FOUND = 404


class Reached(BaseModel):
    """As intake tells it: a channel and an address, or the reason why there is none."""

    case_reference: str
    channel: str | None = None
    address: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reaching:
    """Asks intake. `clients`: by municipality; `monotonic`: real seconds."""

    http: httpx.AsyncClient
    intake: str
    issuer: str
    clients: Mapping[str, ReachClient]
    monotonic: Callable[[], float]
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def ask(self, municipality: str, case_id: str, channels: Sequence[str]) -> Reached | None:
        """How to reach the citizen of a case; None: callback is nobody there, or the case is not known.

        Raises:
            Unavailable: intake or the issuer does not answer as it should.
        """
        client = self.clients.get(municipality)
        if client is None:
            return None
        try:
            token = await self._token(municipality, client)
            response = await self.http.get(
                f"{self.intake.rstrip('/')}/cases/{case_id}/reach",
                params={"channels": ",".join(channels)},
                headers={"Authorization": f"Bearer {token}"},
            )
            if response.status_code == _NOT_FOUND:
                return None
            if response.status_code == httpx.codes.UNAUTHORIZED:
                self.tokens.pop(municipality, None)
            return Reached.model_validate(response.raise_for_status().json())
        except (httpx.HTTPError, ValidationError, ValueError, KeyError, TypeError) as error:
            # Not the error's own words: they could repeat an address.
            raise Unavailable(f"intake tells no address: {type(error).__name__}") from None

    async def _token(self, municipality: str, client: ReachClient) -> str:
        known = self.tokens.get(municipality)
        if known is not None and known[1] > self.monotonic():
            return known[0]
        found = await self.http.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        asked = {"grant_type": "client_credentials"} | ({"scope": client.scope} if client.scope else {})
        answer = await self.http.post(
            found.raise_for_status().json()["token_endpoint"],
            data=asked,
            auth=(client.client_id, client.client_secret.get_secret_value()),
        )
        told = answer.raise_for_status().json()
        token, lasts = str(told["access_token"]), float(told.get("expires_in", 60))
        self.tokens[municipality] = (token, self.monotonic() + max(lasts - _EARLY, 0.0))
        return token
