"""Opening hours and closed days. The arithmetic of promised time is callback's; here is only what is written down."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Annotated, Literal, Self, get_args

from holidays import country_holidays
from holidays.constants import DE_FACTO, PUBLIC
from pydantic import AfterValidator, PlainSerializer, PlainValidator, model_validator

from municipality.words import Part

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
YEARS = range(2020, 2061)
"""Holidays are known for these years."""

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


def _written(hours: OpenHours) -> str:
    def clock(since_midnight: timedelta) -> str:
        return "{:02}:{:02}".format(*divmod(since_midnight // timedelta(minutes=1), 60))

    return f"{clock(hours.opens)}-{clock(hours.closes)}"


HoursOfDay = Annotated[
    tuple[Annotated[OpenHours, PlainValidator(_read_hours), PlainSerializer(_written)], ...],
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

    def closed_days(self, holidays: Mapping[str, tuple[date, ...]]) -> frozenset[date]:
        """The days on which the owner is closed whatever the weekday (weekends are in `week`), of these `holidays`."""
        red = holidays.values() if self.holidays == "SE" else ()
        return frozenset(self.closed).union(*red)


def holiday_dates(calendars: Iterable[Calendar]) -> Mapping[str, tuple[date, ...]]:
    """The days of every holiday that one of the calendars closes on, by its name, in the years of `YEARS`."""
    return _swedish_holidays() if any(calendar.holidays == "SE" for calendar in calendars) else {}


@cache
def _swedish_holidays() -> Mapping[str, tuple[date, ...]]:
    """Public holidays and the customary eves, which the library calls de facto."""
    found = country_holidays("SE", years=YEARS, categories=(PUBLIC, DE_FACTO), language="sv")
    days: dict[str, list[date]] = {}
    for day in sorted(found):
        for name in found.get_list(day):
            days.setdefault(name, []).append(day)
    return {name: tuple(dates) for name, dates in sorted(days.items())}
