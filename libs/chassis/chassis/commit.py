"""The commit: one decision is one document. State, outbox, inbox and timer in one atomic write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from chassis.ids import fresh_id

E = TypeVar("E")
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A private event as stored: its class name, the number of its shape, its fields."""

    id: str
    type: str
    schema: int
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timers:
    """When a stream wants to be looked at again: `next_at` to fire, `judge_at` to judge. Both in domain time."""

    next_at: datetime | None
    judge_at: datetime | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a command is handled. `caused_by` is `source/id#command` of a message, or client and key of a request."""

    caused_by: str
    actor: str
    body_hash: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One decision on one stream. Streams are `{municipality}.{noun}-{id}`; versions count from 1.

    `inside`: nothing of it is for others, so the relay need not see it.
    """

    municipality: str
    stream: str
    first_version: int
    events: Sequence[StoredEvent]
    cause: Cause
    correlation_id: str
    committed_at: datetime
    result: Mapping[str, Any] | None = None
    unique: str | None = None
    timers: Timers | None = None
    inside: bool = False
    id: Any = None
    stored_at: datetime | None = None

    @property
    def last_version(self) -> int:
        return self.first_version + len(self.events) - 1

    @property
    def causation_id(self) -> str:
        """The message that made us act; for a request, its commit (a client's key is nobody's business)."""
        caused_by = self.cause.caused_by
        return caused_by.rsplit("/", 1)[1].partition("#")[0] if caused_by.startswith("/") else str(self.id)


def caused_by_message(source: str, message_id: str, command: str) -> str:
    """The cause of a command that a message asked for; command names are frozen like event names."""
    return f"{source}/{message_id}#{command}"


def caused_by_request(client: str, key: str | None) -> str:
    """The cause of a command that a request asked for; without a key no two requests are the same."""
    # A key may have colons: without this one client's key could name what another client asked for.
    client = client.replace("%", "%25").replace(":", "%3A")
    return f"request:{client}:{key if key is not None else fresh_id()}"


@dataclass
class Codec(Generic[E]):
    """Private events to stored ones and back. Old shapes are lifted one step at a time by `upcasters`.

    Example: `Codec([CaseClaimed, NoteAdded], upcasters={("NoteAdded", 1): add_author})` stores NoteAdded as shape 2.
    """

    types: Sequence[type[E]]
    upcasters: Mapping[tuple[str, int], Upcaster] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._adapters = {event.__name__: TypeAdapter(event) for event in self.types}
        self._schemas = {
            name: 1 + sum(1 for upcast in self.upcasters if upcast[0] == name) for name in self._adapters
        }

    def store(self, event: E) -> StoredEvent:
        """One private event, ready to be written, under a fresh id."""
        name = type(event).__name__
        return StoredEvent(fresh_id(), name, self._schemas[name], self._adapters[name].dump_python(event))

    def restore(self, stored: StoredEvent) -> E:
        """One private event, in today's shape."""
        data = dict(stored.data)
        for schema in range(stored.schema, self._schemas[stored.type]):
            data = self.upcasters[stored.type, schema](data)
        return self._adapters[stored.type].validate_python(data)
