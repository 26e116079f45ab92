"""HTTP in: an owner's cases, one case, and what is done with it."""

from casework.api.routes import Office, routes

__all__ = ["Office", "routes"]
