"""The statutory clock: the times that the Administrative Procedure Act (2017:900, section 12) sets, as data."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from municipality.words import Part, says_one_time, some

ZONE = "Europe/Stockholm"
"""Where the law holds: its days begin and end by this clock."""
WORKING_DAYS_A_WEEK = 5
"""At most: what is told more working days before the end is told before the weeks begin."""

StaffReceiver = Literal["handler", "head_of_unit", "head_of_department", "contact_centre_head"]
_UNITS = ("possible", "working_days_before", "end")
_TIMES = "write possible, end, or such as {working_days_before: 5}"


class StatutoryTime(Part):
    """When a step is told; exactly one of these is written, the two words alone.

    `possible`: the months are over, and the party may ask for a decision. `working_days_before`: the last day of the
    weeks within which the authority answers that; 0 is the last day itself. `end`: that day is over.
    """

    possible: Literal[True] | None = None
    working_days_before: Annotated[int, Field(strict=True, ge=0, le=60)] | None = None
    end: Literal[True] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_word(cls, written: Any) -> Any:
        if isinstance(written, str):
            if written not in ("possible", "end"):
                raise ValueError(f"is {written!r}; {_TIMES}")
            return {written: True}
        return written

    @model_validator(mode="after")
    def _says_one_time(self) -> Self:
        says_one_time(self, _UNITS, _TIMES)
        return self


class StatutoryStep(Part):
    """At this time these are told."""

    at: StatutoryTime
    to: Annotated[tuple[StaffReceiver, ...], AfterValidator(some)]


DEFAULT_STEPS = (
    StatutoryStep(at=StatutoryTime(possible=True), to=("head_of_department",)),
    StatutoryStep(at=StatutoryTime(working_days_before=5), to=("head_of_unit",)),
    StatutoryStep(at=StatutoryTime(end=True), to=("head_of_unit", "head_of_department")),
)
"""For those who write none."""


class Statutory(Part):
    """The statutory clock is kept. A party may ask for a decision once the matter is `months` old, and is answered
    within `weeks`."""

    months: Annotated[int, Field(strict=True, ge=1, le=24)] = 6
    weeks: Annotated[int, Field(strict=True, ge=1, le=26)] = 4
    steps: Annotated[tuple[StatutoryStep, ...], AfterValidator(some)] = DEFAULT_STEPS
