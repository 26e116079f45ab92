"""Days on which an owner keeps other hours than in an ordinary week, each with its reason."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from municipality.hours import HoursOfDay
from municipality.words import Line, Part

_LONGEST = 366


def _read_date(written: object) -> date:
    if isinstance(written, date):
        return written
    try:
        if isinstance(written, str) and len(written) == len("YYYY-MM-DD"):
            return date.fromisoformat(written)
    except ValueError:
        pass
    raise ValueError(f"is {written!r}; write a date that exists, as YYYY-MM-DD")


WrittenDate = Annotated[date, BeforeValidator(_read_date)]


class OtherDays(Part):
    """One day, or all from `day` to `last`, on which other hours hold, and why.

    `closed`: not open at all. `short`: these hours, on the days of them that are open anyway (summer hours).
    `extra`: these hours whatever day it is (an open Saturday). Where two speak of one day, the later one holds.
    """

    kind: Literal["closed", "short", "extra"]
    day: WrittenDate
    last: WrittenDate | None = None
    hours: HoursOfDay = ()
    reason: Line

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.kind == "closed" and self.hours:
            raise ValueError("is closed and has hours; remove them, or write short or extra")
        if self.kind != "closed" and not self.hours:
            raise ValueError('has no hours; add them, such as hours: ["08:00-12:00"], or write closed')
        last = self.last or self.day
        if last < self.day:
            raise ValueError("ends before it begins; write the first day as day and the last as last")
        if (last - self.day).days >= _LONGEST:
            raise ValueError(f"is longer than {_LONGEST} days; write shorter ones")
        return self

    @property
    def days(self) -> Iterator[date]:
        """Every day of it."""
        last = self.last or self.day
        return (self.day + timedelta(days=place) for place in range((last - self.day).days + 1))
