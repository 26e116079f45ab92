"""What became of notices, in the log: a stream for each case."""

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Commit
from chassis.handling import Decider, Decision, handle
from chassis.store import EventStore

from callback.domain.notices import NoticeFailed, NoticeSent, Outcome, Told, decide, evolve

_NOUN = "notices"


def decider() -> Decider[Told, Outcome]:
    """The rules of a case's notices. All of it is published."""
    codec: Codec[Outcome] = Codec([NoticeSent, NoticeFailed])
    return Decider(Told(), evolve, codec)


def stream_of(municipality: str, case_id: str) -> str:
    """The stream of a case's notices."""
    return f"{municipality}.{_NOUN}-{case_id}"


def is_of_notices(commit: Commit) -> bool:
    """Whether a commit tells of a notice."""
    return commit.stream.startswith(f"{commit.municipality}.{_NOUN}-")


async def told_of(store: EventStore, municipality: str, case_id: str) -> Told:
    """What is known of the notices of a case."""
    return decider().fold(await store.load(municipality, stream_of(municipality, case_id)))


async def record(store: EventStore, clock: Clock, municipality: str, case_id: str, outcome: Outcome) -> None:
    """Write down what became of a notice; safe to repeat. Raises Unavailable."""
    happened = "sent" if isinstance(outcome, NoticeSent) else "failed"
    await handle(
        store,
        decider(),
        clock,
        municipality=municipality,
        stream=stream_of(municipality, case_id),
        correlation_id=case_id,
        cause=Cause(f"notice-{happened}:{outcome.notice.id}", "callback"),
        decide=lambda told, _: Decision(decide(outcome, told)),
    )
