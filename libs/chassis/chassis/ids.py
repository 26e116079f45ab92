"""Ids: fresh ones in time order, and derived ones that a repeat makes again."""

import hashlib
from uuid import UUID, uuid5

from uuid_utils.compat import uuid7

_NAMESPACE = UUID("6c6f6674-6500-5000-8000-000000000581")


def fresh_id() -> str:
    """A new id; later ones sort later."""
    return str(uuid7())


def derived_id(*parts: str) -> str:
    """The same parts give the same id, on any replica, after any crash."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    return str(uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))


def body_hash(method: str, path: str, body: bytes) -> str:
    """What a request with an idempotency key is recognised by: method, path and body."""
    return hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()
