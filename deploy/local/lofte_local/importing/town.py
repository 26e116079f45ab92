"""A municipality as a file shows it: who got which topics, and how long was promised."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from lofte_local.importing.guess import Column, Guess, slug
from lofte_local.importing.source import Row
from lofte_local.importing.times import parse

__all__ = ["DraftedTopic", "Town"]

_LEVEL = "requests"


@dataclass(frozen=True)
class DraftedTopic:
    """A topic: what the file calls it, which department got it mostly, how often it came, how long was promised."""

    topic: str
    name: str
    department: str
    count: int


class Town:
    """Owners and topics as the file has them."""

    def __init__(self, found: Guess, rows: Iterable[Row]) -> None:
        went: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        self._days: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            if row.values is None:
                continue
            texts = tuple(t for c in found.topic if (t := row.values[c.name].strip()))
            owner = row.values[found.owner.name].strip() if found.owner else ""
            went[texts][owner] += 1
            days = _working_days(found, row.values)
            if days is not None and texts:
                self._days[texts[0]].append(days)
        taken: set[str] = set()
        owners = Counter(
            {text: sum(w[text] for w in went.values()) for w in went.values() for text in w if text}
        )
        self.owners = {text: f"department.{slug(text, taken)}" for text, _ in owners.most_common()}
        if not self.owners:
            self.owners = {"": "department.city"}
        self.topics = self._topics(found, went)

    def _topics(
        self, found: Guess, went: Mapping[tuple[str, ...], Counter[str]]
    ) -> dict[tuple[str, ...], DraftedTopic]:
        first = next(iter(self.owners.values()))
        levels: dict[str, str] = {}
        uppers: set[str] = set()
        leaves: dict[str, set[str]] = defaultdict(set)
        topics = {}
        for texts, owners in sorted(went.items()):
            if not texts:
                continue
            upper = levels.setdefault(texts[0], "") or slug(texts[0], uppers)
            levels[texts[0]] = upper
            # A level of one text is a leaf of its own: only leaves are topics.
            leaf = (
                slug(texts[1] if len(texts) > 1 else "other", leaves[upper]) if len(found.topic) > 1 else ""
            )
            name = f"{_LEVEL}.{upper}.{leaf}" if leaf else f"{_LEVEL}.{upper}"
            owner = next(
                (self.owners[text] for text, _ in owners.most_common() if text in self.owners), first
            )
            topics[texts] = DraftedTopic(name, " / ".join(texts), owner, owners.total())
        return topics or {(): DraftedTopic(f"{_LEVEL}.other", "Requests", first, 0)}

    def rules(self) -> list[tuple[str, str, str, float, int]]:
        """Upper levels that went mostly to one department: name, topic, department, share of it, how many."""
        went: dict[str, Counter[str]] = defaultdict(Counter)
        names: dict[str, str] = {}
        for texts, topic in self.topics.items():
            level = ".".join(topic.topic.split(".")[:2])
            went[level][topic.department] += topic.count
            names[level] = texts[0] if texts else "Requests"
        found = []
        for level, departments in sorted(went.items()):
            department, count = departments.most_common(1)[0]
            total = departments.total()
            if total and count * 2 > total:
                found.append((names[level], level, department, count / total, total))
        return found

    def policies(self) -> list[tuple[str, str, int]]:
        """What was promised for an upper level, by its median: name, topic, working days."""
        levels = {texts[0]: ".".join(t.topic.split(".")[:2]) for texts, t in self.topics.items() if texts}
        return [
            (text, levels[text], _bounded(median(days)))
            for text, days in sorted(self._days.items())
            if text in levels
        ]

    def usual_days(self) -> int:
        days = [each for told in self._days.values() for each in told]
        return _bounded(median(days)) if days else 5


def _bounded(days: float) -> int:
    return min(max(round(days), 1), 100)


def _working_days(found: Guess, values: Mapping[str, str]) -> int | None:
    received, promised = _time(found.received, values), _time(found.promised, values)
    if received is None or promised is None or not timedelta() <= promised - received < timedelta(days=365):
        return None
    days = (
        received.date() + timedelta(days=day)
        for day in range(1, (promised.date() - received.date()).days + 1)
    )
    return sum(day.weekday() < 5 for day in days)


def _time(column: Column | None, values: Mapping[str, str]) -> datetime | None:
    found = (
        parse(values[column.name].strip(), column.format) if column is not None and column.format else None
    )
    return found.replace(tzinfo=None) if found is not None else None
