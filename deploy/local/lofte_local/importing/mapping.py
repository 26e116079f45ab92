"""A mapping: which column becomes which field, in one YAML file that a person reads and edits."""

from collections.abc import Mapping as Pairs
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from municipality.document import Document, MunicipalityFileError, read_document
from municipality.reading import validated
from municipality.words import MunicipalityCode, Part, Slug, Zone
from pydantic import Field, field_validator, model_validator

from lofte_local.errors import LocalError

__all__ = ["DERIVED", "OUTCOMES", "Mapping", "TextField", "TimeField", "read_mapping"]

OUTCOMES = ("answered", "withdrawn", "open")
DERIVED = "derived"
"""An outcome by the times: answered where there is an answer, else open."""

_CHANNELS = ("phone", "email", "chat", "social", "visit", "web", "letter", "system")
_KINDS = ("person", "business", "anonymous")
Texts = Annotated[tuple[str, ...], Field(min_length=1)]


class _FromColumns(Part):
    """Where a field comes from: one `column`, or the `first_of` some that is not empty."""

    column: str | None = None
    first_of: Texts | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.column is not None else self.first_of or ()


class TextField(_FromColumns):
    """A text. `join`: the texts of several columns with ` / ` between; `constant`: the same for all rows.

    `values` says what each text becomes, `other` what a text becomes that is not among them, `empty` what nothing
    becomes. Without `other` a text that is not among them rejects its row.
    """

    join: Texts | None = None
    constant: str | None = None
    values: Pairs[str, str] = {}
    other: str | None = None
    empty: str | None = None

    @model_validator(mode="after")
    def _says_one_source(self) -> Self:
        if sum(source is not None for source in (self.column, self.first_of, self.join, self.constant)) != 1:
            raise ValueError("must say one source; write one of column, first_of, join, constant")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return self.join or super().columns

    @property
    def results(self) -> set[str]:
        """All that it can become; empty where it passes texts on."""
        told = {text for text in (self.constant, self.other, self.empty) if text is not None}
        return told | set(self.values.values()) if self.values or self.constant is not None else set()


class TimeField(_FromColumns):
    """A time. `end_of_day`: the last moment of its local day, as a promised date means."""

    end_of_day: bool = False

    @model_validator(mode="after")
    def _says_one_source(self) -> Self:
        if (self.column is None) == (self.first_of is None):
            raise ValueError("must say one source; write column or first_of")
        return self


class Times(Part):
    """How times are written: `formats` as Python's strptime has them, or `iso`; the first that fits counts.

    `zone` is that of times without one of their own; `offsets` says what a zone's letters after a time mean, such as
    `CST: "-06:00"`. `ambiguous`: the hour that summer time's end repeats; `nonexistent`: the one that its beginning skips.
    """

    zone: Zone
    formats: Texts = ("iso",)
    offsets: Pairs[str, str] = {}
    ambiguous: Literal["earlier", "later", "reject"] = "earlier"
    nonexistent: Literal["shift", "reject"] = "shift"

    @field_validator("offsets")
    @classmethod
    def _are_offsets(cls, offsets: Pairs[str, str]) -> Pairs[str, str]:
        for offset in offsets.values():
            try:
                datetime.strptime(offset, "%z")
            except ValueError:
                raise ValueError('has something that is no offset; write such as "-06:00"') from None
        return offsets


class Csv(Part):
    """How the file is written."""

    encoding: str = "utf-8-sig"
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            raise ValueError(
                "is an encoding that Python does not know; write such as utf-8 or cp1252"
            ) from None
        return encoding


class Fields(Part):
    """The fields of a contact and of its history; what is left out is not told."""

    received_at: TimeField
    channel: TextField
    subject: TextField
    citizen_kind: TextField = TextField(constant="anonymous")
    name: TextField | None = None
    phone: TextField | None = None
    email: TextField | None = None
    text: TextField | None = None
    topic: TextField | None = None
    routed_to: TextField | None = None
    promise_due_at: TimeField | None = None
    answered_at: TimeField | None = None
    closed_at: TimeField | None = None
    outcome: TextField = TextField(constant=DERIVED)

    @property
    def columns(self) -> set[str]:
        told = (getattr(self, name) for name in type(self).model_fields)
        return {column for field in told if field is not None for column in field.columns}


class Mapping(Part):
    """`source` names the system that the file comes from, `key` the columns that name a request there: together
    with how often the key has occurred, they make a row the same row in whatever file it comes again.

    `blank`: texts that mean nothing, such as NULL.
    """

    municipality: MunicipalityCode
    source: Slug
    key: Texts
    csv: Csv = Csv()
    times: Times
    blank: tuple[str, ...] = ()
    fields: Fields

    @property
    def columns(self) -> set[str]:
        return {*self.key, *self.fields.columns}


def read_mapping(path: Path) -> Mapping:
    """The mapping in a file. Raises LocalError with each fault and its line."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise LocalError(f"{path} cannot be read as UTF-8 text: check its path and its rights.") from None
    document = read_document(text, str(path))
    mapping = validated(document, Mapping) if document.data is not None else None
    if mapping is not None:
        _check_results(document, mapping)
    if mapping is None or document.faults:
        raise LocalError(str(MunicipalityFileError(document.faults)))
    return mapping


def _check_results(document: Document, mapping: Mapping) -> None:
    """What a field may become is known of three of them."""
    for name, known in (
        ("channel", _CHANNELS),
        ("citizen_kind", _KINDS),
        ("outcome", (*OUTCOMES, DERIVED)),
    ):
        field: TextField = getattr(mapping.fields, name)
        if not field.results <= set(known):
            document.blame(("fields", name), f"becomes something else than {', '.join(known)}; correct it")
        elif not field.values and field.constant is None:
            document.blame(("fields", name, "values"), "missing; say what each text becomes")
