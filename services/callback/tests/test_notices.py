"""Notices go out: to a real mail server, a real provider, a real system; once each as far as anybody can tell."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest
from callback.domain import CITIZEN
from callback.notices.ways import SmsWay
from callback.outcomes import told_of
from chassis.errors import RuleViolation
from standardwebhooks import Webhook

from tests.harness.receiver import receiver, well

from .given import NIGHT, act
from .noticing import CASE, CODE, CONTACTS, HANDLER, HEAD, SECRET, Noticing, noticing_on
from .posting import PAUSES

pytestmark = pytest.mark.mongo


@pytest.fixture
async def noticing(database: Any) -> AsyncIterator[Noticing]:
    async with noticing_on(database) as found:
        yield found


async def test_whoever_is_on_the_ladder_gets_an_email_in_swedish(noticing: Noticing) -> None:
    await noticing.fall_due("13:00")
    await noticing.send()
    found = {str(letter["To"]): letter for letter in noticing.mail.letters}
    assert set(found) == {HANDLER, HEAD}
    letter = found[HANDLER]
    assert letter["Subject"] == "Tiden är ute: återkoppling utlovad till 2026-03-02 13:00"
    assert letter["From"] == "kontaktcenter@kommun.example"
    assert f"https://case.example/{CASE}" in letter.get_content()
    assert letter["Auto-Submitted"] == "auto-generated"
    outcomes = await noticing.outcomes()
    assert {(o.TYPE, o.receiver, o.channel, o.attempts) for o in outcomes if o.receiver != CITIZEN} == {
        ("callback.notice-sent.v1", "handler", "email", 1),
        ("callback.notice-sent.v1", "head_of_unit", "email", 1),
    }
    assert "@" not in json.dumps([o.model_dump(mode="json") for o in outcomes])


async def test_a_repeat_sends_nothing_again_and_an_attempt_that_nobody_noted_has_the_same_id(
    noticing: Noticing,
) -> None:
    noticing.mail.forgets = 1  # it takes the letter and then the line is cut
    await noticing.fall_due("12:00")
    await noticing.send()
    assert len(noticing.mail.letters) == 1
    await noticing.later(PAUSES[0])
    first, second = noticing.mail.letters
    assert first["Message-ID"] == second["Message-ID"]
    await noticing.tell_again()
    await noticing.later(86_400)
    assert len(noticing.mail.letters) == 2
    [sent] = await noticing.outcomes()
    assert (sent.TYPE, sent.attempts) == ("callback.notice-sent.v1", 2)


async def test_a_mailbox_that_is_refused_holds_up_no_other_and_is_held_in_the_end(noticing: Noticing) -> None:
    noticing.mail.refuses.add(HANDLER)
    await noticing.fall_due("13:00")
    await noticing.send()
    assert {str(letter["To"]) for letter in noticing.mail.letters} == {HEAD}
    for pause in PAUSES:
        await noticing.later(pause)
    [failed] = [o for o in await noticing.outcomes() if o.receiver == "handler"]
    assert (failed.TYPE, getattr(failed, "reason", None), failed.attempts) == (
        "callback.notice-failed.v1", "refused", 3,
    )  # fmt: skip
    noticing.mail.refuses.clear()
    [held] = await noticing.held.list(f"{CODE}.email", state="held", after=None, limit=9)
    await noticing.held.replay(f"{CODE}.email", held["event_id"])
    await noticing.later(60)
    assert {str(letter["To"]) for letter in noticing.mail.letters} == {HANDLER, HEAD}
    assert (await noticing.outcomes())[-1].TYPE == "callback.notice-sent.v1"
    with pytest.raises(RuleViolation):
        await noticing.held.discard(f"{CODE}.email", held["event_id"], reason="late", by="anna")


async def test_a_mail_server_that_is_away_delays_no_text_message(noticing: Noticing) -> None:
    await noticing.mail.stop()
    await noticing.fall_due("13:00", contacts={"handler": {"email": HANDLER, "sms": "+46701740605"}})
    await noticing.send()
    assert [got["to"] for got in noticing.texts()] == ["+46701740605"]
    assert noticing.mail.letters == []
    await noticing.mail.start()
    await noticing.later(PAUSES[0] * 1.3)
    assert HANDLER in {str(letter["To"]) for letter in noticing.mail.letters}


async def test_what_was_answered_meanwhile_or_climbed_further_is_not_told(noticing: Noticing) -> None:
    await noticing.mail.stop()
    await noticing.fall_due("12:00")
    await noticing.send()
    await noticing.note(act("12:30", under=1))
    await noticing.mail.start()
    await noticing.later(PAUSES[0])
    assert noticing.mail.letters == []
    assert await noticing.outcomes() == []
    assert await noticing.deliveries.standing() == (0, 0, 0.0)


async def test_only_the_highest_step_is_told_when_several_wait(noticing: Noticing) -> None:
    await noticing.mail.stop()
    await noticing.fall_due("12:00")
    await noticing.send()
    await noticing.fall_due("13:00")
    await noticing.mail.start()
    await noticing.later(PAUSES[0])
    assert {str(letter["Subject"])[:7] for letter in noticing.mail.letters} == {"Tiden ä"}


async def test_in_the_night_those_who_work_are_told_when_they_open(noticing: Noticing) -> None:
    """An outage ended at night: what was due at noon is found then."""
    noticing.intake.tells(case_reference="7H3K9MW", channel="email", address="signe@example.se")
    await noticing.fall_due("23:00")
    await noticing.send()
    assert {str(letter["To"]) for letter in noticing.mail.letters} == {"signe@example.se"}
    await noticing.later(9 * 3600 - 1)
    assert len(noticing.mail.letters) == 1
    await noticing.later(1)
    assert {str(letter["To"]) for letter in noticing.mail.letters[1:]} == {HANDLER, HEAD}


async def test_what_failed_at_closing_time_is_told_at_the_next_opening(noticing: Noticing) -> None:
    await noticing.mail.stop()
    await noticing.fall_due("16:59")
    await noticing.send()
    await noticing.mail.start()
    await noticing.later(120)  # 17:01
    await noticing.later(15 * 3600 - 61)  # a second before eight
    assert noticing.mail.letters == []
    await noticing.later(1)
    assert {str(letter["To"]) for letter in noticing.mail.letters} == {HANDLER, HEAD}
    assert {o.attempts for o in await noticing.outcomes() if o.receiver != CITIZEN} == {2}


# --- the citizen ---


async def test_the_citizen_hears_reason_and_new_time_and_nobody_keeps_the_address(noticing: Noticing) -> None:
    noticing.intake.tells(case_reference="7H3K9MW", channel="email", address="signe@example.se")
    await noticing.fall_due("13:00")
    await noticing.send()
    [letter] = [found for found in noticing.mail.letters if found["To"] == "signe@example.se"]
    assert letter["Subject"] == "Ditt ärende 7H3K9MW är försenat"
    text = letter.get_content()
    assert "senast 2026-03-02 13:00" in text
    assert "Vi har inte hunnit handlägga det än." in text
    assert "återkomma senast 2026-03-02 17:00" in text
    [asked] = noticing.intake.got
    assert asked.path == f"/cases/{CASE}/reach?channels=email%2Csms"
    assert asked.headers["authorization"] == "Bearer token-of-0581"
    assert "signe" not in await noticing.everything()


async def test_a_citizen_with_a_telephone_gets_a_text_message(noticing: Noticing) -> None:
    noticing.intake.tells(case_reference="7H3K9MW", channel="sms", address="+46701740699")
    await noticing.fall_due("13:00")
    await noticing.send()
    [text] = noticing.texts()
    assert text["to"] == "+46701740699"
    assert "7H3K9MW" in text["text"]
    [got] = noticing.provider.got
    assert got.headers["authorization"] == "Bearer sms"
    assert got.headers["idempotency-key"] == text["id"]


async def test_a_text_message_about_a_time_in_the_night_goes_out_before_the_night(database: Any) -> None:
    async with noticing_on(database, NIGHT) as noticing:
        noticing.intake.tells(case_reference="7H3K9MW", channel="sms", address="+46701740699")
        await noticing.fall_due("20:30")
        await noticing.send()
        [text] = noticing.texts()
        assert "Det kan dröja längre." in text["text"]
        assert "Senast 2026-03-03 12:00 räknar vi med" in text["text"]  # four open hours from when it is due
        await noticing.later(86_400)
        assert len(noticing.texts()) == 1


async def test_an_email_about_a_time_in_the_night_goes_out_at_that_time(database: Any) -> None:
    async with noticing_on(database, NIGHT) as noticing:
        noticing.intake.tells(case_reference="7H3K9MW", channel="email", address="signe@example.se")
        await noticing.fall_due("20:30")
        await noticing.later(2.5 * 3600 - 1)
        assert noticing.mail.letters == []
        await noticing.later(1)
        [letter] = noticing.mail.letters
        assert letter["Subject"] == "Ditt ärende 7H3K9MW är försenat"


async def test_who_was_answered_in_the_evening_gets_no_email_in_the_night(database: Any) -> None:
    async with noticing_on(database, NIGHT) as noticing:
        noticing.intake.tells(case_reference="7H3K9MW", channel="email", address="signe@example.se")
        await noticing.fall_due("20:30")
        await noticing.send()
        await noticing.note(act("21:30", under=1))
        await noticing.later(2.5 * 3600)
        assert noticing.mail.letters == []


async def test_a_text_message_that_failed_in_the_evening_wakes_nobody(database: Any) -> None:
    async with noticing_on(database, NIGHT) as noticing:
        noticing.intake.tells(case_reference="7H3K9MW", channel="sms", address="+46701740699")
        noticing.provider.fails(500)
        await noticing.fall_due("20:58")
        await noticing.send()
        noticing.provider.answer = well
        for _ in range(11):  # to two minutes before eight
            await noticing.later(3600)
        assert noticing.texts() == []
        await noticing.later(120)
        [text] = noticing.texts()
        assert "Det har vi inte gjort." in text["text"]


@pytest.mark.parametrize("reason", ["erased", "no-address"])
async def test_who_cannot_be_reached_is_tried_once(noticing: Noticing, reason: str) -> None:
    noticing.intake.tells(case_reference="7H3K9MW", reason=reason)
    await noticing.fall_due("13:00")
    await noticing.send()
    await noticing.later(86_400)
    [failed] = [o for o in await noticing.outcomes() if o.receiver == CITIZEN]
    assert (getattr(failed, "reason", None), failed.channel) == (reason, "none")
    assert len(noticing.intake.got) == 1


async def test_with_intake_away_the_citizen_is_told_later_and_others_at_once(noticing: Noticing) -> None:
    noticing.intake.server.fails(503)
    await noticing.fall_due("13:00")
    await noticing.send()
    assert {str(letter["To"]) for letter in noticing.mail.letters} == {HANDLER, HEAD}
    noticing.intake.tells(case_reference="7H3K9MW", channel="email", address="signe@example.se")
    await noticing.later(PAUSES[0])
    assert "signe@example.se" in {str(letter["To"]) for letter in noticing.mail.letters}


# --- systems, providers, receivers that are missing ---


async def test_a_system_is_told_by_a_signed_post(noticing: Noticing) -> None:
    async with receiver() as here:
        await noticing.fall_due("13:00", contacts={**CONTACTS, "handler": {"webhook": here.url}})
        here.fails(500)
        await noticing.send()
        here.answer = well
        await noticing.later(PAUSES[0] * 1.3)
        first, second = here.got
    told = Webhook(SECRET).verify(second.body, dict(second.headers))
    assert first.id == second.id == told["notice_id"]
    assert (told["case_id"], told["stage"], told["receiver"]) == (CASE, "due", "handler")
    assert HEAD in {str(letter["To"]) for letter in noticing.mail.letters}


async def test_a_provider_that_takes_forms_gets_a_form(noticing: Noticing) -> None:
    way = noticing.ways["sms"]
    assert isinstance(way, SmsWay)
    noticing.ways["sms"] = replace(way, form=True, fields={"dest": "$to", "msg": "$text"})
    await noticing.fall_due("12:00", contacts={"handler": {"sms": "+46701740605"}})
    await noticing.send()
    [got] = noticing.provider.got
    assert parse_qs(got.body.decode())["dest"] == ["+46701740605"]


async def test_a_role_that_nobody_can_reach_is_an_alert_to_the_supervisor(noticing: Noticing) -> None:
    await noticing.fall_due("13:00", contacts={"handler": {"email": HANDLER}})
    await noticing.send()
    [alert] = [found for found in noticing.mail.letters if found["To"] == "chef@kommun.example"]
    assert alert["Subject"] == "Mottagare saknas hos Bygg- och miljökontoret"
    assert "head_of_unit" in alert.get_content()
    [failed] = [o for o in await noticing.outcomes() if getattr(o, "reason", "") == "no-receiver"]
    assert (failed.receiver, failed.channel) == ("head_of_unit", "none")
    labels = {"municipality": CODE, "role": "head_of_unit"}
    assert noticing.registry.get_sample_value("lofte_notices_unresolved_total", labels) == 1


async def test_a_way_that_is_not_set_up_fails_once(noticing: Noticing) -> None:
    noticing.ways.clear()
    await noticing.fall_due("13:00")
    await noticing.send()
    await noticing.later(86_400)
    assert {(o.receiver, getattr(o, "reason", None)) for o in await noticing.outcomes()} == {
        ("handler", "not-configured"), ("head_of_unit", "not-configured"), (CITIZEN, "not-configured"),
    }  # fmt: skip
    assert await noticing.deliveries.standing() == (0, 0, 0.0)


async def test_a_municipality_that_wrote_nothing_of_notices_has_none(noticing: Noticing) -> None:
    await noticing.fall_due("13:00", notices=False)
    assert await noticing.deliveries.standing() == (0, 0, 0.0)


async def test_with_the_database_away_nothing_is_lost(noticing: Noticing) -> None:
    await noticing.fall_due("12:00")
    noticing.store.unreachable = 1
    await noticing.send()
    assert len(noticing.mail.letters) == 1  # it went out, and nobody could note it
    await noticing.later(120)
    first, second = noticing.mail.letters
    assert first["Message-ID"] == second["Message-ID"]
    assert len((await told_of(noticing.store, CODE, CASE)).sent) == 1
