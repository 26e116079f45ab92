"""What a promise rests on, whole and plain: the part of a file that is kept for ever with its version."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Self
from zoneinfo import ZoneInfo

from municipality.calendar import Calendar, holiday_dates
from municipality.model import Municipality, Promises, Zone
from municipality.words import OwnerId, Part, Slug


class WrittenBook(Part):
    """The promises part of one `promises.version`, and the calendars that it counts in.

    `calendar_of`: each owner's calendar, a person's resolved to the department's. `fallback`: the calendar of owners
    that the file did not know. `holidays`: the days of every holiday that a calendar closes on, by name, so that
    neither a new law nor a new release of a library moves a promise that was made.
    """

    zone: Zone
    calendars: Mapping[Slug, Calendar]
    calendar_of: Mapping[OwnerId, Slug]
    fallback: Slug
    holidays: Mapping[str, tuple[date, ...]]
    promises: Promises

    @classmethod
    def of(cls, municipality: Municipality) -> Self:
        """The book that a municipality's file makes today."""
        named = {owner: municipality.calendar_name_of(owner) for owner in municipality.owners}
        calendar_of = {owner: name for owner, name in named.items() if name is not None}
        return cls(
            zone=municipality.zone,
            calendars=municipality.calendars,
            calendar_of=calendar_of,
            fallback=calendar_of[municipality.routing.fallback],
            holidays=holiday_dates(municipality.calendars.values()),
            promises=municipality.promises,
        )

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """A book that `plain` wrote, by this release or an earlier one: what is new since has its default."""
        return cls.model_validate(plain)

    def plain(self) -> Mapping[str, Any]:
        """As text, numbers, lists and mappings, in the words of the file."""
        return self.model_dump(mode="json")

    @property
    def time_zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
