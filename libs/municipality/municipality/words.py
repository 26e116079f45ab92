"""The small types that a file is written in, each with the sentence that says how to write it right."""

import re
from collections.abc import Sequence
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

T = TypeVar("T")

OWNER_KINDS = ("group", "department", "person")
_SLUG = r"[a-z0-9]+(?:-[a-z0-9]+)*"


class Part(BaseModel):
    """A part of a municipality's file: frozen, and unknown fields are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def some(written: tuple[T, ...]) -> tuple[T, ...]:
    """Refuses an empty list. Raises ValueError."""
    if not written:
        raise ValueError("is empty; write at least one")
    return written


def says_one_time(part: Part, units: Sequence[str], times: str) -> None:
    """Refuses a time of a step that is written in no unit or in several; `times` says how one is. Raises ValueError."""
    if sum(getattr(part, unit) is not None for unit in units) != 1:
        raise ValueError(f"must say one time; {times}")


def _written(pattern: str, remedy: str) -> AfterValidator:
    form = re.compile(pattern)

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise ValueError(f"is {text!r}; {remedy}")
        return text

    return AfterValidator(check)


MunicipalityCode = Annotated[
    str,
    _written(r"[0-9]{4}", 'write the four digits in quotes, such as "0581"'),
]
Line = Annotated[
    str,
    _written(r"\S(?:.{0,498}\S)?", "write one line of at most 500 characters, without spaces around it"),
]
Slug = Annotated[str, _written(_SLUG, "write small letters a-z, digits and hyphens, such as office")]
OwnerId = Annotated[
    str,
    _written(
        rf"(?:{'|'.join(OWNER_KINDS)})\.{_SLUG}",
        "write group., department. or person. and a slug of a-z, digits and hyphens, such as group.social",
    ),
]
GroupId = Annotated[str, _written(rf"group\.{_SLUG}", "write an answer group, such as group.social")]
DepartmentId = Annotated[
    str, _written(rf"department\.{_SLUG}", "write a department, such as department.social")
]
TopicId = Annotated[
    str,
    _written(
        rf"{_SLUG}(?:\.{_SLUG})+",
        "write levels of a-z, digits and hyphens with dots between, such as city.building-permit",
    ),
]
TopicPattern = Annotated[
    str,
    _written(
        rf"{_SLUG}(?:\.{_SLUG})*",
        "write a topic such as city.building-permit, or one of its upper levels such as city",
    ),
]
MenuChoice = Annotated[int, Field(strict=True, ge=1, le=5)]
Version = Annotated[int, Field(strict=True, ge=1)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"is {name!r}, which the time zone database does not know; write an IANA zone such as Europe/Stockholm"
        ) from None
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]
"""An IANA time zone that exists."""
