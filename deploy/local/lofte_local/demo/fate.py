"""How the promises ended, read from the services, against how the plan says they must end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chassis.clock import Clock

from lofte_local.demo.client import Client
from lofte_local.demo.day import Actor, Day, Errand
from lofte_local.demo.player import Played
from lofte_local.timeline import CaseEvent

__all__ = ["AUDITOR", "Ended", "Shown", "choose_shown", "timers_missing", "wait_for_the_end"]

AUDITOR = Actor("auditor", "auditor-1")

_PATIENCE = 30.0
"""Real seconds after the last limit of the day in which the judgements and the figures must have come."""

_LOOK_AGAIN = 0.5


@dataclass(frozen=True)
class Ended:
    """The promises as they stand, one row each as `GET /promises` gives it, and the figures of the day by group."""

    promises: Mapping[str, Mapping[str, Any]]
    whole: Mapping[str, Any]
    missing: Sequence[str]

    @property
    def states(self) -> Counter[str]:
        return Counter(row["state"] for row in self.promises.values())


@dataclass(frozen=True)
class Shown:
    """An errand that stands for a fate, and the events that its story must tell: name, and stage where it has one."""

    fate: str
    errand: Errand
    wanted: Sequence[tuple[str, str | None]]


async def wait_for_the_end(day: Day, played: Played, client: Client, clock: Clock) -> Ended:
    """Wait until every promise and every figure is as planned, or until no more can come; says what is missing then."""
    until = clock.monotonic() + clock.real_seconds(_last_judgement(day, clock)) + _PATIENCE
    while True:
        promises = await _promises(client)
        whole = await summary(day, client, "none")
        rows = whole["rows"]
        missing = _missing(day, played, promises, rows[0] if rows else {})
        if not missing or clock.monotonic() > until:
            return Ended(promises, rows[0] if rows else {}, missing)
        await clock.sleep(_LOOK_AGAIN)


async def summary(day: Day, client: Client, by: str) -> Any:
    """`GET /summary` over all that was taken down on the day, the post of the days before included."""
    first = min(errand.received_at for errand in day.errands).date()
    period = {"from": first.isoformat(), "to": (day.date + timedelta(days=1)).isoformat(), "by": by}
    return await client.get("metrics", "/summary", AUDITOR, parameters=period)


def choose_shown(day: Day) -> Sequence[Shown]:
    """One errand for each fate, and one that climbed the ladder; each with what its timers must have fired."""
    reminder, due = ("CallbackDue", "reminder"), ("CallbackDue", "due")
    broken = ("PromiseBroken", None)

    def first(fate: str, story: str) -> Errand:
        return next(
            errand
            for errand in day.errands
            if errand.promised
            and errand.promised.fate == fate
            and errand.story == story
            and _whole_day(errand)
        )

    letter = next(
        errand
        for errand in day.errands
        if errand.story == "weekend"
        and errand.promised
        and errand.promised.fate == "broken"
        and not _whole_day(errand)
    )
    return [
        Shown("kept", first("kept", "weekend"), [reminder, ("PromiseKept", None)]),
        Shown("answered late", day.told, [reminder, due, broken, ("PromiseAnsweredLate", None)]),
        Shown("broken, still open", first("broken", ""), [reminder, due, broken]),
        Shown("broken, up the ladder", letter, [due, broken, ("CallbackDue", "overdue")]),
    ]


def timers_missing(shown: Shown, events: Sequence[CaseEvent]) -> Sequence[str]:
    """What the plan says of its timers and the topics do not tell."""
    told = {(event.name, dict(event.facts).get("stage")) for event in events}
    return [
        f"the case shown as {shown.fate} has no {name}{f' ({stage})' if stage else ''}"
        for name, stage in shown.wanted
        if (name, stage) not in told
    ]


async def _promises(client: Client) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    cursor: str | None = None
    while True:
        parameters = {"limit": "200"} | ({"cursor": cursor} if cursor else {})
        page = await client.get("callback", "/promises", AUDITOR, parameters=parameters)
        found |= {row["case_id"]: row for row in page["items"]}
        cursor = page["next"]
        if cursor is None:
            return found


def _missing(
    day: Day, played: Played, promises: Mapping[str, Mapping[str, Any]], whole: Mapping[str, Any]
) -> Sequence[str]:
    planned = {played.cases[number]: fate for number, fate in day.fates().items() if number in played.cases}
    found = {case: str(row["state"]) for case, row in promises.items()}
    wrong = Counter(
        (planned.get(case, "none"), found.get(case, "none"))
        for case in planned.keys() | found.keys()
        if planned.get(case) != found.get(case)
    )
    missing = [
        f"{times} promise{'s' if times > 1 else ''} planned as {plan}, found as {state}"
        for (plan, state), times in sorted(wrong.items())
    ]
    return missing + [
        f"figure {name.replace('_', ' ')}: {whole.get(name, 'none')} told, {value} played"
        for name, value in day.figures().items()
        if whole.get(name) != value
    ]


def _last_judgement(day: Day, clock: Clock) -> timedelta:
    """Until the last promise that must be broken today can be judged."""
    due = [
        errand.promised.due_at
        for errand in day.errands
        if errand.promised and errand.promised.fate in ("broken", "answered-late")
    ]
    return max(max(due) + timedelta(minutes=15) - clock.now(), timedelta(0))


def _whole_day(errand: Errand) -> bool:
    """Taken down before its reminder: then every stage is told by itself, none is skipped."""
    return errand.promised is not None and errand.taken_at < errand.promised.stages[0][2]
