"""What a promise rests on, whole and plain: the part of a file that is kept for ever with its version."""

from collections.abc import Mapping
from typing import Any, Self
from zoneinfo import ZoneInfo

from municipality.calendar import Calendar, Holidays, holiday_dates, swedish_holidays
from municipality.model import Municipality, Promises
from municipality.statutory import Statutory
from municipality.words import OwnerId, Part, Slug, Zone


class WrittenBook(Part):
    """The promises part of one `promises.version`, the calendars that it counts in, and the statutory clock beside it.

    `calendar_of`: each owner's calendar, a person's resolved to the department's. `fallback`: the calendar of owners
    that the file did not know. `holidays`: the days of every holiday that a calendar closes on, with a statutory
    clock of all, by name, so that neither a new law nor a new release of a library moves what was promised.
    """

    zone: Zone
    calendars: Mapping[Slug, Calendar]
    calendar_of: Mapping[OwnerId, Slug]
    fallback: Slug
    holidays: Holidays
    promises: Promises
    statutory: Statutory | None = None

    @classmethod
    def of(cls, municipality: Municipality) -> Self:
        """The book that a municipality's file makes today."""
        named = {owner: municipality.calendar_name_of(owner) for owner in municipality.owners}
        law = municipality.statutory
        calendar_of = {owner: name for owner, name in named.items() if name is not None}
        return cls(
            zone=municipality.zone,
            calendars=municipality.calendars,
            calendar_of=calendar_of,
            fallback=calendar_of[municipality.routing.fallback],
            holidays=swedish_holidays() if law else holiday_dates(municipality.calendars.values()),
            promises=municipality.promises,
            statutory=law,
        )

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Self:
        """A book that `plain` wrote, by this release or an earlier one: what is new since has its default."""
        return cls.model_validate(plain)

    def plain(self) -> Mapping[str, Any]:
        """As text, numbers, lists and mappings, in the words of the file."""
        return self.model_dump(mode="json")

    def zone_of(self, calendar: Calendar) -> ZoneInfo:
        """Where the clock of a calendar hangs."""
        return ZoneInfo(calendar.zone or self.zone)
