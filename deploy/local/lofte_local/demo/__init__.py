"""One Monday at a contact centre, played on a stack of its own through the public APIs."""

from lofte_local.demo.command import run

__all__ = ["run"]
