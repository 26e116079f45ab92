"""HTTP in: what was promised, how it stands, and what would be promised, and what is agreed on anew."""

from collections.abc import Sequence

from litestar.types import ControllerRouterHandler

from callback.api import changes, policies, promises
from callback.api.promises import Registry

__all__ = ["Registry", "routes"]


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """Callback's API."""
    return [*promises.routes(registry), *policies.routes(registry), *changes.routes(registry)]
