"""How far an import has come, and which rows it could not take: two files, so that it goes on where it was stopped."""

import csv
import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lofte_local.importing.faults import RowFault

__all__ = ["Progress", "Rejected"]

_COLUMNS = ("row", "line", "reason", "field", "remedy")


@dataclass(frozen=True)
class Rejected:
    """A row that was not imported, and why. Nothing that the row says is in it."""

    row: int
    line: int
    reason: str
    field: str
    remedy: str

    @classmethod
    def of(cls, row: int, line: int, fault: RowFault) -> "Rejected":
        return cls(row, line, fault.reason, fault.field, fault.remedy)


class Progress:
    """`{file}.{municipality}.progress.json` and `{file}.{municipality}.rejected.csv`, in the folder of reports.

    `what` is what is imported where (file, mapping, address): another one begins anew. `done`: all rows up to this
    number are imported or rejected.
    """

    def __init__(self, folder: Path, name: str, what: str) -> None:
        self.report = folder / f"{name}.rejected.csv"
        self._state = folder / f"{name}.progress.json"
        self._what = what
        self.done = self._done()
        kept = self._kept()
        self.rejected = Counter(rejected.reason for rejected in kept)
        self.rejected_rows = {rejected.row for rejected in kept}
        with self._part(self.report) as part, part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, _COLUMNS)
            writer.writeheader()
            writer.writerows(asdict(rejected) for rejected in kept)

    def advance(self, done: int, rejected: Iterable[Rejected]) -> None:
        """All rows up to `done` are dealt with; these of them were rejected."""
        found = sorted(rejected, key=lambda each: each.row)
        if found:
            with self.report.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, _COLUMNS).writerows(asdict(each) for each in found)
            self.rejected.update(each.reason for each in found)
            self.rejected_rows |= {each.row for each in found}
        # The rows first: a report that runs ahead is cut back at the next start.
        with self._part(self._state) as part:
            part.write_text(json.dumps({"what": self._what, "done": done}) + "\n", "utf-8")
        self.done = done

    def _done(self) -> int:
        try:
            state: Mapping[str, object] = json.loads(self._state.read_text("utf-8"))
            done = state["done"] if state["what"] == self._what else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
        return done if isinstance(done, int) else 0

    def _kept(self) -> list[Rejected]:
        if not self.done:
            return []
        try:
            with self.report.open(newline="", encoding="utf-8") as file:
                told = list(csv.DictReader(file))
        except OSError:
            return []
        found = []
        for row in told:
            # The last line may have been cut off by whatever ended the import.
            if None not in row.values() and (row["row"] or "").isdigit() and int(row["row"]) <= self.done:
                found.append(
                    Rejected(int(row["row"]), int(row["line"]), row["reason"], row["field"], row["remedy"])
                )
        return found

    @staticmethod
    def _part(path: Path) -> "_Replacing":
        return _Replacing(path)


class _Replacing:
    """A file that is replaced as a whole, or not at all."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            os.replace(self._part, self._path)
