"""HTTP in: what was promised, how it stands, and what would be promised, and what is agreed on anew, and what proves it."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from callback.api import capacity, changes, ledger, policies, promises, statutory
from callback.api.promises import Registry

__all__ = ["Registry", "routes"]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Callback's API."""
    rooms = (promises, ledger, policies, capacity, changes, statutory)
    return [route for room in rooms for route in room.routes(registry)]
