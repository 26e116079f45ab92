"""Who may tell history, and what of it fits together."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from chassis.auth import Principal
from chassis.errors import InvalidInput, NotAllowed
from chassis.testing.clock import ManualClock
from intake.domain import History
from intake.history import NewHistory, checked
from municipality import read_folder

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=4000)
TOWN = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")["0581"]
SYSTEM = Principal("import", "system", "0581")


def check(
    told: dict[str, object], occurred_at: datetime | None = LONG_AGO, by: Principal = SYSTEM
) -> History:
    return checked(NewHistory.model_validate(told), occurred_at, by.role, TOWN, ManualClock(NOW))


def test_what_fits_together_is_taken_as_it_was_told() -> None:
    due_at = datetime(1900, 1, 1, tzinfo=UTC)
    told = {
        "outcome": "answered",
        "routed_to": "department.streets",
        "answered_at": NOW,
        "promise_due_at": due_at,
    }
    assert check(told) == History("answered", "department.streets", due_at, NOW, None)
    assert check({"outcome": "withdrawn"}) == History("withdrawn", None, None, None, None)
    assert check({"outcome": "open", "promise_due_at": NOW + timedelta(days=9)}).outcome == "open"


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("history.routed_to", {"outcome": "open", "routed_to": "department.moon"}),
        ("history.answered_at", {"outcome": "answered", "closed_at": NOW}),
        ("history.answered_at", {"outcome": "withdrawn", "answered_at": NOW}),
        ("history.answered_at", {"outcome": "open", "answered_at": NOW}),
        ("history.closed_at", {"outcome": "open", "closed_at": NOW}),
        ("history.answered_at", {"outcome": "answered", "answered_at": NOW + timedelta(days=1)}),
        ("history.closed_at", {"outcome": "withdrawn", "closed_at": NOW + timedelta(days=1)}),
        ("history.promise_due_at", {"outcome": "open", "promise_due_at": datetime(9999, 1, 1, tzinfo=UTC)}),
    ],
)
def test_what_does_not_fit_is_refused_by_its_field(field: str, told: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(told)
    assert refused.value.extra["errors"][0]["field"] == field


def test_an_imported_contact_says_when_it_came() -> None:
    with pytest.raises(InvalidInput, match="occurred_at"):
        check({"outcome": "open"}, occurred_at=None)


@pytest.mark.parametrize("role", ["guide", "handler", "head", "robot"])
def test_only_another_system_tells_history(role: str) -> None:
    with pytest.raises(NotAllowed):
        check({"outcome": "open"}, by=Principal("anna", role, "0581"))
