"""The keys that other systems seal to, and what they sealed: compact JWE, one fixed pair of algorithms."""

import json
from collections.abc import Mapping
from typing import Any

from chassis.http.app import LARGEST_BODY
from joserfc import jwe
from joserfc.errors import UnsupportedAlgorithmError
from joserfc.jwk import ECKey
from lofte_events import SEALED_WITH
from pydantic import SecretStr

from intake.inbound import Rejected, plain_object

_REMEDY = "LOFTE_INBOUND_KEYS: not a JWKS of private P-256 keys, each with a kid of its own"


_registry = jwe.JWERegistry(algorithms=list(SEALED_WITH))
# Bounded by the message already; the library's own bound is less than the longest text.
_registry.max_ciphertext_length = LARGEST_BODY


class SealingKeys:
    """The keys in the order in which they are published: whoever seals takes the first, all of them open."""

    def __init__(self, jwks: SecretStr | None) -> None:
        """From the text of a JWKS; None: there is no key.

        Raises:
            ValueError: it is not one, or a key in it is not for this.
        """
        try:
            told = json.loads(jwks.get_secret_value())["keys"] if jwks is not None else []
            keys = [ECKey.import_key({**key, "use": "enc", "alg": SEALED_WITH[0]}) for key in told]
            self._keys = {
                key.kid: key for key in keys if key.curve_name == "P-256" and key.is_private and key.kid
            }
        except Exception:
            # The library's own text may quote the key.
            raise ValueError(_REMEDY) from None
        if len(self._keys) != len(told):
            raise ValueError(_REMEDY)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def published(self) -> dict[str, Any]:
        """The public halves as a JWKS."""
        return {"keys": [key.as_dict(private=False) for key in self._keys.values()]}

    def open(self, sealed: object) -> Mapping[str, Any]:
        """The object that was sealed. Raises Rejected."""
        if not isinstance(sealed, str):
            raise Rejected("invalid-field", "sealed", "missing, or not a compact JWE")
        try:
            opened = jwe.decrypt_compact(sealed, self._key_of, registry=_registry)
        except Rejected:
            raise
        except UnsupportedAlgorithmError:
            raise Rejected(
                "wrong-algorithm", "sealed", f"{' with '.join(SEALED_WITH)} alone, not zipped"
            ) from None
        except Exception:
            # A stranger's token makes the library stumble in many ways, and its words may be the token's.
            raise Rejected(
                "unreadable-seal", "sealed", "does not open with the key that its kid names"
            ) from None
        return plain_object(opened.plaintext or b"")

    def _key_of(self, token: Any) -> ECKey:
        kid = token.headers().get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Rejected("unknown-key", "sealed", "no such kid; seal to the first key of GET /keys")
        return key
