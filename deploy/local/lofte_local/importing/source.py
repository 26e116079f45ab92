"""The rows of a CSV file, plain or gzip, read one by one; junk is told of, not stumbled over."""

import csv
import gzip
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from lofte_local.errors import LocalError

__all__ = ["Row", "Source", "digest"]

_GZIP = b"\x1f\x8b"


def digest(path: Path) -> str:
    """What a file is recognised by. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number (from 1, without the header) and line. `values` is None where it cannot be read; `fault`
    says which reason."""

    number: int
    line: int
    values: dict[str, str] | None
    fault: str | None = None


class Source:
    """A file, its header read. Raises LocalError when it cannot be read, or has no header."""

    def __init__(self, path: Path, encoding: str = "utf-8-sig", delimiter: str = ",") -> None:
        self.path, self._encoding, self._delimiter = path, encoding, delimiter
        with self._lines() as lines:
            try:
                self.header = next(csv.reader(lines, delimiter=delimiter), [])
            except csv.Error as error:
                raise LocalError(
                    f"{path} is not CSV: name the delimiter and encoding in the mapping."
                ) from error
        if not self.header:
            raise LocalError(f"{path} is empty: the first line names the columns.")

    def rows(self) -> Iterator[Row]:
        """All rows; empty lines are none."""
        with self._lines() as lines:
            reader = csv.reader(lines, delimiter=self._delimiter)
            next(reader)
            number, width = 0, len(self.header)
            while True:
                try:
                    told = next(reader, None)
                except csv.Error:
                    number += 1
                    yield Row(number, reader.line_num, None, "unreadable")
                    continue
                if told is None:
                    return
                if not told:
                    continue
                number += 1
                if len(told) != width:
                    yield Row(number, reader.line_num, None, "columns")
                else:
                    yield Row(number, reader.line_num, dict(zip(self.header, told, strict=True)))

    @contextmanager
    def _lines(self) -> Iterator[IO[str]]:
        try:
            with self.path.open("rb") as file:
                packed = file.read(2) == _GZIP
                file.seek(0)
                raw = gzip.GzipFile(fileobj=file) if packed else file
                # A byte that is none of the encoding must not end the import: it is shown as what it is, unreadable.
                yield io.TextIOWrapper(raw, self._encoding, errors="replace", newline="")
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or "damaged gzip"
            raise LocalError(f"{self.path} cannot be read ({reason}).") from error
