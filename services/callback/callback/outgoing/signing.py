"""Standard Webhooks: `webhook-id`, `webhook-timestamp`, `webhook-signature`, HMAC-SHA256 (v1)."""

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping, Sequence

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret to share with one receiver, as Standard Webhooks writes them."""
    return _PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The three headers. `timestamp`: real seconds since 1970; one signature for each secret that holds now."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (
        hmac.new(base64.b64decode(secret.removeprefix(_PREFIX)), signed, hashlib.sha256).digest()
        for secret in secrets
    )
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
