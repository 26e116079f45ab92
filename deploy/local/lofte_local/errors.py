"""What can go wrong with a local stack: one sentence that carries its remedy, never a stack trace."""

__all__ = ["LocalError"]


class LocalError(Exception):
    """A sentence for the person at the keyboard: what is wrong and what to do about it."""
