"""One bad request, and what must be said to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Bad"]


@dataclass(frozen=True)
class Bad:
    """A request that is refused. `path` may hold {case}, an open case, {resolved}, or {webhook}; `body` is sent as JSON, `raw` as it is."""

    why: str
    service: str
    method: str
    path: str
    status: int
    names: str | None = None
    body: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    role: str = "guide"
