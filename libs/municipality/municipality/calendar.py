"""Opening hours, holidays, exceptions. The arithmetic of promised time is callback's; here is what is written down."""

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from typing import Literal, Self, get_args

from holidays import country_holidays
from holidays.constants import DE_FACTO, PUBLIC
from pydantic import model_validator

from municipality.exceptions import OtherDays
from municipality.hours import HoursOfDay, OpenHours
from municipality.words import Line, Part, Zone

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
YEARS = range(2020, 2061)
"""Holidays are known for these years."""
Holidays = Mapping[str, tuple[date, ...]]
"""The days of holidays, by name."""


class Calendar(Part):
    """When an owner is open.

    `zone`: where its clock hangs; the municipality's where nothing is written. `open`: hours per weekday; a day left
    out is closed. `holidays`: `SE` = closed on Swedish public holidays (the law on public holidays, 1989:253) and on
    Midsummer Eve, Christmas Eve and New Year's Eve, which offices keep by custom; `none` = open also on holidays that
    fall on an open weekday. `holidays_except`: those of which the opposite holds. `exceptions`: what goes before all.
    """

    zone: Zone | None = None
    open: Mapping[Weekday, HoursOfDay]
    holidays: Literal["SE", "none"]
    holidays_except: tuple[Line, ...] = ()
    exceptions: tuple[OtherDays, ...] = ()

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

    def closes_on(self, holiday: str) -> bool:
        """Whether the owner is closed on a holiday of this name."""
        return (self.holidays == "SE") != (holiday in self.holidays_except)

    def other_days(self, holidays: Holidays) -> Mapping[date, tuple[tuple[OpenHours, ...], str]]:
        """The days that are not like their weekday: their hours (none: closed), and why."""
        week = self.week
        found: dict[date, tuple[tuple[OpenHours, ...], str]] = {
            day: ((), name) for name, days in holidays.items() if self.closes_on(name) for day in days
        }
        for other in self.exceptions:
            for day in other.days:
                usual = found[day][0] if day in found else week[day.weekday()]
                if other.kind != "short" or usual:
                    found[day] = (other.hours, other.reason)
        return found


def holiday_dates(calendars: Iterable[Calendar]) -> Holidays:
    """The days of every holiday that one of the calendars closes on, by its name, in the years of `YEARS`."""
    kept = tuple(calendars)
    return {
        name: days
        for name, days in swedish_holidays().items()
        if any(calendar.closes_on(name) for calendar in kept)
    }


@cache
def swedish_holidays() -> Holidays:
    """Public holidays and the customary eves, which the library calls de facto, by their Swedish names."""
    found = country_holidays("SE", years=YEARS, categories=(PUBLIC, DE_FACTO), language="sv")
    days: dict[str, list[date]] = {}
    for day in sorted(found):
        for name in found.get_list(day):
            days.setdefault(name, []).append(day)
    return {name: tuple(dates) for name, dates in days.items()}
