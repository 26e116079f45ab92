"""An iCalendar file as other programs write it becomes exceptions that the municipality's file takes."""

import zlib
from datetime import date
from pathlib import Path

import pytest
from lofte_local.cli import app
from lofte_local.errors import LocalError
from lofte_local.ics import Says, exceptions_of
from lofte_local.paths import MUNICIPALITIES
from municipality import WrittenBook, read_file, read_text
from typer.testing import CliRunner

NORRKOPING = read_file(MUNICIPALITIES / "0581.yaml")
TEXT = (MUNICIPALITIES / "0581.yaml").read_text("utf-8")
FIRST, LAST = date(2026, 3, 1), date(2026, 12, 31)


def event(*lines: str) -> str:
    return "\r\n".join(
        [
            "BEGIN:VEVENT",
            f"UID:{zlib.crc32(''.join(lines).encode())}",
            "DTSTAMP:20260101T000000Z",
            *lines,
            "END:VEVENT",
        ]
    )


def ics(path: Path, *events: str) -> Path:
    zone = (
        "BEGIN:VTIMEZONE\r\nTZID:W. Europe Standard Time\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\n"
        "TZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\n"
        "BEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\n"
        "RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE"
    )
    text = "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//other//SV", zone, *events, "END:VCALENDAR", ""]
    )
    path.write_text(text, "utf-8", newline="")
    return path


BRIDGE = event("DTSTART;VALUE=DATE:20260515", "DTEND;VALUE=DATE:20260516", "SUMMARY:Klämdag")
HOLIDAY = event("DTSTART;VALUE=DATE:20260713", "DTEND;VALUE=DATE:20260718", "SUMMARY:Semester: hela veckan")
TRAINING = event(
    "DTSTART;TZID=W. Europe Standard Time:20260401T130000",
    "DTEND;TZID=W. Europe Standard Time:20260401T170000",
    "RRULE:FREQ=WEEKLY;COUNT=3",
    "EXDATE;TZID=W. Europe Standard Time:20260408T130000",
    "SUMMARY:Utbildning",
)


@pytest.mark.parametrize(
    ("events", "says", "expected"),
    [
        ([BRIDGE], "closed", ["{kind: closed, day: '2026-05-15', reason: Klämdag}"]),
        (
            [HOLIDAY],
            "closed",
            ["{kind: closed, day: '2026-07-13', last: '2026-07-17', reason: 'Semester: hela veckan'}"],
        ),
        (
            [TRAINING],
            "closed",
            [
                "{kind: short, day: '2026-04-01', hours: ['08:00-13:00'], reason: Utbildning}",
                "{kind: short, day: '2026-04-15', hours: ['08:00-13:00'], reason: Utbildning}",
            ],
        ),
        (
            [event("DTSTART:20260912T080000Z", "DTEND:20260912T120000Z", "SUMMARY:Öppet hus")],
            "open",
            ["{kind: extra, day: '2026-09-12', hours: ['10:00-14:00'], reason: Öppet hus}"],
        ),
        (
            [event("DTSTART:20260302T220000", "DTEND:20260303T100000", "SUMMARY:Flytt")],
            "closed",
            ["{kind: short, day: '2026-03-03', hours: ['10:00-17:00'], reason: Flytt}"],
        ),
        ([event("DTSTART;VALUE=DATE:20260516", "SUMMARY:Lördag")], "closed", []),
        ([event("DTSTART;VALUE=DATE:20260619", "SUMMARY:Midsommarafton")], "closed", []),
        ([event("DTSTART;VALUE=DATE:20280515", "SUMMARY:Längre fram")], "closed", []),
        ([event("DTSTART;VALUE=DATE:20260515", "STATUS:CANCELLED", "SUMMARY:Inställt")], "closed", []),
    ],
    ids=[
        "a day",
        "a week",
        "repeated",
        "extra",
        "past midnight",
        "a Saturday",
        "an eve",
        "too far",
        "cancelled",
    ],
)
def test_events_become_exceptions(tmp_path: Path, events: list[str], says: Says, expected: list[str]) -> None:
    found = exceptions_of(ics(tmp_path / "x.ics", *events), NORRKOPING, "office", says, FIRST, LAST)
    assert found == "".join(f"      - {line}\n" for line in expected)


def test_what_is_printed_is_what_the_file_takes(tmp_path: Path) -> None:
    file = ics(tmp_path / "x.ics", BRIDGE, HOLIDAY, TRAINING)
    span = ["--since", "2026-03-01", "--until", "2026-12-31"]
    told = CliRunner().invoke(
        app, ["calendar", str(file), "--municipality", "0581", "--calendar", "office", *span]
    )
    assert told.exit_code == 0, told.output
    text = TEXT.replace(
        "    holidays: SE\n  leisure", f"    holidays: SE\n    exceptions:\n{told.output}  leisure"
    )
    book = WrittenBook.of(read_text(text))
    other = book.calendars["office"].other_days(book.holidays)
    assert other[date(2026, 5, 15)] == ((), "Klämdag")
    assert other[date(2026, 7, 17)] == ((), "Semester: hela veckan")
    assert [str(hours) for hours in other[date(2026, 4, 15)][0]] == ["08:00-13:00"]
    assert date(2026, 4, 8) not in other


@pytest.mark.parametrize(
    ("content", "calendar", "says", "words"),
    [
        ("no calendar", "office", "closed", "not iCalendar"),
        (BRIDGE, "offcie", "closed", "no calendar offcie: choose office, leisure"),
        (BRIDGE, "office", "open", "lasts all day and says no hours"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    tmp_path: Path, content: str, calendar: str, says: Says, words: str
) -> None:
    file = ics(tmp_path / "x.ics", content)
    if content == "no calendar":
        file.write_text(content)
    with pytest.raises(LocalError, match=words):
        exceptions_of(file, NORRKOPING, calendar, says, FIRST, LAST)
