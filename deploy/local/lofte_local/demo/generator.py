"""Plans the day: the same seed gives the same day, to the second and the word."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from lofte_local.demo.day import Actor, Day, Errand, Fate
from lofte_local.demo.people import MAILBOX, SERVICE, citizen, guide, words_about
from lofte_local.demo.rules import MARGIN, Rules, read_rules
from lofte_local.demo.scenes import Opening, Scenes
from lofte_local.demo.shape import CASES, CHANNELS, HOURS, MONDAY, TOPICS, Welcome

__all__ = ["DEFAULT_SEED", "MUNICIPALITY", "plan_day"]

DEFAULT_SEED = 581
MUNICIPALITY = "0581"

_APPLICATION = "social.economic-aid-application"
_LIVE = frozenset({"phone", "chat", "visit"})
_SUNDAY_APPLICATIONS: Sequence[Fate] = 8 * ("kept",) + ("answered-late", "broken")
_FORGOTTEN_LETTERS: Sequence[Fate] = ("answered-late", "answered-late", "broken")
_FOUND_OUT: Sequence[Fate] = 5 * ("kept",) + ("answered-late", "broken")
_RETURNED, _ASK_AGAIN, _COME_BACK, _ASK_FOR = 16, 18, 9, 4


def plan_day(seed: int = DEFAULT_SEED, *, municipality: str = MUNICIPALITY, day: date = MONDAY) -> Day:
    """A day of some 580 cases, shaped by the published figures in `shape`."""
    return _Planner(seed, read_rules(municipality, day)).plan()


class _Planner:
    def __init__(self, seed: int, rules: Rules) -> None:
        self._seed = seed
        self._rules = rules
        self._random = Random(seed)  # noqa: S311 - a play, not a secret
        self._scenes = Scenes(rules, self._random)
        self._numbers = 0

    def plan(self) -> Day:
        told = self._told()
        special = [told, *self._sunday_applications(), *self._forgotten_letters()]
        errands = [*special, *self._ordinary(CASES - len(special))]
        ordered = sorted(errands, key=lambda errand: (errand.taken_at, errand.number))
        names = {topic.id: topic.name for topic in self._rules.municipality.topics.values()}
        names |= {owner.id: owner.name for owner in self._rules.municipality.owners.values()}
        return Day(self._rules.municipality.code, self._rules.day, self._seed, ordered, told.number, names)

    def _told(self) -> Errand:
        at = self._rules.at("08:12")
        opening = self._opening("city.building-permit", "phone", at, kind="person", tells="topic")
        return self._scenes.told_at_length(opening)

    def _sunday_applications(self) -> list[Errand]:
        """Answered within 24 hours by promise: reminded after 18 of them, which is on Monday morning."""
        found = []
        for place, fate in enumerate(_SUNDAY_APPLICATIONS):
            received = self._rules.at("15:00", days=-1) + timedelta(minutes=6 * place)
            opening = self._opening(_APPLICATION, "system", received, kind="person", tells="topic")
            opening = replace(opening, taken_at=self._rules.at("07:35") + timedelta(minutes=place))
            after_reminder = received + timedelta(hours=18) + MARGIN
            found.append(self._scenes.lay_over_the_weekend(opening, fate, not_before=after_reminder))
        return found

    def _forgotten_letters(self) -> list[Errand]:
        """Friday's post, found on Monday: broken when it is taken down, and a head of unit is told at 13."""
        found = []
        for place, fate in enumerate(_FORGOTTEN_LETTERS):
            received = self._rules.at("09:00", days=-3) + timedelta(minutes=5 * place)
            opening = self._opening("city.parking", "letter", received, kind="person", tells="topic")
            opening = replace(opening, taken_at=self._rules.at("07:50") + timedelta(minutes=place))
            not_before = self._rules.at("09:00") if place == 0 else self._rules.at("14:30")
            found.append(self._scenes.lay_over_the_weekend(opening, fate, not_before=not_before))
        return found

    def _ordinary(self, count: int) -> list[Errand]:
        solved, others = self._openings(count)
        errands = [self._scenes.first_contact(opening) for opening in solved]
        _change(errands, self._scenes.comes_back, _COME_BACK)
        quiet = [opening for opening in others if self._may_be_found_out(opening)][: len(_FOUND_OUT)]
        found_out = [
            self._scenes.found_out(opening, fate) for opening, fate in zip(quiet, _FOUND_OUT, strict=True)
        ]
        kept_on = [opening for opening in others if opening not in quiet]
        handed_on = [self._scenes.handed_on(opening) for opening in kept_on]
        _change(handed_on, self._scenes.handed_back, _RETURNED)
        _change(handed_on, self._scenes.asks_again, _ASK_AGAIN)
        return [*errands, *found_out, *handed_on]

    def _openings(self, count: int) -> tuple[list[Opening], list[Opening]]:
        """So many contacts, in chance order: those that will be solved at first contact, and the others."""
        topics = _deal({topic: shape.share for topic, shape in TOPICS.items()}, count)
        channels = _deal(CHANNELS, count)
        self._random.shuffle(channels)
        openings: list[Opening] = []
        arrivals = {live: self._arrivals(live, channels) for live in (True, False)}
        for topic in sorted(topics, key=lambda topic: topic != _APPLICATION):
            channel = self._channel(topic, channels)
            openings.append(self._opening(topic, channel, arrivals[channel in _LIVE].pop()))
        asked_for = [
            place
            for place, opening in enumerate(openings)
            if opening.matter == "city.planning" and opening.live and "topic" in opening.body
        ][:_ASK_FOR]
        for place in asked_for:
            body = openings[place].body | {"asked_for": "person.stadsarkitekten"}
            openings[place] = replace(openings[place], body=body)
        self._random.shuffle(openings)
        solved = {opening.number for opening in self._solved(openings)}
        return (
            [opening for opening in openings if opening.number in solved],
            [opening for opening in openings if opening.number not in solved],
        )

    def _solved(self, openings: Sequence[Opening]) -> list[Opening]:
        found: list[Opening] = []
        for topic, shape in TOPICS.items():
            asking = [opening for opening in openings if opening.matter == topic]
            able = [opening for opening in asking if self._can_be_solved(opening)]
            found += able[: round(shape.first_contact * len(asking))]
        return found

    def _can_be_solved(self, opening: Opening) -> bool:
        owner = self._rules.first_owner(opening.body)
        if not owner.startswith("group."):
            return False
        if opening.live:
            return True
        terms = self._rules.terms(owner, opening.body.get("topic"), opening.received_at)
        return self._rules.in_time(terms, opening.taken_at + opening.hurry) is not None

    def _may_be_found_out(self, opening: Opening) -> bool:
        owner = self._rules.first_owner(opening.body)
        terms = self._rules.terms(owner, opening.body.get("topic"), opening.received_at)
        after = opening.received_at + self._rules.promising.live_limit + MARGIN
        fits = self._rules.in_time(terms, after) is not None and terms.due_at <= self._rules.at("15:30")
        return opening.live and owner.startswith("group.") and fits

    def _channel(self, topic: str, channels: list[str]) -> str:
        """The next one from the pack; applications come through the e-service alone."""
        wanted = ("web", "system") if topic == _APPLICATION else tuple(CHANNELS)
        place = next(place for place, channel in enumerate(channels) if channel in wanted)
        return channels.pop(place)

    def _arrivals(self, live: bool, channels: Sequence[str]) -> list[datetime]:
        """Callers follow the day's curve; what is written comes evenly, from early in the morning on.

        Each falls by chance into a slot of its own: chance alone would crowd a real second with a dozen calls.
        """
        count = sum((channel in _LIVE) == live for channel in channels)
        start, stretches = (
            self._rules.at("08:00"),
            [(3600 if hour < 16 else 2700, share) for hour, share in HOURS.items()],
        )
        if not live:
            start, stretches = self._rules.at("07:40"), [(8 * 3600, 1.0)]
        found = [
            start + timedelta(seconds=_along(stretches, (place + self._random.random()) / count))
            for place in range(count)
        ]
        self._random.shuffle(found)
        return found

    def _opening(
        self, topic: str, channel: str, at: datetime, *, kind: str | None = None, tells: str | None = None
    ) -> Opening:
        self._numbers += 1
        shape, known = TOPICS[topic], self._rules.municipality.topics[topic]
        kind = kind or self._kind(shape.business, topic, channel)
        body: dict[str, Any] = {
            "municipality": self._rules.municipality.code,
            "channel": channel,
            "citizen": citizen(self._random, kind, channel),
            "subject": words_about(self._random, known.name),
        }
        tells = tells or self._tells(topic, channel)
        if tells == "topic":
            body["topic"] = topic
        if tells == "menu_choice" or (channel == "phone" and tells == "topic"):
            body["menu_choice"] = known.menu_choice
        return Opening(
            self._numbers, at, at, body, _taken_by(channel, self._numbers), channel in _LIVE, topic
        )

    def _kind(self, business: float, topic: str, channel: str) -> str:
        if topic == _APPLICATION:
            return "person"
        chance = self._random.random()
        if chance < business:
            return "business"
        return "anonymous" if chance > 0.97 and channel == "phone" else "person"

    def _tells(self, topic: str, channel: str) -> str:
        """Topics with a published share of their own, and what is written, are always told."""
        chance, welcome = self._random.random(), Welcome()
        if topic in ("social.economic-aid", "school.start") or channel != "phone" or chance < welcome.topic:
            return "topic"
        return "menu_choice" if chance < welcome.topic + welcome.menu_choice else "nothing"


def _along(stretches: Sequence[tuple[int, float]], place: float) -> int:
    """Whole seconds from the start, at a place from 0 to 1 of a curve of stretches: seconds, and weight."""
    whole = sum(weight for _, weight in stretches)
    passed, before = 0, 0.0
    for seconds, weight in stretches:
        if place * whole < before + weight:
            return passed + int(seconds * (place * whole - before) / weight)
        passed, before = passed + seconds, before + weight
    return passed


def _taken_by(channel: str, number: int) -> Actor:
    if channel in ("web", "system"):
        return SERVICE
    return MAILBOX if channel in ("email", "social") else guide(number)


def _deal(shares: Mapping[str, float], count: int) -> list[str]:
    """So many names in exact proportion to their shares (largest remainder)."""
    whole = sum(shares.values())
    exact = {name: share / whole * count for name, share in shares.items()}
    dealt = {name: int(wanted) for name, wanted in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (dealt[name] - exact[name], name))
    for name in by_remainder[: count - sum(dealt.values())]:
        dealt[name] += 1
    return [name for name, times in dealt.items() for _ in range(times)]


def _change(errands: list[Errand], scene: Callable[[Errand], Errand], times: int) -> None:
    """Turn the first so many errands that a scene fits into that scene."""
    for place, errand in enumerate(errands):
        if times == 0:
            return
        changed = scene(errand)
        if changed is not errand:
            errands[place] = changed
            times -= 1
