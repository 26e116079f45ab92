"""HTTP in: the figures, each with its definition."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from chassis.auth import Principal
from chassis.errors import InvalidInput
from chassis.http import allow, example
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pydantic import BaseModel
from pymongo.asynchronous.collection import AsyncCollection

from metrics import figures, views


class SummaryRow(BaseModel):
    """The figures of one group; `group` is null for cases that have no such thing, and for by=none."""

    group: str | None
    contacts: int
    cases: int
    resolved: int
    withdrawn: int
    imported: int
    solved_at_first_contact: int
    solved_at_first_contact_net: int
    forwarded: int
    returned: int
    promises_made: int
    promises_kept: int
    promises_broken: int
    promises_answered_late: int
    promises_withdrawn: int
    promises_withdrawn_by_reason: dict[str, int]
    promises_tried: int
    promises_reopened: int
    promises_paused: int
    minutes_paused: int
    promises_renewed: int
    promises_open: int
    kept_share: float | None
    answered: int
    minutes_to_answer_median: float | None
    minutes_to_answer_p90: float | None
    minutes_spent: int


_ROW = {
    "group": "city.building-permit",
    "contacts": 14,
    "cases": 12,
    "resolved": 9,
    "withdrawn": 1,
    "imported": 0,
    "solved_at_first_contact": 4,
    "solved_at_first_contact_net": 3,
    "forwarded": 5,
    "returned": 1,
    "promises_made": 8,
    "promises_kept": 6,
    "promises_broken": 1,
    "promises_answered_late": 1,
    "promises_withdrawn": 0,
    "promises_withdrawn_by_reason": {},
    "promises_tried": 0,
    "promises_reopened": 0,
    "promises_paused": 1,
    "minutes_paused": 90,
    "promises_renewed": 0,
    "promises_open": 1,
    "kept_share": 0.8571,
    "answered": 10,
    "minutes_to_answer_median": 42.0,
    "minutes_to_answer_p90": 215.5,
    "minutes_spent": 131,
}


class Summary(BaseModel):
    """Figures over the cases received on the local days from `from` until before `to`."""

    model_config = example(
        municipality="0581",
        zone="Europe/Stockholm",
        start="2026-03-02",
        end="2026-03-09",
        by="topic",
        rows=[_ROW],
        definitions={"contacts": figures.DEFINITIONS["contacts"]},
    )

    municipality: str
    zone: str
    start: date
    end: date
    by: str
    rows: list[SummaryRow]
    definitions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What the routes work with. `facts`: the live collection of the view."""

    municipalities: Mapping[str, Municipality]
    facts: Callable[[], AsyncCollection[dict[str, Any]]]


def routes(statistics: Statistics) -> Sequence[ControllerRouterHandler]:
    """Metrics' API."""

    @get("/summary", **allow("guide", "handler", "head", "auditor", "system", "admin"))
    async def get_summary(
        principal: NamedDependency[Principal],
        from_day: Annotated[
            str, QueryParameter(name="from", description="First local day, such as 2026-03-02")
        ],
        to_day: Annotated[str, QueryParameter(name="to", description="The day after the last one")],
        by: FromQuery[Literal["topic", "department", "channel", "none"]] = "none",
    ) -> Summary:
        """The figures of a period, by local days of receipt."""
        municipality = statistics.municipalities.get(principal.municipality)
        if municipality is None:
            raise InvalidInput("municipality", f"{principal.municipality} is not served here")
        start, end = _day("from", from_day), _day("to", to_day)
        if end <= start:
            raise InvalidInput(
                "to", "not after from; the period is half-open: to is the day after the last one"
            )
        zone = municipality.time_zone
        cases = await views.cases_received(
            statistics.facts(),
            principal.municipality,
            _midnight("from", start, zone),
            _midnight("to", end, zone),
        )
        limits = figures.Limits(
            window=timedelta(days=municipality.figures.recontact_window_days),
            back_dating=timedelta(minutes=municipality.promises.back_dating_limit_minutes),
        )
        rows = figures.summarize(cases, by, limits)
        return Summary(
            municipality=principal.municipality,
            zone=municipality.zone,
            start=start,
            end=end,
            by=by,
            rows=[SummaryRow.model_validate({"group": group, **row.figures()}) for group, row in rows],
            definitions=dict(figures.DEFINITIONS),
        )

    return [get_summary]


def _day(field: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, "not a day; write it as 2026-03-02") from None


def _midnight(field: str, day: date, zone: ZoneInfo) -> datetime:
    try:
        return datetime.combine(day, time.min, zone).astimezone(UTC)
    except OverflowError:
        raise InvalidInput(field, "a day beyond the calendar") from None
