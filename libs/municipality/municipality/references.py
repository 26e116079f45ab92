"""What a file names must exist in it, and every rule must be reachable.

Works on the data field by field and on the well-formed parts one by one, so that one fault hides no other.
"""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from municipality.calendar import swedish_holidays
from municipality.conditions import PolicyCondition, RuleCondition, covers
from municipality.document import Document, Path
from municipality.ladder import LadderStep
from municipality.model import Owner, Policy, Rule, Topic
from municipality.statutory import WORKING_DAYS_A_WEEK, ZONE, Statutory, StatutoryStep, StatutoryTime

PartT = TypeVar("PartT", bound=BaseModel)


def check_references(document: Document) -> None:
    """Add a fault to the document for everything named that is not there, and for what can never happen."""
    _check_named(document)
    _check_holidays(document)
    _check_owners(document)
    _check_topics(document)
    _check_rules(document)
    _check_policies(document)
    _check_ladder(document)
    _check_statutory(document)


def _parts(document: Document, part: type[PartT], *path: str) -> Iterator[tuple[Path, PartT]]:
    """The well-formed parts of the mapping or list at a path; what is wrong with the others has been told."""
    steps: list[str] | range = document.keys(*path) or range(document.length(*path))
    for step in steps:
        try:
            yield (*path, step), part.model_validate(document.at(*path, step))
        except ValidationError:
            continue


def _check_named(document: Document) -> None:
    """Field by field, so that another fault in the same part hides nothing."""
    for owner in document.keys("owners"):
        _must_exist(document, "calendars", "owners", owner, "calendar")
        _must_exist(document, "owners", "owners", owner, "department")
    for topic in document.keys("topics"):
        _must_exist(document, "owners", "topics", topic, "group")
        _must_exist(document, "owners", "topics", topic, "department")
    _must_exist(document, "owners", "routing", "fallback")
    for place in range(document.length("routing", "rules")):
        _must_exist(document, "owners", "routing", "rules", place, "to")
        _must_exist(document, "topics", "routing", "rules", place, "when", "topic")
    for place in range(document.length("promises", "policies")):
        _must_exist(document, "owners", "promises", "policies", place, "when", "owner")
        _must_exist(document, "topics", "promises", "policies", place, "when", "topic")


def _check_holidays(document: Document) -> None:
    """Here and not in the model: a book that was kept is read for ever, whatever a library calls a day by then."""
    known = swedish_holidays()
    for calendar in document.keys("calendars"):
        for place in range(document.length("calendars", calendar, "holidays_except")):
            path = ("calendars", calendar, "holidays_except", place)
            name = document.at(*path)
            if not isinstance(name, str) or name in known or path in document.faulty:
                continue
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            meant = f"did you mean {close[0]}?" if close else f"write one of {', '.join(known)}"
            document.blame(path, f"is {name!r}, which is no Swedish holiday or eve; {meant}")


def _must_exist(document: Document, section: str, *path: str | int) -> None:
    """What the field at the path names must be a key of the section, or for topics an upper level of one."""
    name = document.at(*path)
    known = document.keys(section)
    if not known or not isinstance(name, str) or path in document.faulty:
        return
    if name in known or (section == "topics" and any(covers(name, topic) for topic in known)):
        return
    document.blame(path, f"is {name!r}, which {section} does not have; add it there or name another")


def _check_owners(document: Document) -> None:
    for path, owner in _parts(document, Owner, "owners"):
        if owner.kind == "person":
            if owner.department is None:
                document.blame(
                    (*path, "department"), "missing; add the department that the person belongs to"
                )
        else:
            if owner.calendar is None:
                document.blame((*path, "calendar"), "missing; add the name of a calendar")
            if owner.department is not None:
                document.blame((*path, "department"), f"a {owner.kind} belongs to no department; remove it")


def _check_topics(document: Document) -> None:
    choice_of: dict[str, int] = {}
    level_of: dict[int, str] = {}
    for path, topic in _parts(document, Topic, "topics"):
        below = next((t for t in document.keys("topics") if t != topic.id and covers(topic.id, t)), None)
        if below is not None:
            document.blame(path, f"has {below} below it, but only leaves are topics; rename one of the two")
        level = topic.id.partition(".")[0]
        if (choice := choice_of.setdefault(level, topic.menu_choice)) != topic.menu_choice:
            document.blame(
                (*path, "menu_choice"),
                f"is {topic.menu_choice}, but {choice} in the first topic under {level}; one first level is one choice",
            )
        elif (other := level_of.setdefault(topic.menu_choice, level)) != level:
            document.blame(
                (*path, "menu_choice"),
                f"is {topic.menu_choice}, which {other} has; one menu choice is one first level",
            )


def _check_rules(document: Document) -> None:
    names: set[str] = set()
    earlier: list[Rule] = []
    for path, rule in _parts(document, Rule, "routing", "rules"):
        if rule.name in names:
            document.blame((*path, "name"), f"{rule.name!r} is another rule's name; give each its own")
        names.add(rule.name)
        if rule.when == RuleCondition():
            document.blame((*path, "when"), "matches every contact; use fallback for that")
        elif above := next((other for other in earlier if other.when.covers(rule.when)), None):
            document.blame((*path, "when"), f"never reached, {above.name!r} above takes it all; move it up")
        else:
            earlier.append(rule)


def _check_policies(document: Document) -> None:
    earlier: list[Policy] = []
    last = document.length("promises", "policies") - 1
    for path, policy in _parts(document, Policy, "promises", "policies"):
        if any(policy.name == other.name for other in earlier):
            document.blame((*path, "name"), f"{policy.name!r} is another policy's name; give each its own")
        if above := next((other for other in earlier if other.when.covers(policy.when)), None):
            document.blame((*path, "when"), f"never reached, {above.name!r} above takes it all; move it up")
        if path[-1] == last and policy.when != PolicyCondition():
            document.blame((*path, "when"), "the last policy must match everything; write `when: {}`")
        earlier.append(policy)


def _check_ladder(document: Document) -> None:
    """It climbs, knows the due time where it begins before it, and tells a citizen no later than that."""
    highest: dict[str, int] = {}
    for path, step in _parts(document, LadderStep, "promises", "ladder"):
        unit, amount = step.at.unit, step.at.amount
        later = [other for other in highest if _ORDER[other] > _ORDER[unit]]
        if later:
            document.blame(
                (*path, "at"), f"comes before the step above it, which says {later[0]}; move it up"
            )
        elif amount <= highest.get(unit, 0):
            document.blame(
                (*path, "at"), f"is {amount}; write more than the {highest[unit]} of the step before"
            )
        if _ORDER[unit] > _ORDER["due"] and "citizen" in step.to:
            document.blame(
                (*path, "to"), "tells the citizen after the due time; write citizen in a step until then"
            )
        highest[unit] = max(amount, highest.get(unit, 0))
    if (
        "percent" in highest
        and "due" not in highest
        and not any("ladder" in path for path in document.faulty)
    ):
        document.blame(("promises", "ladder"), "lacks the due time; add a step `{at: due, to: [handler]}`")
    if "due" in highest and document.at("promises", "reminder_at_percent") is not None:
        document.blame(("promises", "reminder_at_percent"), "the ladder says when; remove it")


def _check_statutory(document: Document) -> None:
    """The law's days are Swedish, and each time is told once, while its weeks run."""
    zone = document.at("zone")
    if document.at("statutory") is not None and isinstance(zone, str) and zone != ZONE:
        document.blame(
            ("statutory",), f"counts days by Swedish law, and zone is not {ZONE}; remove it, or correct zone"
        )
    weeks = document.at("statutory", "weeks")
    within = WORKING_DAYS_A_WEEK * (weeks if isinstance(weeks, int) else Statutory().weeks)
    told: list[StatutoryTime] = []
    for path, step in _parts(document, StatutoryStep, "statutory", "steps"):
        before = step.at.working_days_before
        if step.at in told:
            document.blame((*path, "at"), "is the time of a step above it; write all receivers there")
        elif before is not None and before >= within:
            document.blame((*path, "at"), f"is before the weeks begin; write less than {within} working days")
        told.append(step.at)


_ORDER = {"percent": 0, "due": 1, "working_days": 2, "times": 2}
