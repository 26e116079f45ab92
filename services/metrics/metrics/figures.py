"""The figures and their definitions: counted from the facts of each case, never told by a caller."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from lofte_events import counts_at

Facts = Mapping[str, Any]

GROUPINGS = ("topic", "department", "channel", "none")
ANSWERING = frozenset({"reached", "answered_in_writing"})

DEFINITIONS: Mapping[str, str] = {
    "contacts": "Contacts of the cases counted here, the opening one included.",
    "cases": "Cases whose opening contact was received in the period; channel of that contact, topic and department of the latest route.",
    "resolved": "Cases that have been resolved at least once.",
    "withdrawn": "Cases that were closed at least once because no answer was needed any more.",
    "imported": "Cases that were taken over from another system; each of their figures goes by the times that it told.",
    "solved_at_first_contact": "Gross: resolved; until the first resolution one contact, every owner an answer group, not forwarded or returned, no attempt to call back, and no promise made to a caller who was in the conversation. What comes later is for net to say.",
    "solved_at_first_contact_net": "Gross, and not reopened or contacted about again within the municipality's window after the resolution.",
    "forwarded": "Forwards, by case of the latest route.",
    "returned": "Returns; grouped by department: under the department that returned.",
    "promises_made": "Promises made in these cases.",
    "promises_kept": "Promises whose citizen was reached or answered before the time that held then: the promised one, or the one that a pause or a renewal moved it to.",
    "promises_broken": "Promises broken as of the time that held, whatever came later.",
    "promises_answered_late": "Broken promises whose citizen was answered after all; never counted as kept.",
    "promises_withdrawn": "Promises that nobody needs to keep any more: neither kept, nor broken by that. One that is owed again is none.",
    "promises_withdrawn_by_reason": "The same, by reason.",
    "promises_tried": "Of the withdrawn ones those whose citizen was called as often as the plan says and not reached: neither kept nor broken. One that was broken before counts as broken alone.",
    "promises_reopened": "Promises owed again because the citizen asked again within 30 days after they were withdrawn.",
    "promises_paused": "Promises that waited for the citizen at least once.",
    "minutes_paused": "Clock time for which promises waited for the citizen, in minutes; one that still waits counts when it is over.",
    "promises_renewed": "Promises whose time was agreed with the citizen anew at least once.",
    "promises_open": "Promises neither kept, nor broken, nor withdrawn yet.",
    "kept_share": "Promises kept of those kept or broken, over cases not solved at first contact (gross); null where there is none.",
    "answered": "Cases whose citizen has been reached, answered in writing, or has a resolution; an imported one: when the other system says so.",
    "minutes_to_answer_median": "Clock time from receipt to the first answer, in minutes: half of the answered cases were faster. An answer told later than the municipality's back-dating limit counts from that limit before it was told, as for promises.",
    "minutes_to_answer_p90": "The same: nine of ten answered cases were faster.",
    "minutes_spent": "Minutes of work told at resolutions.",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """A municipality's own: the `window` of net first-contact resolution, and how far an act may be back-dated."""

    window: timedelta
    back_dating: timedelta


@dataclass(slots=True)
class Row:
    """The counts of one group of cases."""

    contacts: int = 0
    cases: int = 0
    resolved: int = 0
    withdrawn: int = 0
    imported: int = 0
    solved_at_first_contact: int = 0
    solved_at_first_contact_net: int = 0
    forwarded: int = 0
    returned: int = 0
    promises_made: int = 0
    promises_kept: int = 0
    promises_broken: int = 0
    promises_answered_late: int = 0
    promises_withdrawn: int = 0
    promises_withdrawn_by_reason: Counter[str] = field(default_factory=Counter)
    promises_tried: int = 0
    promises_reopened: int = 0
    promises_paused: int = 0
    promises_renewed: int = 0
    promises_open: int = 0
    minutes_spent: int = 0
    judged: int = 0
    judged_kept: int = 0
    paused: timedelta = timedelta(0)
    to_answer: list[timedelta] = field(default_factory=list)

    def add(self, facts: Facts, limits: Limits) -> None:
        """Count a case."""
        first_contact = solved_at_first_contact(facts)
        self.contacts += len(facts["contacts"])
        self.cases += 1
        self.resolved += bool(facts["resolutions"])
        # A document that was folded before there were such facts has none of them.
        self.withdrawn += bool(facts.get("withdrawn"))
        self.imported += facts.get("imported") is not None
        self.solved_at_first_contact += first_contact
        self.solved_at_first_contact_net += first_contact and not came_back(facts, limits.window)
        self.forwarded += facts["forwards"]
        self.minutes_spent += sum(resolution["minutes"] for resolution in facts["resolutions"])
        for promise in facts["promises"].values():
            kept, broken = "kept_at" in promise, "broken_at" in promise
            withdrawn = promise.get("withdrawn_at") is not None
            self.promises_made += 1
            self.promises_kept += kept
            self.promises_broken += broken
            self.promises_answered_late += "answered_late_at" in promise
            self.promises_withdrawn += withdrawn
            if withdrawn:
                reason = promise.get("reason", "cancelled")
                self.promises_withdrawn_by_reason[reason] += 1
                self.promises_tried += reason == "tried" and not broken
            self.promises_reopened += "reopened_at" in promise
            pauses = promise.get("pauses", [])
            self.promises_paused += bool(pauses)
            self.paused += sum((p["until"] - p["at"] for p in pauses if p["until"]), timedelta(0))
            self.promises_renewed += bool(promise.get("renewals"))
            self.promises_open += not (kept or broken or withdrawn)
            if not first_contact:
                self.judged += kept or broken
                self.judged_kept += kept
        answered_at = first_answer(facts, limits.back_dating)
        if answered_at is not None:
            self.to_answer.append(answered_at - facts["received_at"])

    def figures(self) -> dict[str, Any]:
        """The row as it is told."""
        ranked = sorted(self.to_answer)
        counts: dict[str, Any] = {
            name: getattr(self, name) for name in DEFINITIONS if name in Row.__dataclass_fields__
        }
        return counts | {
            "kept_share": round(self.judged_kept / self.judged, 4) if self.judged else None,
            "promises_withdrawn_by_reason": dict(sorted(self.promises_withdrawn_by_reason.items())),
            "minutes_paused": round(self.paused.total_seconds() / 60),
            "answered": len(ranked),
            "minutes_to_answer_median": _quantile(ranked, 0.5),
            "minutes_to_answer_p90": _quantile(ranked, 0.9),
        }


def summarize(cases: Iterable[Facts], by: str, limits: Limits) -> Sequence[tuple[str | None, Row]]:
    """Rows by `topic`, `department`, `channel`, or one for `none`; the largest first. None: the case has no such."""
    rows: dict[str | None, Row] = {}
    for facts in cases:
        group = None if by == "none" else facts[by]
        rows.setdefault(group, Row()).add(facts, limits)
        for returned in facts["returns"]:
            under = _department_of(returned["by"], facts) if by == "department" else group
            rows.setdefault(under, Row()).returned += 1
    if by == "none" and not rows:
        rows[None] = Row()
    return sorted(rows.items(), key=lambda row: (-row[1].cases, row[0] or ""))


def solved_at_first_contact(facts: Facts) -> bool:
    """Gross first-contact resolution, derived from what happened until the case was resolved the first time."""
    first = next(iter(facts["resolutions"]), None)
    if first is None or first["hand_overs"]:
        return False
    resolved_at = first["at"]
    if any(
        not route["owner"].startswith("group.")
        for route in facts["routes"]
        if route["number"] <= first["route_number"]
    ):
        return False
    if sum(received_at <= resolved_at for received_at in facts["contacts"]) > 1:
        return False
    if any(
        attempt["outcome"] != "answered_in_writing" and attempt["at"] <= resolved_at
        for attempt in facts["attempts"]
    ):
        return False
    # A caller is promised something only where the conversation did not solve it, whenever callback came to say so.
    # What is asked for after the resolution, by whoever reopens the case, is another matter.
    return not (facts["live"] and any(made["from_at"] <= resolved_at for made in facts["promises"].values()))


def came_back(facts: Facts, window: timedelta) -> bool:
    """Reopened, or contacted about again, within `window` of the first resolution."""
    resolved_at = facts["resolutions"][0]["at"]
    return any(resolved_at < at <= resolved_at + window for at in (*facts["reopened"], *facts["contacts"]))


def first_answer(facts: Facts, back_dating: timedelta) -> datetime | None:
    """When the citizen was first reached or answered, as it counts; None: not yet."""
    answers = [
        counts_at(attempt["at"], attempt["stored_at"], back_dating)
        for attempt in facts["attempts"]
        if attempt["outcome"] in ANSWERING
    ]
    answers += [resolution["at"] for resolution in facts["resolutions"] if not resolution.get("imported")]
    imported = facts.get("imported")
    if imported is not None and imported["answered_at"] is not None:
        answers.append(imported["answered_at"])
    return min(answers, default=None)


def _department_of(owner: str, facts: Facts) -> str | None:
    """The department of an owner of the case: a person counts under their own, as routing told it."""
    told = (route["department"] for route in facts["routes"] if route["owner"] == owner)
    return owner if owner.startswith("department.") else next(told, facts["department"])


def _quantile(ranked: Sequence[timedelta], share: float) -> float | None:
    """Nearest rank, in minutes."""
    if not ranked:
        return None
    return round(ranked[max(ceil(share * len(ranked)) - 1, 0)].total_seconds() / 60, 1)
