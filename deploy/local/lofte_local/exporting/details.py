"""What citizens said, read from intake by whoever may: each reading is kept there."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from lofte_local.errors import LocalError
from lofte_local.exporting.cases import PERSONAL

__all__ = ["Details"]

_AT_ONCE = 8


class Details:
    """Reads the details of contacts at an intake, with a token. Use as an async context manager."""

    def __init__(self, url: str, token: str) -> None:
        limits = httpx.Limits(max_connections=_AT_ONCE)
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.AsyncClient(
            base_url=url, headers=headers, limits=limits, timeout=30, trust_env=False
        )

    async def __aenter__(self) -> "Details":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def read(self, contact_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Of each contact, in this order. Raises LocalError when one is refused."""
        return await asyncio.gather(*(self._read(contact_id) for contact_id in contact_ids))

    async def _read(self, contact_id: str) -> dict[str, Any]:
        try:
            answer = await self._client.get(f"/contacts/{contact_id}")
        except httpx.TransportError:
            raise LocalError("intake does not answer: see ./lofte status.") from None
        if not answer.is_success:
            raise LocalError(f"intake refuses the details of a contact (status {answer.status_code}).")
        told = answer.json()
        return {name: told[name] for name in PERSONAL}
