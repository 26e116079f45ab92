"""How a citizen is reached: one channel, one address; nothing of who was erased."""

from dataclasses import replace
from typing import Any

import pytest
from chassis.commit import Cause
from intake.handlers import Told, receive_contact
from intake.reach import Reach, is_mobile, reach_of

from .town import Town

pytestmark = pytest.mark.mongo
CODE = "0581"
MOBILE, DESK_PHONE, EMAIL = "+46701740605", "+4611150000", "signe@example.se"
TOLD = Told(
    channel="phone",
    citizen_kind="person",
    name="Signe Testsson",
    phone=MOBILE,
    email=EMAIL,
    subject="Trädet",
    text=None,
    topic=None,
    menu_choice=None,
    asked_for=None,
    occurred_at=None,
    live=None,
    case_id=None,
)


async def opened(town: Town, **change: Any) -> tuple[str, str]:
    """A case and its reference."""
    answer = await receive_contact(
        town.desk, CODE, replace(TOLD, **change), Cause("request:anna:1", "anna", "b")
    )
    return answer["case_id"], answer["case_reference"]


@pytest.mark.parametrize(
    ("change", "channels", "expected"),
    [
        ({}, ["email", "sms"], ("sms", MOBILE)),
        ({"channel": "email"}, ["email", "sms"], ("email", EMAIL)),
        ({}, ["email"], ("email", EMAIL)),
        ({"phone": DESK_PHONE}, ["email", "sms"], ("email", EMAIL)),
        ({"email": None}, ["email"], (None, None)),
        ({"phone": DESK_PHONE, "email": None}, ["sms"], (None, None)),
        ({"phone": None, "email": None}, ["email", "sms"], (None, None)),
    ],
)
async def test_the_way_that_the_citizen_came_goes_first(
    town: Town, change: dict[str, Any], channels: list[str], expected: tuple[str | None, str | None]
) -> None:
    case_id, reference = await opened(town, **change)
    reason = None if expected[0] else "no-address"
    assert await reach_of(town.desk, CODE, case_id, channels) == Reach(reference, *expected, reason)


async def test_of_who_was_erased_nothing_is_left_to_tell(town: Town) -> None:
    case_id, reference = await opened(town)
    keys: Any = town.desk.keys
    [contact] = town.contacts()
    await keys._keys.delete_one({"_id": contact.details.citizen_key})
    keys._cache.clear()
    assert await reach_of(town.desk, CODE, case_id, ["email", "sms"]) == Reach(reference, reason="erased")


async def test_a_case_is_known_in_its_own_municipality_alone(town: Town) -> None:
    case_id, _ = await opened(town)
    assert await reach_of(town.desk, "2380", case_id, ["email"]) is None
    assert await reach_of(town.desk, CODE, "6f9619ff-8b86-8011-b42d-00c04fc964ff", ["email"]) is None


def test_a_text_message_goes_to_a_mobile_phone_alone() -> None:
    assert is_mobile(MOBILE)
    assert not is_mobile(DESK_PHONE)
    assert not is_mobile("+4611150000;ext=12")
