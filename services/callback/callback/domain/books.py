"""Policy books are kept: each version once, whole and for ever, so that a promise lives by the book it was made with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from callback.domain.policy import PolicyBook

Plain = Mapping[str, Any]
"""A book as text, numbers, lists and mappings."""


class BookNotAtHand(LookupError):
    """A book that was asked for is not among those at hand; whoever has the log can fetch it by `version`."""

    def __init__(self, version: int) -> None:
        super().__init__(f"policy book {version} is not at hand")
        self.version = version


class BookChanged(ValueError):
    """A version is kept with other content; `place` is the first field that differs, such as `promises.ladder[0]`."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


@dataclass(frozen=True, slots=True)
class PolicyBooks:
    """The books of one municipality that are at hand. New promises are made under `current`, the file's own."""

    current: PolicyBook
    others: Mapping[int, PolicyBook] = field(default_factory=dict)

    def of(self, version: int) -> PolicyBook:
        """The book of a version: what was promised under it goes on under it.

        Raises:
            BookNotAtHand: it must be fetched first, and the rules asked again.
        """
        if version == self.current.version:
            return self.current
        if version not in self.others:
            raise BookNotAtHand(version)
        return self.others[version]

    def with_book(self, book: PolicyBook) -> "PolicyBooks":
        """These and one more."""
        return replace(self, others={**self.others, book.version: book})


@dataclass(frozen=True, slots=True)
class PolicyBookPublished:
    """A book took its place among those that are kept."""

    version: int
    book: Plain


Kept = PolicyBookPublished | None
"""What is kept of one version."""


@dataclass(frozen=True, slots=True)
class PublishBook:
    version: int
    book: Plain


def decide(command: PublishBook, kept: Kept) -> list[PolicyBookPublished]:
    """A version is published once; again with the same content is nothing new.

    Raises:
        BookChanged: it is kept with other content.
    """
    if kept is None:
        return [PolicyBookPublished(command.version, command.book)]
    place = _difference(kept.book, command.book)
    if place is not None:
        raise BookChanged(place.removeprefix("."))
    return []


def evolve(_: Kept, event: PolicyBookPublished) -> Kept:
    """What is kept after an event."""
    return event


def _difference(kept: Any, told: Any) -> str | None:
    """Where two plain values differ first; None: nowhere."""
    if isinstance(kept, Mapping) and isinstance(told, Mapping):
        inside = [(f".{key}", kept.get(key), told.get(key)) for key in sorted(kept.keys() | told.keys())]
    elif _is_list(kept) and _is_list(told) and len(kept) == len(told):
        inside = [(f"[{place}]", *pair) for place, pair in enumerate(zip(kept, told, strict=True))]
    else:
        return None if kept == told else ""
    for step, one, other in inside:
        below = _difference(one, other)
        if below is not None:
            return step + below
    return None


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
