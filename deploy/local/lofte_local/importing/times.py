"""A time as a file writes it, to an instant: local times in their zone, also where summer time makes them odd."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from lofte_local.importing.faults import RowFault
from lofte_local.importing.mapping import Times

__all__ = ["TimeReader", "end_of_day", "parse"]

_LAST = timedelta(milliseconds=1)
"""The finest that Löfte keeps: an answer at midnight comes too late for a promise of the day before."""


class TimeReader:
    """Reads the times of one file. Raises RowFault, which repeats no value."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._zone = ZoneInfo(times.zone)
        self._offsets = {
            letters: datetime.strptime(offset, "%z").tzinfo for letters, offset in times.offsets.items()
        }

    def read(self, field: str, text: str, *, whole_day: bool) -> datetime:
        """The instant in UTC, whole milliseconds; `whole_day`: the last one of its local day."""
        stripped, zone = text, None
        head, _, letters = text.rpartition(" ")
        if head and letters in self._offsets:
            stripped, zone = head.strip(), self._offsets[letters]
        found = next((moment for each in self._times.formats if (moment := parse(stripped, each))), None)
        if found is None:
            raise RowFault("time", field, "not of a format in times.formats; add it there")
        if zone is not None:
            found = found.replace(tzinfo=zone)
        try:
            if whole_day:
                local = found if found.tzinfo is None else found.astimezone(self._zone)
                return end_of_day(local.date(), self._zone)
            moment = found.astimezone(UTC) if found.tzinfo is not None else self._local(field, found)
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        except OverflowError:
            raise RowFault("time", field, "beyond the calendar; correct the row") from None

    def _local(self, field: str, wall: datetime) -> datetime:
        first, second = (wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first == second:
            return first
        if first < second:
            if self._times.ambiguous == "reject":
                raise RowFault(
                    "ambiguous", field, "an hour that comes twice; say times.ambiguous: earlier or later"
                )
            return first if self._times.ambiguous == "earlier" else second
        if self._times.nonexistent == "reject":
            raise RowFault(
                "nonexistent", field, "an hour that summer time skips; say times.nonexistent: shift"
            )
        return first  # by the offset before the gap: as much later as the clock was put forward


def parse(text: str, form: str) -> datetime | None:
    """A text read by one format, with or without a zone; None where it does not fit."""
    try:
        return datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
    except ValueError:
        return None


def end_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The last moment of a local day, in UTC."""
    return datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC) - _LAST
