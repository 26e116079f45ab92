"""A file as untidy as the real one of the Citizens' Service Bureau, made anew by a seed: nothing in it is of a person."""

import csv
import gzip
import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

HEADER = (
    *("REQUESTID", "CALLERTYPE", "DATETIMEINIT", "PRJCOMPLETEDATE", "DATEINVTDONE", "DATETIMECLOSED"),
    *(
        "DATECANCELLED",
        "STATUS",
        "SUBMITTO",
        "GROUP",
        "PROBLEMCODE",
        "PLAIN_ENGLISH_NAME_FOR_PROBLEMCODE",
        "WARD",
    ),
)
_TOPICS = (
    ("FORESTRY,", "Trees", "Inspect City Tree", "Inspect city tree"),
    ("FORESTRY,", "Trees", "Trim, Ext", 'Trim a "street" tree, please'),
    ("REFUSE,", "Trash/Debris", "Cntnr overflow/bulky", "Container is overflowing"),
    ("STREET DEPT, 510", "Street Lights", "Light(s) Out", "Street light(s) out"),
    ("STREET DIVISION, 514", "Street Lights", "Light(s)  Out", "Street light out,\nagain"),
    ("ANIMAL CARE,", "Animals", "Bats", "Bats reported in living area"),
)
_CHANNELS = ("",) * 12 + ("WEB", "WEB", "PHONE", "TWITTER", "EMAIL", "DEPT_REF", "CSB LTR", "FAX", "OTHER")
_ODD: tuple[dict[str, str], ...] = (
    # The hour that summer time skips, the hour that its end repeats, and times that name another zone.
    {"DATETIMEINIT": "2010-03-14 02:30:00.0"},
    {"DATETIMEINIT": "2010-11-07 01:30:00.0", "DATEINVTDONE": "2010-11-07 01:45:00.0"},
    {"DATETIMEINIT": "2010-11-07 01:30:00 CST"},
    {"DATETIMEINIT": "2010-07-01 23:30:00 CDT", "DATEINVTDONE": "2010-07-02T12:00:00+02:00"},
    {"DATETIMEINIT": "2010-07-01T03:30:00Z"},
    # Answered in the last second of the promised day, and in the first of the next one; on the day before the contact.
    {"DATEINVTDONE": "2010-05-10 23:59:59.99", "PRJCOMPLETEDATE": "2010-05-10 00:00:00.0"},
    {"DATEINVTDONE": "2010-05-11 00:00:00.0", "PRJCOMPLETEDATE": "2010-05-10 00:00:00.0"},
    {"DATETIMEINIT": "2010-05-10 09:00:00.0", "DATEINVTDONE": "2010-05-10 00:00:00.0"},
    # Promised before anybody asked, never promised, a promise on the day that summer time begins.
    {"PRJCOMPLETEDATE": "1900-01-01 00:00:00.0"},
    {"PRJCOMPLETEDATE": ""},
    {"PRJCOMPLETEDATE": "2011-03-13 00:00:00.0", "DATEINVTDONE": "2011-03-14 04:30:00.0"},
    # Never answered and long overdue; never answered and not yet due; answered and never closed.
    {"DATEINVTDONE": "", "DATETIMECLOSED": "", "STATUS": "SCHEDULED"},
    {
        "DATEINVTDONE": "",
        "DATETIMECLOSED": "",
        "STATUS": "Disptch",
        "PRJCOMPLETEDATE": "2031-01-01 00:00:00.0",
    },
    {"DATETIMECLOSED": "", "STATUS": "SCHEDULED"},
    {"DATEINVTDONE": ""},
    # Two spellings, with and without a time, one of them answered before.
    {"STATUS": "CANCEL", "DATECANCELLED": "2010-06-01 10:00:00.0", "DATETIMECLOSED": ""},
    {"STATUS": "Cancel", "DATEINVTDONE": "", "DATETIMECLOSED": ""},
    {"STATUS": "CANCEL", "DATECANCELLED": "2010-06-01 10:00:00.0", "PRJCOMPLETEDATE": ""},
    {"REQUESTID": "Å 17/4"},
)
_JUNK: tuple[dict[str, str], ...] = (
    {"DATETIMEINIT": "yesterday"},
    {"DATETIMEINIT": ""},
    {"REQUESTID": ""},
    {"PRJCOMPLETEDATE": "2010-02-30 00:00:00.0"},
)


def rows(size: int, seed: int) -> list[list[str]]:
    """About `size` rows; the same seed makes the same ones."""
    random = Random(seed)
    found = [_row(random, number, cancelled=random.random() < 0.06) for number in range(9000, 9000 + size)]
    for place, odd in enumerate(odd for odd in _ODD for _ in range(2)):
        found.append(_row(random, 20_000 + place) | odd)
    repeated = random.sample(found, size // 12)
    found += [
        row | {"CALLERTYPE": random.choice(_CHANNELS)}
        for row in repeated
        for _ in range(random.choice((1, 1, 2)))
    ]
    found += [_row(random, 30_000 + place) | junk for place, junk in enumerate(_JUNK)]
    # A case whose first row is junk: the next one opens it, in whatever run of the import it comes.
    spoilt = _row(random, 40_000)
    random.shuffle(found)
    found = [spoilt | {"DATETIMEINIT": "?"}, *found, spoilt, spoilt]
    told = [[row[name] for name in HEADER] for row in found]
    told.insert(5, ["9999", "too", "few"])
    told.insert(9, [*told[0], "too many"])
    return told


def write(path: Path, told: Sequence[Sequence[str]]) -> None:
    """As CSV, packed where the name says so."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *told])
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def _row(random: Random, number: int, *, cancelled: bool = False) -> dict[str, str]:
    received = datetime(2009, 1, 2, 8, 0) + timedelta(minutes=random.randrange(4 * 365 * 24 * 60))  # noqa: DTZ001
    promised = received + timedelta(days=random.choice((1, 3, 7, 14)))
    answered = received + timedelta(days=random.expovariate(1 / 6))
    if random.random() < 0.5:
        answered = answered.replace(hour=0, minute=0, second=0, microsecond=0)
    closed = max(received, answered) + timedelta(days=random.expovariate(1 / 20))
    owner, group, code, plain = random.choice(_TOPICS)
    return {
        "REQUESTID": str(number),
        "CALLERTYPE": random.choice(_CHANNELS),
        "DATETIMEINIT": f"{received:%Y-%m-%d %H:%M:%S}.0",
        "PRJCOMPLETEDATE": f"{promised:%Y-%m-%d} 00:00:00.0",
        "DATEINVTDONE": f"{answered:%Y-%m-%d %H:%M:%S}.{random.randrange(1000)}",
        "DATETIMECLOSED": f"{closed:%Y-%m-%d %H:%M:%S}.0",
        "DATECANCELLED": f"{closed:%Y-%m-%d %H:%M:%S}.0" if cancelled else "",
        "STATUS": random.choice(("CANCEL", "Cancel")) if cancelled else "CLOSED",
        "SUBMITTO": owner,
        "GROUP": group,
        "PROBLEMCODE": code,
        "PLAIN_ENGLISH_NAME_FOR_PROBLEMCODE": plain,
        "WARD": f"{random.randrange(1, 29):02}",
    }
