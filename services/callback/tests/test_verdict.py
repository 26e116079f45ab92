"""Why a promise counts as it does: every verdict names its fact, its times and its owner."""

import pytest
from callback.domain import Command
from callback.domain.verdict import verdict

from .given import BREACH, LIVE, WRITTEN, act, after


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ((), "Nothing has been promised yet."),
        ((*LIVE, act("09:10", "resolved")), "solved while a guide was still in the conversation"),
        (WRITTEN, "Open: promised before 2026-03-02T12:00:00Z"),
        (
            (*WRITTEN, act("12:59")),
            "Kept: the citizen was reached by group.city at 2026-03-02T11:59:00Z, not later than",
        ),
        ((*WRITTEN, act("12:59", "answered_in_writing")), "the citizen was answered in writing"),
        ((*WRITTEN, act("12:59", "resolved")), "the case was resolved by group.city"),
        (
            (*WRITTEN, BREACH),
            "Broken as of 2026-03-02T12:00:00Z, answerable department.building: judged at",
        ),
        ((*WRITTEN, BREACH), "told up to 2026-03-02T12:15:00Z was read"),
        ((*WRITTEN, BREACH), "still owed the answer"),
        (
            (*WRITTEN, BREACH, act("15:00")),
            "Answered late: the citizen was reached by group.city at 2026-03-02T14:00:00Z",
        ),
    ],
)
def test_a_verdict_names_what_decided(told: tuple[Command, ...], says: str) -> None:
    assert says in verdict(after(*told))
