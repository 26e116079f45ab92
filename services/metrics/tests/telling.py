"""Contracts told to the view."""

from datetime import UTC, datetime
from typing import Any

from chassis.reacting import Message
from lofte_events import Contract, Envelope
from metrics.views import project


def message(contract: Contract) -> Message:
    time = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
    return Message(Envelope("e", contract.TYPE, "/0581/x/y", "c1", time, 1, "0581"), contract, None)


def fold(*contracts: Contract) -> dict[str, Any]:
    """The facts of a case after contracts, one after the other."""
    body: dict[str, Any] | None = None
    for contract in contracts:
        body = project(body, message(contract))
    return body or {}
