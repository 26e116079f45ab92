"""The development issuer: signs tokens with a key of its own, and never beside a real issuer."""

import json
import secrets
import time
import uuid
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from lofte_local.errors import LocalError
from lofte_local.files import write_secret

__all__ = ["AUDIENCE", "ROLES", "Issuer", "client_secret", "refuse_beside_real_issuer"]

ROLES = ("guide", "handler", "head", "robot", "auditor", "system", "admin")
AUDIENCE = "lofte"
_ALGORITHM = "ES256"
_GRANTED = timedelta(minutes=10)


def client_secret(folder: Path) -> str:
    """What a stack's own services show at the issuer to get a token; made at first."""
    path = folder / "client-secret"
    if not path.exists():
        write_secret(path, secrets.token_hex(32).encode())
    return path.read_text()


class Issuer:
    """Signs tokens as the issuer at a URL; the key lies in the stack's folder, readable by its owner alone."""

    def __init__(self, key: ECKey, url: str, client_secret: str) -> None:
        self.url = url
        self.client_secret = client_secret
        self._key = key

    @classmethod
    def open(cls, folder: Path, url: str) -> "Issuer":
        """The issuer of the stack in this folder; makes its key at first."""
        path = folder / "issuer-key.json"
        if not path.exists():
            key = ECKey.generate_key(
                "P-256", parameters={"kid": uuid.uuid4().hex, "alg": _ALGORITHM, "use": "sig"}
            )
            write_secret(path, json.dumps(key.as_dict(private=True)).encode())
        return cls(ECKey.import_key(json.loads(path.read_text())), url, client_secret(folder))

    def token(
        self,
        role: str,
        municipality: str,
        *,
        department: str | None = None,
        subject: str | None = None,
        lifetime: timedelta = timedelta(hours=12),
    ) -> str:
        """A signed bearer token. Raises LocalError on an unknown role."""
        if role not in ROLES:
            raise LocalError(f"Unknown role {role}: choose one of {', '.join(ROLES)}.")
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject or f"local-{role}",
            "iat": now,
            "nbf": now - 5,
            "exp": now + int(lifetime.total_seconds()),
            "role": role,
            "municipality": municipality,
        }
        if department is not None:
            claims["department"] = department
        return jwt.encode(
            {"alg": _ALGORITHM, "kid": self._key.kid}, claims, self._key, algorithms=[_ALGORITHM]
        )

    def grant(self, client_id: str, secret: str) -> dict[str, Any] | None:
        """What `/token` answers a service of the stack, `callback-{municipality}`: a token with role system; None: it is
        nobody."""
        service, _, municipality = client_id.partition("-")
        if (
            service != "callback"
            or not municipality
            or not secrets.compare_digest(secret, self.client_secret)
        ):
            return None
        token = self.token("system", municipality, subject=client_id, lifetime=_GRANTED)
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(_GRANTED.total_seconds())}

    def configuration(self) -> dict[str, Any]:
        """What `/.well-known/openid-configuration` answers."""
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks.json",
            "token_endpoint": f"{self.url}/token",
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "id_token_signing_alg_values_supported": [_ALGORITHM],
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
        }

    def jwks(self) -> dict[str, Any]:
        """What `/jwks.json` answers: the public key alone."""
        return {"keys": [self._key.as_dict(private=False)]}


def refuse_beside_real_issuer(own_url: str, environment: Mapping[str, str]) -> None:
    """Raises LocalError when the environment names another issuer, or production."""
    named = environment.get("LOFTE_ISSUER", "").rstrip("/")
    if named and named != own_url:
        raise LocalError(
            f"LOFTE_ISSUER names a real issuer ({named}); the development issuer does not run beside it: unset LOFTE_ISSUER."
        )
    if environment.get("LOFTE_ENVIRONMENT", "development") != "development":
        raise LocalError(
            "LOFTE_ENVIRONMENT is not development; a local stack is for development only: unset it."
        )
