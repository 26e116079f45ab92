"""Hours of a day, as they are written."""

import re
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer, PlainValidator

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


@dataclass(frozen=True, slots=True, order=True)
class OpenHours:
    """Open from `opens` until just before `closes`, both counted on the wall clock from midnight of the day.

    Wall clock: on the days when summer time begins and ends they are not elapsed time. `closes` is at most 24 h.
    """

    opens: timedelta
    closes: timedelta

    def __str__(self) -> str:
        return f"{_clock(self.opens)}-{_clock(self.closes)}"


def _clock(since_midnight: timedelta) -> str:
    return "{:02}:{:02}".format(*divmod(since_midnight // timedelta(minutes=1), 60))


def _read_hours(written: object) -> OpenHours:
    if isinstance(written, OpenHours):
        return written
    parts = _HOURS.fullmatch(written) if isinstance(written, str) else None
    if parts is None:
        raise ValueError(f'is {written!r}; write hours as "HH:MM-HH:MM" in quotes, such as "08:00-17:00"')
    opens = timedelta(hours=int(parts[1]), minutes=int(parts[2]))
    closes = timedelta(hours=int(parts[3] or 24), minutes=int(parts[4] or 0))
    if opens >= closes:
        raise ValueError(
            f"is {written!r}; closing must come after opening, on the same day (24:00 is midnight)"
        )
    return OpenHours(opens, closes)


def _in_order(hours: tuple[OpenHours, ...]) -> tuple[OpenHours, ...]:
    if any(later.opens < earlier.closes for earlier, later in pairwise(hours)):
        raise ValueError(
            "overlap or are out of order; write them from morning to evening, each after the other"
        )
    return hours


HoursOfDay = Annotated[
    tuple[Annotated[OpenHours, PlainValidator(_read_hours), PlainSerializer(str)], ...],
    AfterValidator(_in_order),
]
