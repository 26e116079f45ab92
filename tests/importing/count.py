"""Counts a file of the Citizens' Service Bureau from the file alone: `python count.py FILE` prints the figures as JSON.

It knows nothing of Löfte: the standard library, and the words of the file itself. A row that cannot be counted (another
number of columns, no id, a time that is none) counts nowhere. A repeat of an id is another contact on the same case;
answered = DATEINVTDONE, else DATETIMECLOSED; due = the end of the promised local day; CANCEL, Cancel = withdrawn.
"""

import csv
import gzip
import json
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from math import ceil
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

CHICAGO = ZoneInfo("America/Chicago")
LETTERS = {"CST": timezone(timedelta(hours=-6)), "CDT": timezone(timedelta(hours=-5))}
CHANNELS = {
    "WEB": "web",
    "PHONE": "phone",
    "TWITTER": "social",
    "EMAIL": "email",
    "CSB LTR": "letter",
    "MYR LTR": "letter",
    "FAX": "letter",
}
COUNTED = (
    *("contacts", "cases", "resolved", "withdrawn"),
    *("promises_made", "promises_kept", "promises_broken", "promises_answered_late"),
    *("promises_withdrawn", "promises_open", "answered"),
)


def instant(text: str) -> datetime | None:
    """A local time as the file writes it; letters or an offset behind it say another zone."""
    if not text:
        return None
    head, _, letters = text.rpartition(" ")
    if letters in LETTERS:
        return datetime.fromisoformat(head).replace(tzinfo=LETTERS[letters]).astimezone(UTC)
    told = datetime.fromisoformat(text)
    moment = (told if told.tzinfo else told.replace(tzinfo=CHICAGO)).astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)  # thousandths, as all figures here


def day_after(text: str) -> datetime | None:
    """The midnight that ends the promised day."""
    if not text:
        return None
    day = datetime.fromisoformat(text).replace(hour=0, minute=0, second=0, microsecond=0)
    return (day + timedelta(days=1)).replace(tzinfo=CHICAGO).astimezone(UTC)


def read(path: Path) -> list[dict[str, Any]]:
    """The cases: the facts of the first row that can be counted, and how many contacts."""
    opened = gzip.open if path.read_bytes()[:2] == b"\x1f\x8b" else open
    cases: dict[str, dict[str, Any]] = {}
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        for told in rows:
            row = dict(zip(header, told, strict=False))
            if len(told) != len(header) or not row["REQUESTID"].strip():
                continue
            try:
                case = facts(row)
            except ValueError:
                continue
            if case["received"] is not None:
                cases.setdefault(row["REQUESTID"].strip(), case)["contacts"] += 1
    return list(cases.values())


def facts(row: dict[str, str]) -> dict[str, Any]:
    withdrawn = row["STATUS"].upper() == "CANCEL"
    closed = row["DATETIMECLOSED"].strip()
    answered = "" if withdrawn else row["DATEINVTDONE"].strip() or closed
    return {
        "contacts": 0,
        "channel": CHANNELS.get(row["CALLERTYPE"].strip(), "system"),
        "department": row["SUBMITTO"].strip(),
        "topic": f"{row['GROUP'].strip()} / {row['PROBLEMCODE'].strip()}",
        "withdrawn": withdrawn,
        "resolved": bool(closed) and not withdrawn,
        "received": instant(row["DATETIMEINIT"].strip()),
        "answered": instant(answered),
        "ends": day_after(row["PRJCOMPLETEDATE"].strip()),
    }


def count(cases: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    """The figures of some cases, as of now."""
    figures: dict[str, Any] = dict.fromkeys(COUNTED, 0)
    waited = []
    for case in cases:
        answered, ends = case["answered"], case["ends"]
        figures["contacts"] += case["contacts"]
        figures["cases"] += 1
        figures["resolved"] += case["resolved"]
        figures["withdrawn"] += case["withdrawn"]
        if answered is not None:
            figures["answered"] += 1
            waited.append((answered - case["received"]).total_seconds() / 60)
        if ends is None:
            continue
        figures["promises_made"] += 1
        if case["withdrawn"]:
            figures["promises_withdrawn"] += 1
        elif answered is not None and answered < ends:
            figures["promises_kept"] += 1
        elif answered is not None:
            figures["promises_broken"] += 1
            figures["promises_answered_late"] += 1
        elif ends <= now:
            figures["promises_broken"] += 1
        else:
            figures["promises_open"] += 1
    waited.sort()
    for name, share in (("minutes_to_answer_median", 0.5), ("minutes_to_answer_p90", 0.9)):
        figures[name] = round(waited[ceil(share * len(waited)) - 1], 1) if waited else None
    return figures


def main(path: Path, now: datetime) -> dict[str, dict[str, Any]]:
    """Figures by what they are grouped by, and by group in the words of the file."""
    cases = read(path)
    told: dict[str, dict[str, Any]] = {"none": {"": count(cases, now)}}
    for by in ("channel", "department", "topic"):
        groups = defaultdict(list)
        for case in cases:
            groups[case[by]].append(case)
        told[by] = {group: count(found, now) for group, found in groups.items()}
    return told


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), datetime.now(UTC)), indent=1))
