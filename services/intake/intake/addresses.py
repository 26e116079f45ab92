"""How a citizen can be reached, in normal form: the same person is the same person, however the number is written."""

from typing import Annotated

import phonenumbers
from chassis.http import Line
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator


def normal_phone(text: str, region: str = "SE") -> str:
    """A phone number as E.164, such as +46701740605; a number without a country is one of `region`.

    An extension stays: +4611150000;ext=12, as in RFC 3966.

    Raises:
        ValueError: not a phone number that exists, or one that lacks its area code.
    """
    if text.strip()[:1] not in ("+", "0", "("):
        raise ValueError("not a phone number with its area code; write it as 011-15 00 00 or +46 11 15 00 00")
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValueError("not a phone number; write it as 011-15 00 00 or +46 11 15 00 00") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(
            "not a phone number of any length in use; write it as 011-15 00 00 or +46 11 15 00 00"
        )
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def normal_email(text: str) -> str:
    """An e-mail address in lower case. Nothing is looked up.

    Raises:
        ValueError: not an e-mail address.
    """
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise ValueError("not an e-mail address; write it as name@example.se") from None


Phone = Annotated[Line, AfterValidator(normal_phone)]
"""A phone number, read into normal form."""

Email = Annotated[Line, AfterValidator(normal_email)]
"""An e-mail address, read into normal form."""
