"""Stories of cases as they happen at a contact centre, each told by really running the rules."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import cache

from callback.domain.statutory import DECIDED, EndClock, NoteDelay, RequestDecision, StartClock

from .town import Town


async def solved_in_one_call(town: Town) -> None:
    await town.contact("phone")
    await town.claim()
    await town.wait(8)
    await town.resolve()
    await town.wait(180)


async def written_to_a_group(town: Town) -> None:
    await town.contact("email", "city.parking")
    await town.wait(30)
    await town.claim()
    await town.note()
    await town.call("answered_in_writing")
    await town.resolve()
    await town.wait(300)


async def written_to_a_department(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(200)  # reminded
    await town.claim()
    await town.call("reached")
    await town.wait(60)
    await town.resolve()


async def call_forwarded(town: Town) -> None:
    await town.contact("phone", "city.building-permit")
    await town.claim()
    await town.wait(6)
    await town.forward(topic="city.building-permit")
    await town.claim()
    await town.wait(100)
    await town.call("reached")
    await town.resolve()


async def call_solved_by_the_department_within_the_hour(town: Town) -> None:
    await town.contact("phone", "city.building-permit")
    await town.wait(5)
    await town.forward(topic="city.building-permit")
    await town.wait(20)
    await town.resolve()
    await town.wait(600)


async def forwarded_and_returned(town: Town) -> None:
    await town.contact("email", "city.parking")
    await town.forward(topic="city.building-permit")
    await town.wait(40)
    await town.claim()
    await town.send_back()
    await town.wait(20)
    await town.claim()
    await town.call("reached")
    await town.resolve()


async def moved_on_after_an_act(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(30)
    await town.call("reached")
    await town.forward(owner="department.streets")
    await town.wait(600)
    await town.resolve()


async def asked_about_again_while_open(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(50)
    await town.contact("phone", back=5)
    await town.wait(30)
    await town.resolve()


async def reopened_by_a_contact(town: Town) -> None:
    await town.contact("phone")
    await town.wait(10)
    await town.resolve()
    await town.wait(days=3)
    await town.contact("email", None)
    await town.forward(owner="department.streets")
    await town.wait(90)
    await town.call("reached")
    await town.resolve()
    await town.wait(days=3)


async def reopened_at_once_and_passed_on(town: Town) -> None:
    await town.contact("phone")
    await town.wait(8)
    await town.resolve()
    await town.wait(10)
    await town.reopen()
    await town.forward(owner="department.streets")
    await town.wait(30)
    await town.call("reached")
    await town.wait(days=1)


async def reopened_and_left_lying(town: Town) -> None:
    await town.contact("phone")
    await town.resolve()
    await town.wait(days=3)
    await town.contact("email", None)
    await town.wait(days=3)
    await town.resolve()


async def reopened_with_a_new_promise(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(60)
    await town.resolve()
    await town.wait(days=35)
    await town.contact("phone")
    await town.wait(30)
    await town.forward(owner="department.streets")
    await town.wait(60)
    await town.call("reached")
    await town.wait(days=2)


async def reopened_and_broken(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.call("reached")
    await town.resolve()
    await town.wait(days=40)
    await town.reopen()
    await town.wait(days=5)
    await town.resolve()


async def answered_late(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(days=1)  # judged, and the head of the unit told
    await town.forward(owner="department.streets")
    await town.call("reached")
    await town.resolve()


async def late_but_not_yet_judged(town: Town) -> None:
    await town.contact("email", "city.building-permit")  # due at 13:00
    await town.wait(4 * 60 + 5)
    await town.call("reached")
    await town.wait(days=1)


async def told_late_what_was_done_in_time(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 5)
    await town.call("reached")  # late
    await town.call("reached", back=10)  # in time, told after it
    await town.wait(days=1)


async def back_dated_too_far(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 40)
    await town.call("reached", back=100)
    await town.wait(days=1)


async def never_answered(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(30)
    await town.forward(owner="department.streets")
    await town.wait(days=7)
    await town.notices()


async def call_past_the_limit(town: Town) -> None:
    await town.contact("phone")
    await town.wait(90)  # the limit is judged
    await town.claim()
    await town.call("reached")
    await town.resolve()
    await town.wait(days=1)


async def call_forwarded_past_the_limit(town: Town) -> None:
    await town.contact("phone", "city.building-permit")
    await town.wait(65)  # over the limit, not yet judged
    await town.forward(topic="city.building-permit")
    await town.wait(30)
    await town.forward(owner="department.streets")
    await town.wait(30)
    await town.call("reached")
    await town.wait(days=1)


async def call_solved_past_the_limit_and_forwarded_late(town: Town) -> None:
    await town.contact("phone", "city.building-permit")
    await town.wait(120)
    await town.forward(topic="city.building-permit")
    await town.resolve()
    await town.wait(days=1)


async def attempts(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    for outcome in ("no_answer", "busy", "voicemail"):
        await town.wait(60)
        await town.call(outcome)
    await town.wait(30)
    await town.call("reached")


async def asked_for_by_name(town: Town) -> None:
    await town.contact("phone", None, asked_for="person.stadsarkitekten")
    await town.wait(days=1)
    await town.send_back()
    await town.wait(days=1)
    await town.resolve()
    await town.wait(days=2)


async def agreed_on_the_phone(town: Town) -> None:
    """A time that was agreed is promised at once, also by a group, and also when the call is solved after all."""
    await town.contact("phone", "city.parking", agreed_due_at=town.clock.now() + timedelta(hours=30))
    await town.forward(topic="city.building-permit")
    await town.wait(days=1)
    await town.resolve()


async def written_down_days_later(town: Town) -> None:
    await town.contact("letter", "city.building-permit", back=3 * 24 * 60)
    await town.wait(60)
    await town.resolve()
    await town.wait(days=1)


async def imported_and_answered_in_time(town: Town) -> None:
    await town.imported(
        "answered", days=900, routed_to="department.streets", promise_due_at=3, answered_at=2.5, closed_at=90
    )
    await town.wait(days=5)


async def imported_and_answered_late_but_not_closed(town: Town) -> None:
    await town.imported("answered", days=900, promise_due_at=3, answered_at=4)
    await town.wait(90)
    await town.claim()
    await town.resolve()
    await town.wait(days=5)


async def imported_without_a_promise(town: Town) -> None:
    await town.imported(
        "answered", days=50, routed_to="person.stadsarkitekten", answered_at=-0.2, closed_at=1
    )
    await town.wait(days=2)


async def imported_and_withdrawn(town: Town) -> None:
    await town.imported("withdrawn", days=400, routed_to="department.streets", promise_due_at=-40_000)
    await town.wait(days=5)


async def imported_open_past_its_time(town: Town) -> None:
    await town.imported("open", days=200, routed_to="department.streets", promise_due_at=3)
    await town.wait(90)  # the highest stage is told, and the breach judged
    await town.claim()
    await town.call("reached")
    await town.wait(days=5)


async def imported_open_and_never_answered(town: Town) -> None:
    await town.imported("open", days=9, promise_due_at=8.99)  # a quarter of an hour ago
    await town.wait(days=9)


async def imported_open_and_kept(town: Town) -> None:
    await town.imported("open", days=2, channel="phone", routed_to="group.city", promise_due_at=4)
    await town.wait(days=1)
    await town.forward(topic="city.building-permit")
    await town.wait(60)
    await town.call("reached")
    await town.resolve()
    await town.wait(days=5)


async def imported_twice_and_asked_about_today(town: Town) -> None:
    told = {"routed_to": "department.streets", "promise_due_at": 5, "answered_at": 2, "closed_at": 3}
    for channel in ("web", "phone"):
        await town.imported("answered", days=12, channel=channel, **told)
    await town.wait(60)
    await town.contact("email", None)
    await town.wait(60)
    await town.resolve()
    await town.wait(days=3)


async def imported_long_closed_and_asked_about_today(town: Town) -> None:
    await town.imported("withdrawn", days=300, promise_due_at=5, closed_at=3)
    await town.contact("email", None)
    await town.wait(60)
    await town.call("reached")
    await town.wait(days=3)


async def waited_for_and_resumed(town: Town) -> None:
    await town.contact("email", "city.building-permit")  # due at 13:00
    await town.wait(60)
    await town.await_citizen()
    await town.wait(days=1)
    await town.resume()
    await town.wait(100)
    await town.call("reached")
    await town.wait(days=2)


async def waited_for_and_left_lying(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(60)
    await town.await_citizen()
    await town.wait(days=20)  # the limit is judged, then the breach
    await town.resume()
    await town.call("reached")
    await town.wait(days=1)


async def waited_for_until_the_chosen_time_and_asked_again(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(190)  # reminded
    await town.await_citizen(until=timedelta(days=2))
    await town.wait(days=1)
    await town.contact("phone", back=20)  # resumes
    await town.wait(10)
    await town.await_citizen(back=5)
    await town.wait(30)
    await town.forward(owner="department.streets")
    await town.wait(days=1)
    await town.resolve()
    await town.wait(days=1)


async def waiting_told_late(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 5)  # the due time is told, and not yet judged
    await town.await_citizen(back=10)
    await town.wait(days=3)
    await town.resume()
    await town.wait(days=5)


async def waiting_told_too_late(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 5)
    await town.await_citizen()
    await town.wait(days=1)
    await town.resume()
    await town.wait(days=1)
    await town.resolve()


async def answered_while_waited_for(town: Town) -> None:
    await town.contact("phone", "city.building-permit")
    await town.wait(5)
    await town.await_citizen()
    await town.wait(10)
    await town.forward(topic="city.building-permit")
    await town.wait(30)
    await town.await_citizen()
    await town.wait(days=3)
    await town.call("reached")
    await town.wait(days=1)
    await town.resolve()
    await town.wait(days=1)


async def waited_for_past_the_limit_of_a_call(town: Town) -> None:
    await town.contact("phone")
    await town.wait(10)
    await town.await_citizen()
    await town.wait(days=1)  # the limit is judged: the promise is born paused
    await town.resume()
    await town.wait(days=1)


async def resolved_while_waited_for_and_reopened(town: Town) -> None:
    await town.contact("phone")
    await town.await_citizen()
    await town.wait(10)
    await town.resolve()
    await town.wait(60)
    await town.contact("email", None)
    await town.wait(20)
    await town.await_citizen()
    await town.wait(days=1)
    await town.contact("email", None)
    await town.wait(days=1)


async def renewed_and_kept(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(60)
    await town.await_citizen()
    await town.wait(60)
    await town.renew(26)
    await town.wait(60)
    await town.resume()
    await town.wait(30)
    await town.await_citizen()
    await town.wait(days=1)
    await town.resume()
    await town.wait(20)
    await town.call("reached")
    await town.wait(days=1)


async def renewed_twice_and_broken(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(60)
    await town.call("no_answer")
    await town.renew(20)
    await town.wait(60)
    await town.forward(owner="department.streets")
    await town.wait(60)
    await town.renew(30)
    await town.wait(days=4)
    await town.call("reached")
    await town.wait(days=1)


async def tried_and_replied(town: Town) -> None:
    await town.contact("email", "social.family-support")  # one working day
    for outcome in ("no_answer", "busy", "voicemail"):
        await town.wait(150)
        await town.call(outcome)
    await town.wait(days=8)
    await town.contact("phone")
    await town.wait(20)
    await town.await_citizen()
    await town.wait(30)
    await town.contact("phone")
    await town.wait(days=2)


async def tried_too_late(town: Town) -> None:
    await town.contact("email", "city.building-permit")  # due at 13:00
    for outcome in ("no_answer", "busy", "voicemail"):
        await town.wait(122)
        await town.call(outcome)
    await town.wait(days=2)
    await town.contact("phone")
    await town.wait(days=2)
    await town.call("reached")
    await town.wait(days=1)


async def asked_again_between_attempts(town: Town) -> None:
    await town.contact("email", "social.family-support")
    await town.wait(150)
    await town.call("no_answer")
    await town.contact("phone", back=10)
    await town.contact("phone", back=12)
    for outcome in ("busy", "voicemail"):
        await town.wait(150)
        await town.call(outcome)
    await town.wait(days=4)


async def withdrawn_and_reopened(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(30)
    await town.await_citizen()
    await town.wait(30)
    await town.withdraw_case()
    await town.wait(days=2)
    await town.contact("email", None)
    await town.wait(90)
    await town.call("reached")
    await town.wait(days=1)


async def withdrawn_after_the_due_time(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 5)
    await town.withdraw_case()
    await town.wait(days=1)


async def withdrawn_at_callback_and_asked_again(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(50)
    await town.contact("phone", back=5)
    await town.wait(30)
    await town.withdraw_promise()
    await town.wait(60)
    await town.contact("phone", back=5)
    await town.wait(days=2)
    await town.resolve()


async def withdrawn_at_callback_after_the_due_time(town: Town) -> None:
    await town.contact("email", "city.building-permit")
    await town.wait(4 * 60 + 5)
    await town.withdraw_promise()
    await town.wait(days=1)


async def withdrawn_in_the_call(town: Town) -> None:
    await town.contact("phone")
    await town.wait(10)
    await town.withdraw_case()
    await town.wait(days=1)
    await town.contact("email", None)
    await town.wait(days=2)


async def imported_and_withdrawn_and_asked_about_again(town: Town) -> None:
    await town.imported("withdrawn", days=9, promise_due_at=5, closed_at=3)
    await town.contact("email", None)
    await town.wait(days=2)


Story = Callable[[Town], Awaitable[None]]


async def initiated_by_a_party(town: Town) -> None:
    """The promise is kept on the first day; the matter is decided half a year and six weeks later."""
    await town.contact("email", "city.building-permit")
    await town.statutory(StartClock(town.clock.now(), "bo"))
    await town.call("answered_in_writing")
    await town.wait(days=100)
    await town.statutory(NoteDelay("referral", "letter", town.clock.now(), None, "bo"))
    await town.wait(days=90)
    await town.statutory(RequestDecision(town.clock.now(), "bo"))
    await town.wait(days=30)
    await town.statutory(EndClock(DECIDED, town.clock.now(), "bo"))
    await town.resolve()


STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (
        solved_in_one_call,
        written_to_a_group,
        written_to_a_department,
        call_forwarded,
        call_solved_by_the_department_within_the_hour,
        forwarded_and_returned,
        moved_on_after_an_act,
        asked_about_again_while_open,
        reopened_by_a_contact,
        reopened_at_once_and_passed_on,
        reopened_and_left_lying,
        reopened_with_a_new_promise,
        reopened_and_broken,
        answered_late,
        late_but_not_yet_judged,
        told_late_what_was_done_in_time,
        back_dated_too_far,
        never_answered,
        call_past_the_limit,
        call_forwarded_past_the_limit,
        call_solved_past_the_limit_and_forwarded_late,
        attempts,
        asked_for_by_name,
        agreed_on_the_phone,
        written_down_days_later,
        imported_and_answered_in_time,
        imported_and_answered_late_but_not_closed,
        imported_without_a_promise,
        imported_and_withdrawn,
        imported_open_past_its_time,
        imported_open_and_never_answered,
        imported_open_and_kept,
        imported_twice_and_asked_about_today,
        imported_long_closed_and_asked_about_today,
        waited_for_and_resumed,
        waited_for_and_left_lying,
        waited_for_until_the_chosen_time_and_asked_again,
        waiting_told_late,
        waiting_told_too_late,
        answered_while_waited_for,
        waited_for_past_the_limit_of_a_call,
        resolved_while_waited_for_and_reopened,
        renewed_and_kept,
        renewed_twice_and_broken,
        tried_and_replied,
        tried_too_late,
        asked_again_between_attempts,
        withdrawn_and_reopened,
        withdrawn_after_the_due_time,
        withdrawn_at_callback_and_asked_again,
        withdrawn_at_callback_after_the_due_time,
        withdrawn_in_the_call,
        imported_and_withdrawn_and_asked_about_again,
        initiated_by_a_party,
    )
}


@cache
def tell(name: str) -> Town:
    """The town after a story; told once."""

    async def told() -> Town:
        town = Town(name.replace("_", "-"))
        await STORIES[name](town)
        return town

    return asyncio.run(told())
