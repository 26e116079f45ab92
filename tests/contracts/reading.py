"""Reading the records of a story in some order, again and late; and what must be the same at the end."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
import callback.consumers
import callback.handlers
import callback.views
import casework.consumers
import casework.views
import intake.views
import metrics.views
import routing.consumers
from bson.codec_options import CodecOptions
from callback.domain import Promise
from callback.outcomes import is_of_notices
from callback.statutory import is_of_clock
from chassis.reacting import Message
from chassis.testing.clock import ManualClock
from chassis.views import Project, by_case

from .town import CODE, Change, commits_of, new_cases, new_promises, new_router, newest

Document = dict[str, Any]
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True, tzinfo=UTC)
_HEARS = {"intake", "routing", "casework"}
_JUST_BEFORE = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Order:
    """An order of reading. `places`: of the records in the log; `again`: after how many readings how many of the last
    ones come again; `looks`: after how many readings the timers are looked at."""

    places: Sequence[int]
    again: Mapping[int, int] = field(default_factory=dict)
    looks: frozenset[int] = frozenset()

    def read(self, log: Sequence[Message]) -> list[tuple[Message, bool]]:
        """The records in this order, repeats among them; whether timers are looked at after each."""
        told: list[Message] = []
        found: list[tuple[Message, bool]] = []
        for count, place in enumerate(self.places):
            told.append(log[place])
            repeats = told[-self.again[count] :] if self.again.get(count) else []
            found += [(message, False) for message in (log[place], *repeats)]
            found[-1] = (found[-1][0], count in self.looks)
        return found


def service_of(message: Message) -> str:
    return message.envelope.source.split("/")[2]


async def routes_after(log: Sequence[Message], order: Order, now: datetime) -> object:
    """What routing has decided: its state, and the routes that it publishes."""
    router = new_router(ManualClock(now))
    for message, _ in order.read(log):
        await routing.consumers.react(router, message)
    events = [router.decider.codec.restore(e) for c in commits_of(router.store) for e in c.events]
    kinds = sorted(type(event).__name__ for event in events if type(event).__name__ != "HandOverNoted")
    return replace(router.decider.fold(commits_of(router.store)), waiting=()), kinds


async def case_after(log: Sequence[Message], order: Order, now: datetime) -> object:
    """What casework knows of the case, before anybody acts on it."""
    cases = new_cases(ManualClock(now))
    for message, _ in order.read(log):
        await casework.consumers.react(cases, message)
    case = cases.decider.fold(commits_of(cases.store))
    return replace(case, contacts=tuple(sorted(case.contacts)))


async def promises_after(
    log: Sequence[Message], order: Order, now: datetime, changes: Sequence[Change] = ()
) -> dict[str, object]:
    """What callback has promised and how that ended, each promise of the case for itself.

    When timers are looked at, everything that is due by `now` fires; judged is only what is safe: what is still to be
    read was stored later. What people ask of callback itself (`changes`) it is asked at that time: nothing that was
    stored later has been read then.
    """
    clock = ManualClock(now)
    promises = new_promises(clock)
    unread: list[Message | Change] = [*changes, *(m for m in log if service_of(m) in _HEARS)]
    for step, look in _asked_in_time(order.read(log), changes):
        if isinstance(step, Change):
            clock.moment = step.at
            case_id = log[0].contract.case_id
            await callback.handlers.change(
                promises, CODE, case_id, step.command, step.cause, may=lambda _: None
            )
            clock.moment = now
        else:
            await callback.consumers.react(promises, step)
        unread = [other for other in unread if other is not step and _id(other) != _id(step)]
        if look:
            await _look(promises, log[0].contract.case_id, min(map(_stored, unread), default=now))
    await _look(promises, log[0].contract.case_id, now + _JUST_BEFORE)
    return {stream: _promised(promises, stream) for stream in {c.stream for c in commits_of(promises.store)}}


def ended_in(promises: callback.handlers.Promises) -> dict[str, object]:
    """The same of a town whose timers fired in time. Notices and statutory clocks are in streams of their own."""
    streams = {
        c.stream
        for c in commits_of(promises.store)
        if not is_of_notices(c) and not is_of_clock(c.municipality, c.stream)
    }
    return {stream: _promised(promises, stream) for stream in streams}


Step = tuple[Message | Change, bool]


def _asked_in_time(steps: Sequence[Step], changes: Sequence[Change]) -> Sequence[Step]:
    """Each change after the facts that make the promise, and before all that was stored after it."""
    steps = list(steps)
    for change in changes:
        early = [place for place, (step, _) in enumerate(steps) if _stored(step) <= change.at]
        needed = {_id(steps[place][0]): place for place in reversed(early) if _makes(steps[place][0])}
        before = [place for place in early if place <= max(needed.values())]
        steps = [
            *(steps[place] for place in before),
            (change, False),
            *(step for place, step in enumerate(steps) if place not in before),
        ]
    return steps


def _makes(step: Message | Change) -> bool:
    return isinstance(step, Change) or service_of(step) in ("intake", "routing")


def _id(step: Message | Change) -> str:
    return step.cause.caused_by if isinstance(step, Change) else step.envelope.id


def _stored(step: Message | Change) -> datetime:
    if isinstance(step, Change):
        return step.at
    assert step.envelope.stored_at is not None
    return step.envelope.stored_at


async def _look(promises: callback.handlers.Promises, case_id: str, unread_from: datetime) -> None:
    safe, worked = unread_from - _JUST_BEFORE, True
    while worked:
        worked = False
        for commit in await newest(promises, case_id):
            timers = commit.timers
            assert timers is not None, "every commit carries its timers"
            if timers.next_at is not None and timers.next_at <= promises.clock.now():
                await callback.handlers.fire(promises, CODE, commit.stream, case_id)
                worked = True
            elif timers.judge_at is not None and timers.judge_at <= safe:
                await callback.handlers.judge(promises, CODE, commit.stream, case_id, timers.judge_at)
                worked = True


def _promised(promises: callback.handlers.Promises, stream: str) -> object:
    commits = [commit for commit in commits_of(promises.store) if commit.stream == stream]
    promise: Promise = promises.decider.fold(commits)
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    return (
        # When it was noted may differ; what was promised, when it falls due and how it ended may not.
        replace(promise.terms, made_at=long_ago) if promise.terms else None,
        promise.kept,
        replace(promise.broken, judged_at=long_ago) if promise.broken else None,
        promise.answered_late,
        promise.withdrawn,
        promise.contact,
        promise.routes,
        # What was asked of callback itself has its place among them by when it was asked.
        sorted(map(repr, promise.facts)),
        promise.clock.due_at if promise.clock else None,
        commits[-1].timers,
    )


@dataclass(frozen=True)
class ViewOf:
    """A view as its service subscribes to it."""

    services: Sequence[str]
    project: Project
    key: Callable[[Message], str | None] = by_case


VIEWS: Mapping[str, ViewOf] = {
    "intake.outcomes": ViewOf(intake.views.SERVICES, intake.views.project),
    "casework.cases": ViewOf(casework.views.SERVICES, casework.views.project),
    "callback.promises": ViewOf(callback.views.SERVICES, callback.views.project, callback.views.key),
    "metrics.facts": ViewOf(metrics.views.SERVICES, metrics.views.project),
}


def documents_after(view: ViewOf, log: Sequence[Message], order: Order) -> dict[str, Document]:
    """The documents of a view, folded by the rule of `chassis.views`: of each source only what is newer than seen."""
    bodies: dict[str, Document] = {}
    seen: dict[tuple[str, str], int] = {}
    for message, _ in order.read(log):
        key = view.key(message) if service_of(message) in view.services else None
        if key is None or message.envelope.sequence <= seen.get((key, message.envelope.source), -1):
            continue
        before = bodies.get(key)
        kept = deepcopy(before)
        after = view.project(before, message)
        assert before == kept, "a projection changes nothing that it is given"
        if after is not None:
            # As the database gives it back.
            bodies[key] = bson.decode(bson.encode(after), _AWARE)
            seen[key, message.envelope.source] = message.envelope.sequence
    return bodies
