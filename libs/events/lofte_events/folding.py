"""The guard of every reader: records come again, and late; what was seen of a source is folded no more.

Pure, and told by the envelope alone: it is the same for our own views and for another system's, whatever they keep.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypedDict, TypeVar

from lofte_events.envelope import Envelope


class Told(Protocol):
    """Whatever has an envelope: a `Fact`, or a service's own message."""

    @property
    def envelope(self) -> Envelope: ...


class Seen(TypedDict):
    """The last sequence that was folded of a source."""

    source: str
    sequence: int


B = TypeVar("B")
T = TypeVar("T", bound=Told)


def fold(
    body: B | None,
    seen: Iterable[Seen],
    told: Iterable[T],
    project: Callable[[B | None, T], B | None],
) -> tuple[B, list[Seen]] | None:
    """Fold what is newer than `seen` into `body`: the new body, and what it has seen, to be kept in the same write.

    None: nothing is new, so there is nothing to write. `project` gets the body (None: there is none yet) and gives the new one; None: nothing to keep of this one. It must
    commute over sources: they come in any order relative to each other. Of one source the order is kept, here and on
    the topics: an older one that comes after a newer one is a repeat.
    """
    last = {entry["source"]: entry["sequence"] for entry in seen}
    news = False
    for one in told:
        envelope = one.envelope
        if envelope.sequence <= last.get(envelope.source, -1):
            continue
        projected = project(body, one)
        if projected is None and body is None:
            continue
        body = projected if projected is not None else body
        last[envelope.source] = envelope.sequence
        news = True
    if not news or body is None:
        return None
    return body, [Seen(source=source, sequence=sequence) for source, sequence in last.items()]
