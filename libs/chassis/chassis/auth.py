"""Who is asking: OIDC bearer tokens, checked against the issuer's published keys."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import (
    BadSignatureError,
    ExpiredTokenError,
    InvalidClaimError,
    InvalidKeyIdError,
    JoseError,
    MissingClaimError,
)
from joserfc.jwk import KeySet

from chassis.errors import Unauthenticated, Unavailable

_ALGORITHMS = ["ES256", "RS256"]
_LEEWAY = 5
_REFETCH_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_KEYS_LIVE_SECONDS = 600.0
_CACHED_TOKENS = 2048
_AWAY = "The issuer of tokens does not answer; try again in a moment."


@dataclass(frozen=True, slots=True)
class Principal:
    """Who a token speaks for: one person or system, in one role, in one municipality."""

    subject: str
    role: str
    municipality: str
    department: str | None = None

    @property
    def client(self) -> str:
        """Idempotency keys are scoped to it."""
        return f"{self.municipality}/{self.subject}"


class TokenVerifier:
    """Checks tokens of one issuer for one audience. Keys are fetched when first needed and kept.

    Args:
        now: real seconds since 1970. monotonic: real seconds, never set back.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        client: httpx.AsyncClient,
        now: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._issuer = issuer.rstrip("/")
        self._client = client
        self._now = now
        self._monotonic = monotonic
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=_LEEWAY,
            iss={"essential": True, "values": [self._issuer, f"{self._issuer}/"]},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys: KeySet | None = None
        self._asked_at: float | None = None
        self._fetching = asyncio.Lock()
        self._verified: OrderedDict[str, tuple[Principal, float]] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """The token's principal.

        Raises:
            Unauthenticated: the token does not hold; says why.
            Unavailable: the issuer's keys are not known yet and the issuer does not answer.
        """
        known = self._verified.get(token)
        if known is not None:
            if known[1] > self._now():
                self._verified.move_to_end(token)
                return known[0]
            del self._verified[token]
        claims = await self._checked_claims(token)
        principal = _principal(claims)
        # No longer than the keys hold: one that is withdrawn takes its tokens along.
        keys_end = self._now() + _KEYS_LIVE_SECONDS - self._since_asked()
        self._verified[token] = (principal, min(float(claims["exp"]) + _LEEWAY, keys_end))
        if len(self._verified) > _CACHED_TOKENS:
            self._verified.popitem(last=False)
        return principal

    async def close(self) -> None:
        await self._client.aclose()

    async def _checked_claims(self, token: str) -> dict[str, Any]:
        keys = await self._known_keys()
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
            except InvalidKeyIdError:
                # The issuer may have a new key: ask it once more.
                decoded = jwt.decode(token, await self._fetched_keys(), algorithms=_ALGORITHMS)
            self._claims.validate(decoded.claims)
        except ExpiredTokenError:
            raise Unauthenticated("The token has expired; fetch a new one.") from None
        except MissingClaimError as error:
            raise Unauthenticated(f"The token lacks a claim: {error.claim}.") from None
        except InvalidClaimError as error:
            raise Unauthenticated(f"The token's claim {error.claim} is not right for this service.") from None
        except BadSignatureError:
            raise Unauthenticated("The token's signature does not hold.") from None
        except InvalidKeyIdError:
            raise Unauthenticated(
                "The token was signed with a key that the issuer does not publish."
            ) from None
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Unauthenticated(f"The token is not a JWT signed with {' or '.join(_ALGORITHMS)}.") from None
        return decoded.claims

    async def _known_keys(self) -> KeySet:
        if self._keys is not None and self._since_asked() < _KEYS_LIVE_SECONDS:
            return self._keys
        return await self._fetched_keys()

    def _since_asked(self) -> float:
        return math.inf if self._asked_at is None else self._monotonic() - self._asked_at

    async def _fetched_keys(self) -> KeySet:
        async with self._fetching:
            # Whoever waited here finds what the one before was told.
            if self._keys is not None and self._since_asked() < _REFETCH_SECONDS:
                return self._keys
            if self._keys is None and self._since_asked() < _RETRY_SECONDS:
                raise Unavailable(_AWAY)
            try:
                self._keys = await self._fetch()
            except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError, AttributeError):
                if self._keys is None:
                    raise Unavailable(_AWAY) from None
            finally:
                self._asked_at = self._monotonic()
            return self._keys

    async def _fetch(self) -> KeySet:
        found = await self._client.get(f"{self._issuer}/.well-known/openid-configuration")
        configuration = found.raise_for_status().json()
        if configuration["issuer"].rstrip("/") != self._issuer:
            raise ValueError("the configuration is that of another issuer")
        published = (await self._client.get(configuration["jwks_uri"])).raise_for_status().json()
        usable = [key for key in published["keys"] if key.get("kty") in ("EC", "RSA")]
        return KeySet.import_key_set({"keys": usable})


def _principal(claims: dict[str, Any]) -> Principal:
    for name in ("sub", "role", "municipality"):
        value = claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
            raise Unauthenticated(f"The token lacks a usable claim: {name}.")
    department = claims.get("department")
    if department is not None and not isinstance(department, str):
        raise Unauthenticated("The token's claim department is not a text.")
    return Principal(claims["sub"], claims["role"], claims["municipality"], department)
