"""A draft is guessed from names and contents, and holds as it is."""

import csv
from pathlib import Path

import pytest
from lofte_local.errors import LocalError
from lofte_local.importing.draft import prepare
from lofte_local.importing.guess import channel_of, is_withdrawn, slug
from lofte_local.importing.mapping import read_mapping
from lofte_local.importing.rows import RowReader
from lofte_local.importing.source import Source
from municipality import read_file
from rich.console import Console

QUIET = Console(quiet=True)
ELSEWHERE = [
    {
        "Unique Key": str(4000 + number),
        "Created Date": f"0{month}/15/2024 0{month}:30:00 PM",
        "Closed Date": f"0{month}/20/2024 10:00:00 AM" if number % 5 else "",
        "Agency": ("NYPD", 'DOT: "roads"')[number % 2],
        "Complaint Type": ("Noise", "Pothole\nand crack")[number % 2],
        "Descriptor": ("Loud", "Deep")[number % 2],
        "Status": ("Closed", "Open", "Duplicate - cancelled")[number % 3],
        "Due Date": "",
        "Open Data Channel Type": ("ONLINE", "PHONE", "MOBILE", "")[number % 4],
    }
    for number, month in enumerate([1, 2, 3, 4, 5, 6, 7, 8, 9] * 6)
]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_the_draft_of_a_file_of_another_city_holds_and_reads_its_rows(tmp_path: Path) -> None:
    file = written(tmp_path / "elsewhere.csv", ELSEWHERE)
    prepare(file, code="9950", zone="America/New_York", folder=tmp_path / "d", console=QUIET)
    mapping = read_mapping(tmp_path / "d" / "elsewhere.mapping.yaml")
    town = read_file(tmp_path / "d" / "municipalities" / "9950.yaml")
    assert (town.code, town.zone, mapping.times.zone) == ("9950", "America/New_York", "America/New_York")
    assert mapping.key == ("Unique Key",)
    assert mapping.fields.promise_due_at is None
    reader = RowReader(mapping)
    bodies = [reader.body(row) for row in Source(file).rows() if (row.values or {})["Closed Date"]]
    assert {body["channel"] for body in bodies} == {"web", "phone", "system"}
    assert {body["history"]["outcome"] for body in bodies} == {"answered", "withdrawn"}
    assert bodies[0]["occurred_at"].startswith("2024-02-15T19:30")
    assert {body["topic"] for body in bodies} <= set(town.topics)
    assert {body["history"]["routed_to"] for body in bodies} <= set(town.owners)


def test_a_draft_overwrites_nothing(tmp_path: Path) -> None:
    file = written(tmp_path / "f.csv", ELSEWHERE)
    prepare(file, code="9950", zone="Europe/Stockholm", folder=tmp_path, console=QUIET)
    with pytest.raises(LocalError, match=r"9950\.yaml"):
        prepare(file, code="9950", zone="Europe/Stockholm", folder=tmp_path, console=QUIET)


def test_what_the_file_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path / "f.csv", ELSEWHERE)
    with pytest.raises(LocalError, match="--zone"):
        prepare(file, code="9950", zone=None, folder=tmp_path, console=QUIET)
    nothing = written(tmp_path / "n.csv", [{"A": "x", "B": "y"}] * 9)
    with pytest.raises(LocalError, match="the id of a request or when"):
        prepare(nothing, code="9950", zone="Europe/Stockholm", folder=tmp_path, console=QUIET)


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("Phone call", "phone"),
        ("E-post", "email"),
        ("CSB LTR", "letter"),
        ("Twitter", "social"),
        ("?", "system"),
    ],
)
def test_a_channel_is_known_by_its_words(text: str, channel: str) -> None:
    assert channel_of(text) == channel


def test_what_was_withdrawn_is_known_by_its_words() -> None:
    assert all(map(is_withdrawn, ("CANCEL", "Cancelled", "Återkallad", "Duplicate")))
    assert not any(map(is_withdrawn, ("CLOSED", "Open", "")))


def test_two_texts_never_share_a_name() -> None:
    taken: set[str] = set()
    made = [slug(text, taken) for text in ("Light(s) Out", "Light(s)  Out", "Ljus, trasiga", "", "Å")]
    assert made == ["light-s-out", "light-s-out-2", "ljus-trasiga", "other", "a"]
