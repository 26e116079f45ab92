"""What people do with a case: a table. A new act of casework is a new row here, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from casework.domain import (
    AddNote,
    AwaitCitizen,
    Case,
    Claim,
    Command,
    Forward,
    RecordContact,
    Reopen,
    Resolve,
    Resume,
    Return,
    Withdraw,
)
from municipality import Municipality

BY = "anna"


@dataclass(frozen=True, slots=True)
class Moment:
    """An act as it is done: on what, when by the replica's clock. `luck` and `pick` (0..1) were drawn beforehand: a
    repeat asks for the same. `words`: the sealed text."""

    case: Case
    now: datetime
    luck: float
    pick: float
    municipality: Municipality
    words: bytes

    @property
    def occurred_at(self) -> datetime:
        """Mostly now; sometimes told a little later, or much later than the limit on back-dating allows."""
        if self.luck < 0.7:
            return self.now
        back = timedelta(minutes=14 if self.luck < 0.9 else 300) * self.pick
        received_at = self.case.opener.received_at if self.case.opener else self.now
        return max(self.now - back, min(received_at, self.now))


@dataclass(frozen=True, slots=True)
class Act:
    """`weight`: how often, beside the others. `field`: the text that goes with it is sealed as this."""

    name: str
    weight: float
    possible: Callable[[Case], bool]
    command: Callable[[Moment], Command]
    field: str | None = None


def _open(case: Case) -> bool:
    return case.resolved_at is None and not case.handed_over


def _open_at_a_department(case: Case) -> bool:
    return _open(case) and case.route is not None and not case.route.owner.startswith("group.")


def _called(outcome: str) -> Callable[[Moment], Command]:
    return lambda moment: RecordContact(outcome, BY, moment.occurred_at)


_MISSES = ("voicemail", "no_answer", "voicemail", "busy", "wrong_number", "refused")


def _missed(moment: Moment) -> Command:
    return RecordContact(_MISSES[int(moment.pick * len(_MISSES))], BY, moment.occurred_at)


def _await(moment: Moment) -> Command:
    """A third waits until a time that the citizen chose: within the limit, or beyond it."""
    chosen = moment.now + timedelta(days=30 * moment.pick**2 / 3) if moment.pick < 0.33 else None
    reason = "time_chosen_by_citizen" if chosen else "awaiting_citizen"
    return AwaitCitizen(reason, BY, moment.occurred_at, chosen)


def _forward_by_topic(moment: Moment) -> Command:
    topics = sorted(moment.municipality.topics)
    topic = moment.municipality.topics[topics[int(moment.pick * len(topics))]]
    return Forward(topic.id, None, BY, moment.words, topic.department)


def _forward_to_owner(moment: Moment) -> Command:
    owners = sorted(moment.municipality.owners)
    return Forward(None, owners[int(moment.pick * len(owners))], BY, moment.words)


TRY = Act("try", 0.0, _open, _called("voicemail"))
"""Calling, and leaving a message: done so often, it has been tried."""

ACTS: Sequence[Act] = (
    Act("claim", 1.0, _open, lambda moment: Claim(BY)),
    Act("note", 0.5, lambda _: True, lambda moment: AddNote("note", BY, moment.words), "note"),
    Act("reach", 2.0, _open, _called("reached")),
    Act("miss", 2.0, _open, _missed),
    Act("await", 4.0, lambda case: _open(case) and case.awaiting is None, _await),
    Act("resume", 1.5, lambda case: _open(case) and case.awaiting is not None, lambda moment: Resume(BY)),
    Act("withdraw", 0.4, _open, lambda moment: Withdraw("cancelled", BY)),
    Act("write", 1.0, _open, _called("answered_in_writing")),
    Act("forward by topic", 1.5, _open, _forward_by_topic, "reason"),
    Act("forward to owner", 0.7, _open, _forward_to_owner, "reason"),
    Act("return", 1.5, _open_at_a_department, lambda m: Return("wrong_owner", BY, m.words), "text"),
    Act("resolve", 2.0, _open, lambda moment: Resolve(BY, moment.words, 7), "answer"),
    Act("reopen", 1.5, lambda case: case.resolved_at is not None, lambda m: Reopen(BY, m.words), "reason"),
)
