"""The statutory clock: the law's days, what may be done when, who is told, and that a promise has no part in it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from callback.api.statutory_models import StatutoryNow, statutory_now
from callback.books import policy_book
from callback.domain import Fire, FiringFoundNothing, PolicyBooks, RuleBroken, Timers
from callback.domain.statutory import (
    DECIDED,
    NO_CLOCK,
    REFUSED,
    WITHDRAWN,
    DecisionRequested,
    DecisionRequestRefused,
    DelayNoticeGiven,
    EndClock,
    NoteDelay,
    RequestDecision,
    StartClock,
    StatutoryClock,
    StatutoryClockEnded,
    StatutoryClockStarted,
    StatutoryCommand,
    StatutoryEvent,
    StatutoryStageReached,
    because,
    decide,
    evolve,
    firing_cause,
    timers,
)
from callback.domain.working_days import WorkingDays
from callback.statutory import decider
from hypothesis import given, settings
from hypothesis import strategies as st
from municipality import WrittenBook, read_folder

from .given import BOOKS, SWEDEN

NORRKOPING = read_folder(Path(__file__).parents[3] / "deploy" / "municipalities")["0581"]
BOOK = policy_book(WrittenBook.of(NORRKOPING))
KEPT = PolicyBooks(BOOK)
assert BOOK.statutory is not None
LAW: WorkingDays = BOOK.statutory.days
OWNER = "department.building"


def on(day: str, clock: str = "10:00") -> datetime:
    """A time of day in Sweden."""
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=SWEDEN).astimezone(UTC)


START = StartClock(on("2026-01-15"), "bo")  # six months: 15 July, a Wednesday
EARLIER = StartClock(on("2026-01-08"), "bo")
NOTICE = NoteDelay("referral", "letter", on("2026-05-04"), on("2026-10-01"), "bo")
REQUEST = RequestDecision(on("2026-08-03"), "bo")  # four weeks: 31 August, both Mondays
DECISION = EndClock(DECIDED, on("2026-08-31", "23:59"), "bo")


def after(*commands: StatutoryCommand, now: datetime | None = None) -> StatutoryClock:
    """After commands that were told at once, or all `now`."""
    clock = NO_CLOCK
    for command in commands:
        told = {StartClock: START.initiated_at, RequestDecision: REQUEST.received_at}.get(type(command))
        for event in decide(command, clock, KEPT, OWNER, now or told or on("2026-09-15")):
            clock = evolve(clock, event)
    return clock


def when(clock: StatutoryClock, command: StatutoryCommand, now: datetime) -> list[StatutoryEvent]:
    return decide(command, clock, KEPT, OWNER, now)


def refused(clock: StatutoryClock, command: StatutoryCommand, books: PolicyBooks = KEPT) -> str:
    with pytest.raises(RuleBroken) as broken:
        decide(command, clock, books, OWNER, on("2026-09-15"))
    return broken.value.code


def shown(clock: StatutoryClock, now: str = "2026-09-15") -> StatutoryNow:
    found = statutory_now(clock, on(now))
    assert found is not None
    return found


# --- what may be done when ---


def test_a_matter_is_to_be_decided_within_six_months_and_a_request_answered_within_four_weeks() -> None:
    clock = after(START, REQUEST)
    now = shown(clock, "2026-08-10")
    assert (now.state, now.version, now.last_day, now.due_at) == (
        "requested",
        1,
        "2026-07-15",
        on("2026-07-16", "00:00"),
    )
    assert now.request is not None
    assert (now.request.last_day, now.request.due_at) == ("2026-08-31", on("2026-09-01", "00:00"))
    assert (now.in_time, now.request.in_time) == (False, None)


@pytest.mark.parametrize(
    ("at", "months", "weeks"),
    [
        ("2026-08-31", False, True),
        ("2026-09-01", False, False),
    ],
)
def test_what_was_in_time_is_told_of_the_months_and_of_the_weeks(at: str, months: bool, weeks: bool) -> None:
    clock = after(START, REQUEST, EndClock(DECIDED, on(at, "00:00"), "bo"))
    now = shown(clock)
    assert now.request is not None
    assert (now.state, now.in_time, now.request.in_time) == ("decided", months, weeks)
    assert after(START, EndClock(DECIDED, on("2026-07-15", "23:59"), "bo")).request is None
    assert shown(after(START, EndClock(DECIDED, on("2026-07-15", "23:59"), "bo"))).in_time is True


def test_a_refused_request_ends_the_weeks_and_not_the_matter_and_there_is_no_other() -> None:
    clock = after(START, REQUEST, EndClock(REFUSED, on("2026-08-20"), "bo"))
    now = shown(clock)
    assert now.request is not None
    assert (now.state, now.in_time, now.request.in_time, now.ended_at) == (
        "request_refused",
        False,
        True,
        None,
    )
    assert timers(clock) == Timers(None, None)
    assert refused(clock, RequestDecision(on("2026-09-10"), "bo")) == "requested-before"
    assert refused(clock, EndClock(REFUSED, on("2026-09-10"), "bo")) == "refused-before"
    ended = [*when(clock, EndClock(DECIDED, on("2026-09-10"), "bo"), on("2026-09-15"))]
    assert ended == [StatutoryClockEnded(DECIDED, on("2026-09-10"), on("2026-09-15"), "bo")]


def test_a_party_who_withdraws_the_matter_in_time_leaves_nothing_kept_or_missed() -> None:
    early = shown(after(START, EndClock(WITHDRAWN, on("2026-03-02"), "bo")))
    assert (early.state, early.in_time, early.stages[0].passed) == ("withdrawn", None, False)
    late = shown(after(START, REQUEST, EndClock(WITHDRAWN, on("2026-08-10"), "bo")))
    assert late.request is not None
    assert (late.in_time, late.request.in_time) == (False, None)


@pytest.mark.parametrize(
    ("done", "command", "code"),
    [
        ((), NOTICE, "statutory-not-started"),
        ((), REQUEST, "statutory-not-started"),
        ((), DECISION, "statutory-not-started"),
        ((START,), START, "statutory-started"),
        ((START, REQUEST), EARLIER, "statutory-started"),
        ((START, DECISION), EARLIER, "statutory-started"),
        ((START, NOTICE), StartClock(on("2026-05-05"), "bo"), "noticed-before"),
        ((START,), RequestDecision(on("2026-07-15", "23:59"), "bo"), "months-not-over"),
        ((START, REQUEST), REQUEST, "requested-before"),
        ((START,), EndClock(REFUSED, on("2026-08-20"), "bo"), "nothing-requested"),
        ((START, REQUEST), EndClock(REFUSED, on("2026-08-02"), "bo"), "before-request"),
        ((START,), EndClock(DECIDED, on("2026-01-14"), "bo"), "before-initiated"),
        ((START,), replace(NOTICE, noticed_at=on("2026-01-14")), "before-initiated"),
        ((START, DECISION), DECISION, "statutory-ended"),
        ((START, DECISION), RequestDecision(on("2026-09-02"), "bo"), "statutory-ended"),
        ((START, DECISION), replace(NOTICE, noticed_at=on("2026-09-02")), "statutory-ended"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    done: Sequence[StatutoryCommand], command: StatutoryCommand, code: str
) -> None:
    assert refused(after(*done), command) == code


def test_a_time_told_wrongly_is_corrected_while_nothing_hangs_on_it() -> None:
    clock = after(START, NOTICE)
    [corrected] = when(clock, EARLIER, on("2026-05-10"))
    assert isinstance(corrected, StatutoryClockStarted)
    assert (corrected.initiated_at, corrected.last_day) == (EARLIER.initiated_at, "2026-07-08")
    clock = evolve(clock, corrected)
    assert shown(clock, "2026-05-10").notices == shown(after(START, NOTICE)).notices
    assert timers(clock).next_at == corrected.stages[0].at


def test_the_first_moment_after_the_months_is_early_enough() -> None:
    request = RequestDecision(on("2026-07-16", "00:00"), "bo")
    [event] = when(after(START), request, on("2026-07-16"))
    assert isinstance(event, DecisionRequested)


def test_without_the_part_in_the_file_no_clock_is_started_and_a_started_one_goes_on() -> None:
    assert refused(NO_CLOCK, START, BOOKS) == "no-statutory-clock"
    switched_off = PolicyBooks(replace(BOOK, version=2, statutory=None)).with_book(BOOK)
    [event] = decide(REQUEST, after(START), switched_off, OWNER, on("2026-08-04"))
    assert isinstance(event, DecisionRequested)
    assert event.last_day == "2026-08-31"


def test_the_rules_of_the_start_hold_whatever_the_file_says_later() -> None:
    assert BOOK.statutory is not None
    stricter = replace(BOOK, version=2, statutory=replace(BOOK.statutory, months=3, weeks=1))
    books = PolicyBooks(stricter).with_book(BOOK)
    [event] = decide(REQUEST, after(START), books, OWNER, on("2026-08-04"))
    assert isinstance(event, DecisionRequested)
    assert event.last_day == "2026-08-31"
    [started] = decide(START, NO_CLOCK, books, OWNER, on("2026-08-04"))
    assert isinstance(started, StatutoryClockStarted)
    assert (started.version, started.last_day) == (2, "2026-04-15")


some_notices = st.lists(
    st.builds(
        NoteDelay,
        st.sampled_from(["referral", "workload"]),
        st.just("letter"),
        st.integers(0, 400).map(lambda hours: on("2026-02-01") + timedelta(hours=hours * 12)),
        st.none(),
        st.just("bo"),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(some_notices, st.booleans(), st.booleans(), st.data())
def test_the_same_facts_in_any_order_and_repeated_are_the_same_clock(
    notices: list[NoteDelay], asked: bool, decided: bool, data: st.DataObject
) -> None:
    """But for what answers a request, which is told after that, nothing has its place."""
    facts: list[StatutoryCommand] = [*notices]
    facts += [REQUEST] if asked else []
    facts += [DECISION] if decided else []
    facts = [
        fact for fact in facts if not (isinstance(fact, NoteDelay) and fact.noticed_at > on("2026-08-31"))
    ]
    told = after(START, *facts, now=on("2026-09-15"))
    clock = after(START, now=on("2026-09-15"))
    for fact in data.draw(st.permutations([*facts, *facts])):
        try:
            events = when(clock, fact, on("2026-09-15"))
        except RuleBroken as broken:
            assert broken.code in {"requested-before", "statutory-ended"}  # noqa: PT017
            events = []
        for event in events:
            clock = evolve(clock, event)
    assert clock == told
    assert timers(clock) == timers(told)


# --- who is told ---


def fired(clock: StatutoryClock, now: datetime) -> tuple[StatutoryClock, StatutoryEvent]:
    [event] = when(clock, Fire(), now)
    return evolve(clock, event), event


def test_each_stage_is_told_once_at_its_time_in_open_hours_and_never_early() -> None:
    clock = after(START)
    told = []
    for command in (None, REQUEST):
        for event in when(clock, command, command.received_at) if command else ():
            clock = evolve(clock, event)
        while (at := timers(clock).next_at) is not None:
            assert isinstance(fired(clock, at - timedelta(milliseconds=1))[1], FiringFoundNothing)
            clock, event = fired(clock, at)
            assert isinstance(event, StatutoryStageReached)
            told.append((event.stage.name, event.stage.receivers, event.stage.at, event.due_at))
    assert told == [
        ("request_possible", ("head_of_department",), on("2026-07-16", "08:00"), on("2026-07-16", "00:00")),
        ("decision_due", ("head_of_unit",), on("2026-08-24", "08:00"), on("2026-09-01", "00:00")),
        (
            "decision_overdue",
            ("head_of_unit", "head_of_department"),
            on("2026-09-01", "08:00"),
            on("2026-09-01", "00:00"),
        ),
    ]


def test_after_an_outage_the_highest_stage_is_told_once_and_the_other_is_recorded_as_skipped() -> None:
    clock, event = fired(after(START, REQUEST), on("2026-09-02"))
    assert isinstance(event, StatutoryStageReached)
    assert (event.stage.name, event.skipped, event.owner) == ("decision_overdue", ("decision_due",), OWNER)
    assert timers(clock) == Timers(None, None)
    assert isinstance(fired(clock, on("2026-09-03"))[1], FiringFoundNothing)


def test_what_is_heard_of_late_is_reached_when_it_is_heard_of() -> None:
    now = on("2026-09-15")
    late = after(START, REQUEST, now=now)
    assert {stage.at for stage in late.stages} == {now}
    assert isinstance(fired(late, now - timedelta(milliseconds=1))[1], FiringFoundNothing)
    _, event = fired(late, now)
    assert isinstance(event, StatutoryStageReached)
    assert (event.stage.name, event.skipped) == ("decision_overdue", ("decision_due",))
    assert (late.request and late.request.last_day) == "2026-08-31"


@pytest.mark.parametrize("ended", [DECISION, EndClock(WITHDRAWN, on("2026-08-31"), "bo")])
def test_nobody_is_told_of_what_has_ended(ended: StatutoryCommand) -> None:
    for clock in (after(START, ended), after(START, REQUEST, ended)):
        assert timers(clock) == Timers(None, None)
        assert isinstance(fired(clock, on("2026-09-15"))[1], FiringFoundNothing)


def test_a_firing_is_named_by_its_stage_and_one_in_vain_by_its_moment() -> None:
    clock = after(START)
    assert firing_cause(clock, on("2026-07-16", "08:00")) == "due:request_possible:0"
    assert firing_cause(clock, on("2026-07-15")).startswith("looked:")
    assert firing_cause(after(START, REQUEST), on("2026-09-15")) == "due:decision_overdue:0"


# --- what is kept, and why ---

EVERY_EVENT: list[StatutoryEvent] = [
    *decide(START, NO_CLOCK, KEPT, OWNER, on("2026-01-15")),
    DelayNoticeGiven("workload", "phone", on("2026-05-04"), None, "bo"),
    *decide(REQUEST, after(START), KEPT, OWNER, on("2026-08-03")),
    StatutoryStageReached(after(START, REQUEST).stages[0], None, on("2026-09-01"), on("2026-08-24"), ("a",)),
    DecisionRequestRefused(on("2026-08-20"), on("2026-08-21"), "bo"),
    StatutoryClockEnded(DECIDED, on("2026-09-10"), on("2026-09-11"), "bo"),
    FiringFoundNothing(on("2026-09-10")),
]


@pytest.mark.parametrize("event", EVERY_EVENT, ids=lambda event: type(event).__name__)
def test_the_store_keeps_every_event_as_it_was(event: StatutoryEvent) -> None:
    codec = decider().codec
    assert codec.restore(codec.store(event)) == event
    assert {type(one) for one in EVERY_EVENT} == set(codec.types)
    assert evolve(NO_CLOCK, event) is not None, "the past cannot be rejected"


@pytest.mark.parametrize(
    ("commands", "sentence"),
    [
        ((START,), "Not decided: a decision is due on 2026-07-15 at the latest."),
        (
            (START, REQUEST),
            "Not decided: a decision is due on 2026-07-15 at the latest. The party asked for a decision in writing, "
            "received at 2026-08-03T08:00:00Z: it is to be answered on 2026-08-31 at the latest.",
        ),
        (
            (START, REQUEST, EndClock(REFUSED, on("2026-09-02"), "bo")),
            "Not decided: a decision is due on 2026-07-15 at the latest. The party asked for a decision in writing, "
            "received at 2026-08-03T08:00:00Z: refused at 2026-09-02T08:00:00Z, after 2026-08-31 was over.",
        ),
        (
            (START, REQUEST, DECISION),
            "Decided at 2026-08-31T21:59:00Z, after 2026-07-15 was over. The party asked for a decision in writing, "
            "received at 2026-08-03T08:00:00Z: the matter ended before 2026-08-31 was over.",
        ),
        (
            (START, EndClock(WITHDRAWN, on("2026-02-02"), "bo")),
            "The party withdrew the matter at 2026-02-02T09:00:00Z.",
        ),
    ],
)
def test_a_ledger_says_why_in_sentences(commands: Sequence[StatutoryCommand], sentence: str) -> None:
    assert because(after(*commands)) == sentence
