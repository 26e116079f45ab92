"""Days as the law counts them (1930:173): a time in months or weeks ends with a day, and never with one of rest."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_FRIDAY = 4


@dataclass(frozen=True, slots=True)
class WorkingDays:
    """All days but Saturdays, Sundays and `holidays`: public ones, Midsummer Eve, Christmas Eve and New Year's Eve. They
    begin and end where the clock of `zone` shows midnight, whatever hours an office keeps."""

    zone: ZoneInfo
    holidays: frozenset[date]

    def day_of(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(self.zone).date()

    def months_after(self, day: date, months: int) -> date:
        """The last day of a time that begins with `day`: the one of the same number, or the last one of a month that has
        none, or the next working day."""
        years, month = divmod(day.month - 1 + months, 12)
        year = day.year + years
        return self._moved(date(year, month + 1, min(day.day, monthrange(year, month + 1)[1])))

    def weeks_after(self, day: date, weeks: int) -> date:
        """The last day of a time that begins with `day`: the one of the same name, or the next working day."""
        return self._moved(day + weeks * 7 * _DAY)

    def before(self, day: date, number: int) -> date:
        """The working day that lies so many of them before `day`."""
        while number:
            day -= _DAY
            number -= self.works_on(day)
        return day

    def works_on(self, day: date) -> bool:
        """Whether it is a working day."""
        return day.weekday() <= _FRIDAY and day not in self.holidays

    def start_of(self, day: date) -> datetime:
        """The moment, in UTC, at which a local day begins: the one before is over then."""
        return datetime.combine(day, time.min, self.zone).astimezone(UTC)

    def end_of(self, day: date) -> datetime:
        """The moment, in UTC, at which a local day is over; nothing that happens then happens on it."""
        return self.start_of(day + _DAY)

    def _moved(self, day: date) -> date:
        while not self.works_on(day):
            day += _DAY
        return day
