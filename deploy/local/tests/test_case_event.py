"""An event as it is shown: its facts in the same time zone as the event itself."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from lofte_local.timeline import CaseEvent


def test_the_times_among_the_facts_are_those_of_the_clock_on_the_wall() -> None:
    facts = (("owner", "department.building"), ("due_at", "2026-03-29T11:00:00Z"))
    event = CaseEvent(datetime(2026, 3, 29, tzinfo=UTC), "callback", "PromiseMade", 1, facts)
    assert event.facts_in(ZoneInfo("Europe/Stockholm"), "%H:%M") == (
        ("owner", "department.building"),
        ("due_at", "13:00"),
    )
