"""The rules of webhooks: who is told of an event."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscription wants to be told. No owners: every one. `since`: not what was stored before."""

    types: frozenset[str]
    owners: frozenset[str]
    since: datetime


def wants(wanted: Wanted, type_: str, owner: str | None, stored_at: datetime) -> bool:
    """Whether an event is told. `owner`: the event's own, else the case's present one; None: it has none yet."""
    if type_ not in wanted.types or (wanted.owners and owner not in wanted.owners):
        return False
    return stored_at >= wanted.since
