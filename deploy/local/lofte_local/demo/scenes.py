"""What becomes of one errand: a scene is chosen, and its acts are laid where no deadline is near."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from lofte_local.demo.day import Act, Actor, Errand, Fate, Promised
from lofte_local.demo.people import ROBOT, guide, worker
from lofte_local.demo.rules import MARGIN, Rules, Terms, Window

__all__ = ["Opening", "Scenes"]

_RETURNED = (
    ("wrong_owner", "This belongs to another department."),
    ("information_missing", "The property is not named."),
    ("could_have_been_answered", "The answer is among the approved ones."),
)
_WRITTEN = frozenset({"email", "web", "social", "letter", "system"})


@dataclass(frozen=True)
class Opening:
    """A contact that opens a case. `matter`: the topic that it is truly about, told in the body or not."""

    number: int
    received_at: datetime
    taken_at: datetime
    body: dict[str, Any]
    by: Actor
    live: bool
    matter: str
    hurry: timedelta = field(default=timedelta(minutes=10))


@dataclass(frozen=True)
class Scenes:
    """Makes errands of openings. All chance comes from `random`."""

    rules: Rules
    random: Random

    def first_contact(self, opening: Opening) -> Errand:
        """A guide answers: at once in a conversation, within the promised time in writing."""
        by = guide(opening.number)
        if opening.live:
            # In the conversation itself: sixty minutes before a promise would be made.
            acts: Sequence[Act] = [self._resolve(opening.received_at, by, 2, 9)]
            return self._errand(opening, acts, None, first_contact=True)
        terms = self._written_terms(opening)
        at = self._moment(self.rules.in_time(terms, opening.taken_at + opening.hurry))
        return self._errand(opening, self._answer(opening, at, by), (terms, "kept"), first_contact=True)

    def comes_back(self, errand: Errand) -> Errand:
        """Solved in the conversation, and yet the citizen asks again, is promised an answer and gets it: solved, not net."""
        if errand.promised is not None:
            return errand
        last = max(act.at for act in errand.acts)
        if last + 2 * MARGIN > self.rules.last_act:
            return errand
        at = self._moment((last + MARGIN, self.rules.last_act))
        by = guide(errand.number + 1)
        again = Act(at, "ask-again", by, _again(errand, at))
        terms = self.rules.terms(self.rules.first_owner(errand.body), errand.body.get("topic"), at)
        return replace(
            errand,
            acts=[*errand.acts, again, self._resolve(at, by, 2, 9)],
            promised=_promised(terms, "kept"),
        )

    def asks_again(self, errand: Errand) -> Errand:
        """Nobody has got back to the citizen, who asks how it stands. No new promise, no new route."""
        if errand.promised is None or any(act.kind == "resolve" for act in errand.acts):
            return errand
        terms = Terms(*_terms_of(errand.promised))
        last = max((act.at for act in errand.acts), default=errand.received_at)
        window = self.rules.too_late if errand.promised.fate == "broken" else self.rules.in_time
        found = window(terms, last + MARGIN)
        if found is None:
            return errand
        at = self._moment(found)
        return replace(
            errand, acts=[*errand.acts, Act(at, "ask-again", guide(errand.number), _again(errand, at))]
        )

    def handed_on(self, opening: Opening) -> Errand:
        """Somebody else than the contact centre has to answer: the department of the matter, or who was asked for."""
        owner = self.rules.first_owner(opening.body)
        if not owner.startswith("group."):
            return self._answered_by(opening, owner, [], self._terms_of(owner, opening))
        department = self.rules.routing.topics[opening.matter].department
        # Early: in the conversation, or when the letter is read; the limit of the conversation is an hour away.
        at = opening.received_at if opening.live else max(opening.taken_at, self.rules.opens)
        forward = Act(
            at,
            "forward",
            guide(opening.number),
            {"to_topic": opening.matter, "reason": "The department decides."},
        )
        terms = (
            self.rules.terms(department, opening.matter, opening.received_at)
            if opening.live
            else self._written_terms(opening)
        )
        return self._answered_by(opening, department, [forward], terms)

    def handed_back(self, errand: Errand) -> Errand:
        """The department sends it back, and a guide answers in time after all."""
        forwards = [act for act in errand.acts if act.kind == "forward"]
        if errand.promised is None or errand.promised.fate != "kept" or not forwards or not errand.live:
            return errand
        answered_at = max(act.at for act in errand.acts)
        returned_at = forwards[0].at + timedelta(minutes=self.random.randint(20, 30))
        if answered_at < returned_at + timedelta(minutes=20) or errand.topic is None:
            return errand
        code, text = self.random.choice(_RETURNED)
        department = self.rules.routing.topics[errand.topic].department
        by = worker(department, errand.number, self.rules.municipality)
        back = Act(returned_at, "return", by, {"reason_code": code, "text": text})
        kinds = ("citizen-contacted", "resolve")
        answer = [replace(act, by=guide(errand.number)) for act in errand.acts if act.kind in kinds]
        answer[0] = replace(answer[0], with_previous=False)
        return replace(errand, acts=[*forwards, back, *answer], story="returned")

    def found_out(self, opening: Opening, fate: Fate) -> Errand:
        """The guide keeps it and finds out: an hour after the call this becomes a promise of the answer group."""
        terms = self._terms_of(self.rules.first_owner(opening.body), opening)
        after = opening.received_at + self.rules.promising.live_limit + MARGIN
        by = guide(opening.number)
        acts: Sequence[Act] = ()
        if fate in ("kept", "answered-late"):
            window = self.rules.in_time if fate == "kept" else self.rules.too_late
            at = self._moment(window(terms, after))
            acts = self._answer(opening, at, by, calls_back=True)
        return self._errand(opening, acts, (terms, fate), story="found out")

    def lay_over_the_weekend(self, opening: Opening, fate: Fate, *, not_before: datetime) -> Errand:
        """It came in while nobody worked; its reminders fire on Monday."""
        owner = self.rules.first_owner(opening.body)
        terms = self._written_terms(opening)
        by = ROBOT if opening.by.role == "system" else worker(owner, opening.number, self.rules.municipality)
        acts: Sequence[Act] = ()
        if fate in ("kept", "answered-late"):
            window = self.rules.in_time if fate == "kept" else self.rules.too_late
            at = self._moment(window(terms, not_before))
            acts = self._answer(opening, at, by, calls_back=by != ROBOT)
        return self._errand(opening, acts, (terms, fate), story="weekend")

    def told_at_length(self, opening: Opening) -> Errand:
        """The case whose story is printed: forwarded, claimed, tried, reminded, broken, asked about, answered late."""
        department = self.rules.routing.topics[opening.matter].department
        terms = self.rules.terms(department, opening.matter, opening.received_at)
        by, at = worker(department, opening.number, self.rules.municipality), opening.received_at
        asked_at, answered_at = terms.due_at + timedelta(minutes=70), terms.due_at + timedelta(minutes=140)
        acts = [
            Act(
                at,
                "forward",
                guide(opening.number),
                {"to_topic": opening.matter, "reason": "The department decides."},
            ),
            Act(at + timedelta(minutes=45), "claim", by, {}),
            Act(at + timedelta(minutes=90), "citizen-contacted", by, {"outcome": "no_answer"}),
            Act(asked_at, "ask-again", guide(opening.number + 1), {}),
            Act(answered_at, "citizen-contacted", by, {"outcome": "reached"}),
            replace(self._resolve(answered_at, by, 20, 20), with_previous=True),
        ]
        errand = self._errand(opening, acts, (terms, "answered-late"), story="told")
        told = [replace(act, body=_again(errand, act.at)) if act.kind == "ask-again" else act for act in acts]
        return replace(errand, acts=told)

    def _answered_by(self, opening: Opening, owner: str, before: list[Act], terms: Terms) -> Errand:
        earliest = opening.taken_at + opening.hurry
        in_time, late = self.rules.in_time(terms, earliest), self.rules.too_late(terms, earliest)
        fate = self._fate(terms, in_time, late)
        by = worker(owner, opening.number, self.rules.municipality)
        if opening.by.role == "system" and opening.matter.endswith("-application"):
            by = ROBOT
        acts = before
        if fate == "kept" and in_time is not None and terms.due_at > self.rules.at("17:00"):
            # What is not due today is left for the calmer afternoon.
            in_time = min(max(in_time[0], self.rules.at("12:30")), in_time[1]), in_time[1]
        if fate in ("kept", "answered-late"):
            acts = before + list(self._answer(opening, self._moment(in_time if fate == "kept" else late), by))
        return self._errand(opening, acts, (terms, fate))

    def _fate(self, terms: Terms, in_time: Window | None, late: Window | None) -> Fate:
        """Most are answered in time. What falls due today and is not answered is broken by the evening."""
        chance = self.random.random()
        if terms.due_at > self.rules.at("17:00"):
            return "kept" if in_time and chance < 0.45 else "open"
        if in_time and chance < 0.86:
            return "kept"
        return "answered-late" if late and chance > 0.92 else "broken"

    def _answer(
        self, opening: Opening, at: datetime, by: Actor, *, calls_back: bool = False
    ) -> Sequence[Act]:
        """Get back to the citizen, on the citizen's channel unless somebody calls, and close the case.

        A resolution is an answer too: often nobody writes down more than that.
        """
        acts: list[Act] = []
        handler = by.role == "handler"
        if handler and self.random.random() < 0.2:
            acts.append(Act(at, "claim", by, {}))
        if calls_back or (handler and self.random.random() < 0.35):
            writes = opening.body["channel"] in _WRITTEN and not calls_back
            outcome = "answered_in_writing" if writes else "reached"
            acts.append(Act(at, "citizen-contacted", by, {"outcome": outcome}, with_previous=bool(acts)))
        least, most = {"robot": (1, 3), "handler": (10, 45)}.get(by.role, (4, 15))
        acts.append(replace(self._resolve(at, by, least, most), with_previous=bool(acts)))
        return acts

    def _resolve(self, at: datetime, by: Actor, least: int, most: int) -> Act:
        minutes = self.random.randint(least, most)
        return Act(
            at, "resolve", by, {"answer": "Told what applies and what happens next.", "minutes": minutes}
        )

    def _written_terms(self, opening: Opening) -> Terms:
        return self._terms_of(self.rules.first_owner(opening.body), opening)

    def _terms_of(self, owner: str, opening: Opening) -> Terms:
        return self.rules.terms(owner, opening.body.get("topic"), opening.received_at)

    def _moment(self, window: Window | None) -> datetime:
        """A whole second in a window. Raises ValueError when there is none: then the scene was chosen wrongly."""
        if window is None:
            raise ValueError("no time left that is far from every deadline")
        start, end = window
        return start + timedelta(seconds=self.random.randint(0, int((end - start).total_seconds())))

    def _errand(
        self,
        opening: Opening,
        acts: Sequence[Act],
        promise: tuple[Terms, Fate] | None,
        *,
        first_contact: bool = False,
        story: str = "",
    ) -> Errand:
        forwarded = any(act.kind == "forward" for act in acts)
        return Errand(
            number=opening.number,
            received_at=opening.received_at,
            taken_at=opening.taken_at,
            body=opening.body | {"occurred_at": opening.received_at.isoformat()},
            by=opening.by,
            live=opening.live,
            acts=acts,
            promised=_promised(*promise) if promise is not None else None,
            topic=opening.matter if forwarded else opening.body.get("topic"),
            first_contact=first_contact,
            story=story,
        )


def _again(errand: Errand, at: datetime) -> dict[str, Any]:
    """A further contact by phone of the same citizen."""
    return {
        "municipality": errand.body["municipality"],
        "channel": "phone",
        "citizen": errand.body["citizen"],
        "subject": "Asks how it stands",
        "occurred_at": at.isoformat(),
    }


def _promised(terms: Terms, fate: Fate) -> Promised:
    return Promised(terms.owner, terms.from_at, terms.due_at, terms.stages, fate)


def _terms_of(promised: Promised) -> tuple[str, datetime, datetime, tuple[tuple[str, int, datetime], ...]]:
    return promised.owner, promised.from_at, promised.due_at, tuple(promised.stages)
