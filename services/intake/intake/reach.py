"""How the citizen of a case can be reached, for whoever has to tell them something: one channel, one address."""

from collections.abc import Sequence
from dataclasses import dataclass

import phonenumbers
from chassis.sealing import open_or_erased

from intake.domain import ContactReceived
from intake.handlers import Desk, find_contact, opener_of


@dataclass(frozen=True, slots=True)
class Reach:
    """`channel` and `address`, or `reason` why there is none: erased, no-address."""

    case_reference: str
    channel: str | None = None
    address: str | None = None
    reason: str | None = None


async def reach_of(desk: Desk, municipality: str, case_id: str, channels: Sequence[str]) -> Reach | None:
    """By the contact that opened the case: who wrote by e-mail is answered so, others by text message to a mobile
    phone; else by what is left of `channels`. None: no such case."""
    opener = await find_contact(desk, municipality, opener_of(case_id))
    if opener is None or opener.case_id != case_id:
        return None
    sealed = opener.details
    key = await desk.keys.find(sealed.citizen_key)
    email = open_or_erased(key, "email", sealed.email)
    phone = open_or_erased(key, "phone", sealed.phone)
    addresses = {"email": email, "sms": phone if phone and is_mobile(phone) else None}
    for channel in _preferred(opener):
        address = addresses[channel]
        if channel in channels and address is not None:
            return Reach(opener.case_reference, channel, address)
    left_one = sealed.email is not None or sealed.phone is not None
    erased = left_one and email is None and phone is None
    return Reach(opener.case_reference, reason="erased" if erased else "no-address")


def is_mobile(phone: str) -> bool:
    """Whether a number takes text messages."""
    kind = phonenumbers.number_type(phonenumbers.parse(phone, None))
    types = phonenumbers.PhoneNumberType
    return bool(kind in (types.MOBILE, types.FIXED_LINE_OR_MOBILE))


def _preferred(opener: ContactReceived) -> Sequence[str]:
    return ("email", "sms") if opener.channel in ("email", "web", "letter") else ("sms", "email")
