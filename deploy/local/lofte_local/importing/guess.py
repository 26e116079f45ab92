"""What the columns of an unknown file are: guessed by their names and by what stands in them."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lofte_local.importing.source import Row
from lofte_local.importing.times import parse

__all__ = ["Column", "Guess", "channel_of", "guess", "is_withdrawn", "read_columns", "slug"]

_FORMATS = (
    "iso",
    "%Y-%m-%d %H:%M:%S.%f",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%d/%m/%Y",
)
_MOST_VALUES = 5000
_MOST_CHANNELS, _MOST_OWNERS = 60, 400
_SAMPLED = 400

# A column's name speaks for what it is; the first that fits of each counts. Written and spoken English, and Swedish.
_KEY = r"(^|_|\b)(request|case|ticket|service|sr|order|issue|unique|arende|ärende)?_?(id|nr|no|number|nummer|key)s?$|requestid|caseid"
_RECEIVED = r"init|open|creat|receiv|request.*(date|time)|report.*(date|time)|inkom|skapad|registr|start"
_PROMISED = r"due|promis|prj|target|expect|sla|plann?ed|senast|utlovad|deadline"
_ANSWERED = r"done|answer|inspect|invt|respon|resol|besvar|åtgärd|atgard|complet"
_CLOSED = r"clos|finish|avslut|stäng|stang|end(ed)?($|_|\b)|complet"
_CANCELLED = r"cancel|withdr|void|avbr|återkall|aterkall"
_CHANNEL = r"channel|caller|source|origin|method|kanal|intake|contact.*type|submi.*type"
_STATUS = r"status|state|outcome|läge|lage"
_OWNER = r"submitto|assign|agency|depart|owner|respons|division|förvaltning|forvaltning|enhet|org"
_TOPIC = r"group|categ|topic|type|problem|code|service.*name|subject|ämne|amne|kategori|request$"
_SUBJECT = r"plain|descr|title|rubrik|name.*for|service.*name"

_CHANNELS = (
    ("chat", r"chat"),
    ("social", r"twitter|facebook|social|instagram|tweet"),
    ("email", r"e-?mail|e-?post"),
    ("web", r"web|online|internet|app|mobile|portal|form|self"),
    ("phone", r"phone|call|telefon|tel\b|voice|311"),
    ("letter", r"letter|ltr|fax|post|mail|brev"),
    ("visit", r"walk|visit|counter|person|besök|besok|desk"),
)
_WITHDRAWN = r"cancel|withdr|void|duplic|avbr|återkall|aterkall|dupl"


@dataclass
class Column:
    """What a column holds. `values` counts its texts until there are too many different ones (`many`)."""

    name: str
    filled: int = 0
    values: Counter[str] = field(default_factory=Counter)
    many: bool = False
    format: str | None = None

    def note(self, text: str) -> None:
        if not text:
            return
        self.filled += 1
        if not self.many:
            self.values[text] += 1
            self.many = len(self.values) > _MOST_VALUES

    @property
    def is_time(self) -> bool:
        return self.format is not None

    @property
    def distinct(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Guess:
    """The columns that were recognised; None where none was."""

    key: Column | None
    received: Column | None
    promised: Column | None
    answered: Column | None
    closed: Column | None
    cancelled: Column | None
    channel: Column | None
    status: Column | None
    owner: Column | None
    topic: tuple[Column, ...]
    subject: Column | None

    @property
    def formats(self) -> tuple[str, ...]:
        times = (self.received, self.promised, self.answered, self.closed, self.cancelled)
        return tuple(dict.fromkeys(time.format for time in times if time is not None and time.format)) or (
            "iso",
        )


def read_columns(header: Sequence[str], rows: Iterable[Row]) -> tuple[list[Column], int]:
    """The columns with what stands in them, and how many rows there are."""
    columns = [Column(name) for name in header]
    count = 0
    for row in rows:
        count += 1
        for column in columns if row.values is not None else ():
            column.note((row.values or {})[column.name].strip())
    for column in columns:
        column.format = _format(list(column.values)[:_SAMPLED])
    return columns, count


def guess(columns: Sequence[Column], rows: int) -> Guess:
    """Which column is what. Each is taken once, by who is surest of it first."""
    left = [column for column in columns if column.filled]

    def take(pattern: str, fits: Callable[[Column], bool]) -> Column | None:
        found = next((c for c in left if re.search(pattern, c.name, re.IGNORECASE) and fits(c)), None)
        if found is not None:
            left.remove(found)
        return found

    def time(column: Column) -> bool:
        return column.is_time

    def one_of(most: int) -> Callable[[Column], bool]:
        return lambda column: not column.is_time and not column.many and column.distinct <= most

    cancelled, promised = take(_CANCELLED, time), take(_PROMISED, time)
    received, closed, answered = take(_RECEIVED, time), take(_CLOSED, time), take(_ANSWERED, time)
    key = take(
        _KEY, lambda c: not c.is_time and (c.many or c.distinct * 2 > c.filled) and c.filled * 2 > rows
    )
    status, channel = take(_STATUS, one_of(60)), take(_CHANNEL, one_of(_MOST_CHANNELS))
    owner = take(_OWNER, one_of(_MOST_OWNERS))
    subject = take(_SUBJECT, one_of(max(rows // 4, 1)))
    topics = [t for t in (take(_TOPIC, one_of(1000)), take(_TOPIC, one_of(1000))) if t is not None]
    if received is None:
        received = min((c for c in left if time(c)), key=lambda c: min(c.values), default=None)
    return Guess(
        key=key,
        received=received,
        promised=promised,
        answered=answered,
        closed=closed,
        cancelled=cancelled,
        channel=channel,
        status=status,
        owner=owner,
        topic=tuple(sorted(topics, key=lambda column: column.distinct)),
        subject=subject,
    )


def channel_of(text: str) -> str:
    """The channel that a text means; `system` where it says nothing that we know."""
    return next((channel for channel, words in _CHANNELS if re.search(words, text, re.IGNORECASE)), "system")


def is_withdrawn(text: str) -> bool:
    return re.search(_WITHDRAWN, text, re.IGNORECASE) is not None


def slug(text: str, taken: set[str] | None = None) -> str:
    """A name of a-z, digits and hyphens; another one than those `taken`, to which it is added."""
    plain = text.lower().translate(str.maketrans("åäöéüø", "aaoeuo"))
    made = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "other"
    if taken is None:
        return made
    found, number = made, 1
    while found in taken:
        number += 1
        found = f"{made}-{number}"
    taken.add(found)
    return found


def _format(texts: Sequence[str]) -> str | None:
    """The format that all the texts have; a few odd ones are forgiven."""
    if not texts:
        return None
    for form in _FORMATS:
        read = [parse(text, form) for text in texts]
        if sum(moment is not None for moment in read) >= 0.9 * len(texts) and _plausible(read):
            return form
    return None


def _plausible(read: Sequence[datetime | None]) -> bool:
    # Numbers such as 20090102 are ISO dates too; ids are not.
    years = [moment.year for moment in read if moment is not None]
    return sum(1900 <= year <= 2100 for year in years) >= 0.9 * len(years)
