"""What a promise can be told, and asked for."""

from dataclasses import dataclass
from datetime import datetime

from callback.domain.facts import Fact, History, Reachable, Reply, Route
from callback.domain.policy import Term


@dataclass(frozen=True, slots=True)
class NoteContact:
    """The contact that opened the case."""

    received_at: datetime
    live: bool
    topic: str | None
    history: History | None = None
    channel: str | None = None
    citizen_kind: str | None = None
    agreed_due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NoteReachable:
    """When the citizen can be reached, told in whatever contact about the case."""

    reachable: Reachable


@dataclass(frozen=True, slots=True)
class NoteRoute:
    route: Route


@dataclass(frozen=True, slots=True)
class NoteFacts:
    """What happened to the case under the promise, in the order in which it happened."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class NoteReopening:
    """A case was reopened with the promises that it had, since the citizen asked again."""

    route: Route
    reply: Reply


@dataclass(frozen=True, slots=True)
class OweAgain:
    """A case was reopened so late that it owes a new promise, to whoever asked again: how, and as whom."""

    number: int
    route: Route
    channel: str | None = None
    citizen_kind: str | None = None


@dataclass(frozen=True, slots=True)
class Renew:
    """Another time was agreed with the citizen at `agreed_at`: `due_at`, or a `term` counted from then."""

    due_at: datetime | None
    term: Term | None
    agreed_at: datetime
    how: str
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Nobody needs to get back to the citizen any more."""

    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Fire:
    """The time of a stage has come."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Everything that was told before `safe` has been read."""

    safe: datetime


Command = (
    NoteContact
    | NoteReachable
    | NoteRoute
    | NoteFacts
    | NoteReopening
    | OweAgain
    | Renew
    | Withdraw
    | Fire
    | Judge
)


class RuleBroken(Exception):
    """A rule says no. `code` is stable and published."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
