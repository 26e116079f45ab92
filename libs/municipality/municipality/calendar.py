"""Opening hours and closed days. The arithmetic of promised time is callback's; here is only what is written down."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from holidays import country_holidays
from holidays.constants import DE_FACTO, PUBLIC
from pydantic import AfterValidator, PlainValidator, model_validator

from municipality.words import Part

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)

_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-(?:([01][0-9]|2[0-3]):([0-5][0-9])|24:00)")


@dataclass(frozen=True, slots=True, order=True)
class OpenHours:
    """Open from `opens` until just before `closes`, both counted on the wall clock from midnight of the day.

    Wall clock: on the days when summer time begins and ends they are not elapsed time. `closes` is at most 24 h.
    """

    opens: timedelta
    closes: timedelta


def _read_hours(written: object) -> OpenHours:
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


def _read_date(written: object) -> date:
    try:
        if isinstance(written, str) and len(written) == len("YYYY-MM-DD"):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise ValueError(f"is {written!r}; write a date that exists, as YYYY-MM-DD")


def _in_order(hours: tuple[OpenHours, ...]) -> tuple[OpenHours, ...]:
    if any(later.opens < earlier.closes for earlier, later in pairwise(hours)):
        raise ValueError(
            "overlap or are out of order; write them from morning to evening, each after the other"
        )
    return hours


HoursOfDay = Annotated[
    tuple[Annotated[OpenHours, PlainValidator(_read_hours)], ...],
    AfterValidator(_in_order),
]


class Calendar(Part):
    """When an owner is open.

    `open`: hours per weekday; a day left out is closed. `holidays`: `SE` = closed on Swedish public holidays (the
    law on public holidays, 1989:253) and on Midsummer Eve, Christmas Eve and New Year's Eve, which offices keep by
    custom; `none` = open also on holidays that fall on an open weekday. `closed`: further closed days of one's own.
    """

    open: Mapping[Weekday, HoursOfDay]
    holidays: Literal["SE", "none"]
    closed: tuple[Annotated[date, PlainValidator(_read_date)], ...] = ()

    @model_validator(mode="after")
    def _opens_at_all(self) -> Self:
        if not any(self.open.values()):
            raise ValueError(
                "is never open, so that no working time ever passes; write hours for at least one day"
            )
        return self

    @property
    def week(self) -> tuple[tuple[OpenHours, ...], ...]:
        """Seven tuples of hours, Monday first, as `date.weekday()` counts; empty for a closed day."""
        return tuple(self.open.get(day, ()) for day in WEEKDAYS)

    def closed_days(self, years: range) -> frozenset[date]:
        """The days of these years on which the owner is closed whatever the weekday (weekends are in `week`)."""
        own = {day for day in self.closed if day.year in years}
        red = (_swedish_holidays(year) for year in years) if self.holidays == "SE" else ()
        return frozenset(own.union(*red))


@cache
def _swedish_holidays(year: int) -> frozenset[date]:
    """Public holidays and the customary eves, which the library calls de facto."""
    return frozenset(country_holidays("SE", years=year, categories=(PUBLIC, DE_FACTO)))
