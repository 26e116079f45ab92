"""A municipality's cases and events, as files that are read anywhere and imported again."""

from lofte_local.exporting.command import export

__all__ = ["export"]
