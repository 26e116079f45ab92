"""A row becomes a contact by its mapping; what does not fit is told of by reason, never by what it says."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lofte_local.errors import LocalError
from lofte_local.importing.faults import REASONS, RowFault
from lofte_local.importing.mapping import Times, read_mapping
from lofte_local.importing.progress import Progress, Rejected
from lofte_local.importing.rows import RowReader
from lofte_local.importing.source import Row, Source
from lofte_local.importing.times import TimeReader, end_of_day

MAPPING = """
municipality: "9900"
source: bureau
key: [ID]
times:
  zone: America/Chicago
  formats: ["iso", "%m/%d/%Y %I:%M:%S %p"]
  offsets: {CST: "-06:00"}
blank: ["NULL"]
fields:
  received_at: {column: OPENED}
  channel: {column: HOW, values: {WEB: web, "": web}, empty: system}
  subject: {constant: A request}
  topic: {join: [GROUP, CODE], values: {Trees / Trim: requests.trees.trim}}
  routed_to: {column: OWNER}
  promise_due_at: {column: PROMISED, end_of_day: true}
  answered_at: {first_of: [DONE, CLOSED]}
  closed_at: {column: CLOSED}
  outcome: {column: STATUS, values: {Cancel: withdrawn, CANCEL: withdrawn}, empty: derived, other: derived}
"""
ROW = {
    "ID": "7",
    "OPENED": "2010-07-01 09:00:00.0",
    "HOW": "WEB",
    "GROUP": "Trees",
    "CODE": "Trim",
    "OWNER": "department.trees",
    "PROMISED": "2010-07-05",
    "DONE": "2010-07-02 10:00:00.0",
    "CLOSED": "2010-07-09 10:00:00.0",
    "STATUS": "CLOSED",
}


@pytest.fixture
def mapping_file(tmp_path: Path) -> Path:
    path = tmp_path / "mapping.yaml"
    path.write_text(MAPPING, "utf-8")
    return path


@pytest.fixture
def reader(mapping_file: Path) -> RowReader:
    return RowReader(read_mapping(mapping_file))


def row(**values: str) -> Row:
    return Row(1, 2, {**ROW, **values})


def history(reader: RowReader, **values: str) -> Mapping[str, Any]:
    told: Mapping[str, Any] = reader.body(row(**values))["history"]
    return told


def test_a_row_becomes_a_contact_with_its_history(reader: RowReader) -> None:
    assert reader.key(row()) == "7"
    assert reader.body(row()) == {
        "municipality": "9900",
        "channel": "web",
        "citizen": {"kind": "anonymous"},
        "subject": "A request",
        "topic": "requests.trees.trim",
        "occurred_at": "2010-07-01T14:00:00+00:00",
        "history": {
            "outcome": "answered",
            "routed_to": "department.trees",
            "promise_due_at": "2010-07-06T04:59:59.999000+00:00",
            "answered_at": "2010-07-02T15:00:00+00:00",
            "closed_at": "2010-07-09T15:00:00+00:00",
        },
    }


@pytest.mark.parametrize("status", ["Cancel", "CANCEL"])
def test_what_was_withdrawn_has_no_answer_whatever_its_columns_say(reader: RowReader, status: str) -> None:
    told = history(reader, STATUS=status)
    assert (told["outcome"], "answered_at" in told, "closed_at" in told) == ("withdrawn", False, True)


def test_an_answer_is_the_first_of_its_columns_that_is_filled(reader: RowReader) -> None:
    assert history(reader, DONE=" NULL ")["answered_at"] == "2010-07-09T15:00:00+00:00"
    assert history(reader, DONE="", CLOSED="")["outcome"] == "open"


@pytest.mark.parametrize(
    ("reason", "field", "values"),
    [
        ("no-key", "key", {"ID": " "}),
        ("no-key", "key", {"ID": "x" * 500}),
        ("empty", "received_at", {"OPENED": "NULL"}),
        ("time", "received_at", {"OPENED": "secret"}),
        ("time", "promise_due_at", {"PROMISED": "2010-02-30"}),
        ("time", "promise_due_at", {"PROMISED": "9999-12-31"}),
        ("value", "channel", {"HOW": "secret"}),
        ("value", "topic", {"GROUP": "secret"}),
    ],
)
def test_what_does_not_fit_is_told_of_by_reason(
    reader: RowReader, reason: str, field: str, values: dict[str, str]
) -> None:
    told = row(**values)
    with pytest.raises(RowFault) as fault:
        reader.key(told) and reader.body(told)
    assert (fault.value.reason, fault.value.field) == (reason, field)
    assert reason in REASONS
    assert "secret" not in fault.value.remedy


def test_a_key_is_carried_by_a_header_whatever_it_is(reader: RowReader) -> None:
    keys = {reader.key(row(ID=key)) for key in ("Å/1", "Å 1", "%C3%85/1", "a:b")}
    assert len(keys) == 4
    assert all(key.isascii() and key.isprintable() and " " not in key for key in keys)


# --- times ---


def chicago(text: str, **told: Any) -> datetime:
    times = Times.model_validate({"zone": "America/Chicago", "offsets": {"CST": "-06:00"}, **told})
    return TimeReader(times).read("f", text, whole_day=False)


@pytest.mark.parametrize(
    ("text", "told", "hour"),
    [
        ("2010-11-07 01:30:00", {}, "06:30"),  # the first of two
        ("2010-11-07 01:30:00", {"ambiguous": "later"}, "07:30"),
        ("2010-11-07 01:30:00 CST", {}, "07:30"),
        ("2010-11-07T01:30:00-05:00", {"ambiguous": "reject"}, "06:30"),
        ("2010-03-14 02:30:00", {}, "08:30"),  # skipped: 03:30 of summer time
        ("2010-03-14 03:30:00", {}, "08:30"),
    ],
)
def test_a_local_time_is_read_also_where_summer_time_makes_it_odd(
    text: str, told: dict[str, str], hour: str
) -> None:
    assert f"{chicago(text, **told):%H:%M}" == hour


@pytest.mark.parametrize(
    ("text", "told", "reason"),
    [
        ("2010-11-07 01:30:00", {"ambiguous": "reject"}, "ambiguous"),
        ("2010-03-14 02:30:00", {"nonexistent": "reject"}, "nonexistent"),
    ],
)
def test_an_odd_local_time_can_be_rejected(text: str, told: dict[str, str], reason: str) -> None:
    with pytest.raises(RowFault) as fault:
        chicago(text, **told)
    assert fault.value.reason == reason


def test_a_promised_day_ends_a_millisecond_before_the_next_one_begins() -> None:
    assert end_of_day(datetime(2010, 3, 14, tzinfo=UTC).date(), ZoneInfo("America/Chicago")) == datetime(
        2010, 3, 15, 4, 59, 59, 999_000, tzinfo=UTC
    )
    # There the clock is put forward at midnight: the day after begins at one.
    assert end_of_day(datetime(2010, 10, 16, tzinfo=UTC).date(), ZoneInfo("America/Sao_Paulo")) == datetime(
        2010, 10, 17, 2, 59, 59, 999_000, tzinfo=UTC
    )


# --- the mapping ---


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("HOW, values", "HOW, valeus", 12, "unknown"),
        ("WEB: web", "WEB: carrier-pigeon", 12, "channel"),
        ("America/Chicago", "America/Springfield", 6, "zone"),
        ('CST: "-06:00"', 'CST: "six"', 8, "offset"),
        ("{column: OPENED}", "{}", 11, "column"),
        ("Cancel: withdrawn", "Cancel: broken", 19, "outcome"),
        ("key: [ID]", "key: []", 4, "empty"),
        ('"9900"', "9900", 2, "quotes"),
    ],
)
def test_a_fault_in_a_mapping_is_told_with_its_line(
    mapping_file: Path, old: str, new: str, line: int, says: str
) -> None:
    assert old in MAPPING
    mapping_file.write_text(MAPPING.replace(old, new), "utf-8")
    with pytest.raises(LocalError) as fault:
        read_mapping(mapping_file)
    assert f"{mapping_file.name}:{line}:" in str(fault.value)
    assert says in str(fault.value)


# --- the file ---


def test_junk_rows_are_numbered_and_told_of(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b'A,B\r\n1,2\r\n\r\n3\r\n"x\ny",5\r\n6,\xff\r\n7,8,9\r\n')
    rows = list(Source(path).rows())
    assert [(each.number, each.line, each.fault) for each in rows] == [
        (1, 2, None),
        (2, 4, "columns"),
        (3, 6, None),
        (4, 7, None),
        (5, 8, "columns"),
    ]
    assert rows[2].values == {"A": "x\ny", "B": "5"}


def test_a_quote_that_is_never_closed_ends_neither_the_file_nor_memory(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text('A,B\n1,"' + "x" * 200_000 + "\n2,3\n", "utf-8")
    assert next(each.fault for each in Source(path).rows()) == "unreadable"


@pytest.mark.parametrize("content", [b"", b"\x1f\x8bnot gzip at all"])
def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f.csv.gz"
    path.write_bytes(content)
    with pytest.raises(LocalError, match=r"f\.csv\.gz"):
        list(Source(path).rows())


# --- how far it has come ---


def rejected(number: int) -> Rejected:
    return Rejected(number, number + 1, "time", "received_at", "correct it")


def test_it_goes_on_where_it_was_and_cuts_back_a_report_that_ran_ahead(tmp_path: Path) -> None:
    first = Progress(tmp_path, "f", "this file")
    first.advance(10, [rejected(7), rejected(3)])
    with first.report.open("a", encoding="utf-8") as report:
        report.write("12,13,time,received_at,correct it\n15,16,ti")  # killed before its progress was kept
    again = Progress(tmp_path, "f", "this file")
    assert (again.done, dict(again.rejected), again.rejected_rows) == (10, {"time": 2}, {3, 7})
    with again.report.open(encoding="utf-8") as report:
        assert [line["row"] for line in csv.DictReader(report)] == ["3", "7"]


def test_another_file_or_mapping_begins_anew(tmp_path: Path) -> None:
    Progress(tmp_path, "f", "this file").advance(10, [rejected(7)])
    other = Progress(tmp_path, "f", "that file")
    assert (other.done, other.rejected_rows) == (0, set())
