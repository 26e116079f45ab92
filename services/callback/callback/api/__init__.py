"""HTTP in: what was promised, how it stands, and what proves it."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from callback.api import ledger, promises
from callback.api.promises import Registry

__all__ = ["Registry", "routes"]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Callback's API."""
    return [*promises.routes(registry), *ledger.routes(registry)]
