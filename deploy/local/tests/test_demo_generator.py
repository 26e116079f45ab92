"""The planned day: the same for the same seed, shaped as published, and never near a deadline."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from callback.books import policy_book
from callback.domain import Asked, PolicyBook
from lofte_local.demo.day import Day, Errand
from lofte_local.demo.fate import choose_shown
from lofte_local.demo.generator import DEFAULT_SEED, plan_day
from lofte_local.demo.shape import CASES
from lofte_local.paths import MUNICIPALITIES
from municipality import WrittenBook, read_folder

MARGIN = timedelta(minutes=60)
SEEDS = (DEFAULT_SEED, 1, 2, 3)


@pytest.fixture(scope="module", params=SEEDS)
def day(request: pytest.FixtureRequest) -> Day:
    return plan_day(request.param)


@pytest.fixture(scope="module")
def book() -> PolicyBook:
    return policy_book(WrittenBook.of(read_folder(MUNICIPALITIES)["0581"]))


def test_the_same_seed_gives_the_same_day() -> None:
    assert plan_day(7) == plan_day(7)
    assert plan_day(7) != plan_day(8)


def test_the_day_has_the_published_shape(day: Day) -> None:
    assert len(day.errands) == CASES == 578
    assert share_solved(day.errands) == pytest.approx(0.39, abs=0.01)
    assert share_solved(about(day, "social.economic-aid")) == pytest.approx(0.64, abs=0.02)
    assert share_solved(about(day, "school.start")) == pytest.approx(0.85, abs=0.02)
    channels = Counter(errand.body["channel"] for errand in day.errands)
    assert channels["phone"] / CASES == pytest.approx(0.74, abs=0.03)
    assert len(channels) == 8
    asked = Counter(errand.topic for errand in day.errands)
    assert {topic for topic, _ in asked.most_common(3)} == {
        "city.building-permit",
        "social.economic-aid",
        "city.parking",
    }
    calls = [errand.received_at for errand in day.errands if errand.live]
    assert sum(call.hour < 12 for call in calls) > len(calls) / 2
    assert {errand.body["citizen"]["kind"] for errand in day.errands} == {"person", "business", "anonymous"}
    assert any("topic" not in errand.body and "menu_choice" in errand.body for errand in day.errands)
    assert any("topic" not in errand.body and "menu_choice" not in errand.body for errand in day.errands)


def test_every_fate_is_played(day: Day) -> None:
    assert set(day.fates().values()) == {"kept", "answered-late", "broken", "open"}
    assert {errand.story for errand in day.errands} >= {"returned", "weekend", "found out", "told"}
    assert [example.fate for example in choose_shown(day)][:3] == [
        "kept",
        "answered late",
        "broken, still open",
    ]


def test_promises_are_those_that_callback_will_make(day: Day, book: PolicyBook) -> None:
    for errand in day.errands:
        if errand.promised is None:
            continue
        topic = errand.topic if errand.live else errand.body.get("topic")
        policy = book.policy(errand.promised.owner, Asked(topic))
        asked = next((act.at for act in errand.acts if act.kind == "ask-again"), None)
        from_at = asked if asked and errand.first_contact and errand.live else errand.received_at
        due_at = book.due_at(policy, errand.promised.owner, from_at)
        assert (errand.promised.from_at, errand.promised.due_at) == (from_at, due_at)
        stages = book.stages(policy, errand.promised.owner, from_at, due_at)
        assert [at for _, _, at in errand.promised.stages] == [stage.at for stage in stages]


def test_every_act_keeps_an_hour_from_every_deadline(day: Day, book: PolicyBook) -> None:
    for errand in day.errands:
        moments = [act.at for act in errand.acts]
        limits = [at for _, _, at in errand.promised.stages] if errand.promised else []
        if errand.taken_at != errand.received_at:
            moments.append(errand.taken_at)
        if ends_in_conversation(errand):
            # The first act ends the matter of the limit; later ones come when it means nothing any more.
            limits_of_first = [errand.received_at + book.live_limit]
            assert far(moments[:1], limits_of_first), errand
        elif errand.live and errand.promised and errand.promised.owner.startswith("group."):
            limits.append(errand.received_at + book.live_limit)
        assert far(moments, limits), errand
        assert all(errand.taken_at <= at for at in moments)
        assert moments[: len(errand.acts)] == sorted(moments[: len(errand.acts)])


def test_fates_follow_from_the_acts(day: Day) -> None:
    for errand in day.errands:
        if errand.promised is None:
            continue
        due_at, answers = errand.promised.due_at, answered(errand)
        evening = datetime.fromisoformat("2026-03-02T17:00+01:00")
        match errand.promised.fate:
            case "kept":
                assert answers
                assert max(answers) < due_at
            case "answered-late":
                assert answers
                assert min(answers) > due_at
                assert due_at <= evening
            case "broken":
                assert not answers
                assert due_at <= evening
            case "open":
                assert not answers
                assert due_at > evening + 12 * MARGIN


def about(day: Day, topic: str) -> list[Errand]:
    return [errand for errand in day.errands if errand.topic == topic]


def share_solved(errands: Sequence[Errand]) -> float:
    solved = [errand for errand in errands if errand.first_contact]
    return len(solved) / len(errands)


def ends_in_conversation(errand: Errand) -> bool:
    """A guide answers or hands it on while the citizen is there: the limit of the conversation never comes."""
    handed_on = bool(errand.acts) and errand.acts[0].kind == "forward"
    return errand.live and (errand.first_contact or handed_on)


def answered(errand: Errand) -> list[datetime]:
    return [
        act.at
        for act in errand.acts
        if act.kind == "resolve" or act.body.get("outcome") in ("reached", "answered_in_writing")
    ]


def far(moments: list[datetime], limits: list[datetime]) -> bool:
    return all(abs(moment - limit) >= MARGIN for moment in moments for limit in limits)
