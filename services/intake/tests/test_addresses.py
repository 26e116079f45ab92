"""One person is one person, however number or address is written."""

import pytest
from intake.addresses import normal_email, normal_phone


@pytest.mark.parametrize("written", ["070-174 06 05", "0701740605", "+46 70 174 06 05", "0046701740605"])
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert normal_phone(written) == "+46701740605"


@pytest.mark.parametrize("written", ["", "Signe", "12", "070-174 06 05 070-174 06 05", "15 00 00", "\x00"])
def test_what_is_no_number_says_how_to_write_one(written: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        normal_phone(written)


def test_an_extension_is_kept_where_the_number_has_one() -> None:
    # Without it the callback ends in a switchboard that does not know whom to put through to.
    assert normal_phone("011-15 00 00 ext. 12") == "+4611150000;ext=12"


def test_an_address_is_the_same_in_any_case() -> None:
    assert normal_email("Signe.Testsson@Example.SE") == "signe.testsson@example.se"


@pytest.mark.parametrize("written", ["", "signe", "signe@", "a b@example.se", "\x00@example.se"])
def test_what_is_no_address_says_how_to_write_one(written: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        normal_email(written)
