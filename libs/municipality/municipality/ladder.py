"""The ladder: who is told of a promise that nobody has kept yet, and when."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from municipality.words import Part, says_one_time, some

Receiver = Literal["handler", "head_of_unit", "head_of_department", "contact_centre_head", "citizen"]
StepUnit = Literal["percent", "due", "working_days", "times"]
_UNITS: tuple[StepUnit, ...] = ("percent", "due", "working_days", "times")


class StepTime(Part):
    """When a step is told; exactly one of these is written, `due` as the word alone.

    `percent`: share of the promised time that has passed. `due`: the promised time itself. `working_days`: of the
    owner, after the due time. `times`: so many times the promised time have passed since it began.
    """

    percent: Annotated[int, Field(strict=True, ge=1, le=99)] | None = None
    due: Literal[True] | None = None
    working_days: Annotated[int, Field(strict=True, ge=1, le=60)] | None = None
    times: Annotated[int, Field(strict=True, ge=2, le=20)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_word(cls, written: Any) -> Any:
        if isinstance(written, str):
            if written != "due":
                raise ValueError(f"is {written!r}; {_TIMES}")
            return {"due": True}
        return written

    @model_validator(mode="after")
    def _says_one_time(self) -> Self:
        says_one_time(self, _UNITS, _TIMES)
        return self

    @property
    def unit(self) -> StepUnit:
        return next(unit for unit in _UNITS if getattr(self, unit) is not None)

    @property
    def amount(self) -> int:
        """In `unit`s; 1 for the due time."""
        return int(getattr(self, self.unit))


_TIMES = "write due, or one of percent, working_days, times, such as {working_days: 1}"


class LadderStep(Part):
    """At this time these are told."""

    at: StepTime
    to: Annotated[tuple[Receiver, ...], AfterValidator(some)]

    @model_validator(mode="before")
    @classmethod
    def _lifted(cls, written: Any) -> Any:
        """Steps were once written as `{step: 1, after_working_days: 1, to: head_of_unit}`, and are kept so in old books."""
        if not isinstance(written, Mapping) or "after_working_days" not in written:
            return written
        told = {key: value for key, value in written.items() if key not in ("step", "after_working_days")}
        told["at"] = {"working_days": written["after_working_days"]}
        return told | ({"to": [written["to"]]} if isinstance(written.get("to"), str) else {})


_DUE = StepTime(due=True)
DEFAULT_LADDER = (
    LadderStep(at=StepTime(percent=75), to=("handler",)),
    LadderStep(at=_DUE, to=("handler", "head_of_unit", "citizen")),
    LadderStep(at=StepTime(working_days=1), to=("head_of_department",)),
    LadderStep(at=StepTime(times=3), to=("contact_centre_head",)),
)
"""For those who write none."""


def whole_ladder(steps: tuple[LadderStep, ...], reminder_at_percent: int) -> tuple[LadderStep, ...]:
    """The steps; those that begin after the due time have a reminder and the due time before them, for the handler."""
    if any(step.at.due for step in steps):
        return steps
    reminder = LadderStep(at=StepTime(percent=reminder_at_percent), to=("handler",))
    return reminder, LadderStep(at=_DUE, to=("handler",)), *steps
