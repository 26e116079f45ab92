"""Notices in a municipality's file: who is reached how, and what is said."""

import re
from pathlib import Path

import pytest
from municipality import Municipality, MunicipalityFileError, read_text, shipped_texts

SHIPPED = (Path(__file__).parents[3] / "deploy" / "municipalities" / "0581.yaml").read_text()
OWN = """\
  texts:
    sv:
      delay:
        subject: Ditt ärende $case dröjer
        text: Vi lovade svar senast $due_at. $reason
"""


def read(*changes: tuple[str, str]) -> Municipality:
    text = SHIPPED + OWN
    for old, new in changes:
        assert text.count(old) >= 1
        text = text.replace(old, new, 1)
    return read_text(text)


def test_a_role_is_reached_by_its_owner_s_contact_else_by_whom_it_belongs_to() -> None:
    town = read(("      handler: {email: bygg@norrkoping.example}\n", ""))
    head = {"email": "enhetschef.bygg@norrkoping.example"}
    for owner in ("department.building", "person.stadsarkitekten"):
        found = town.contact_of(owner, "head_of_unit")
        assert found is not None
        assert found.ways == head
        assert town.contact_of(owner, "handler") is None
    group, supervisor = town.contact_of("group.city", "handler"), town.contact_of("x", "contact_centre_head")
    assert group is not None
    assert group.ways == {"email": "kontaktcenter@norrkoping.example"}
    assert supervisor is not None
    assert supervisor.ways == {"email": "kontaktcenterchef@norrkoping.example"}


def test_a_municipality_s_own_text_goes_before_the_shipped_one() -> None:
    notices = read().notices
    assert notices is not None
    subject, text = notices.text("delay").filled({"case": "7H3K", "due_at": "2026-03-02 13:00"})
    assert (subject, text) == ("Ditt ärende 7H3K dröjer", "Vi lovade svar senast 2026-03-02 13:00.")
    assert notices.text("due") == shipped_texts()["sv"]["due"]


def test_every_occasion_is_shipped_in_both_languages_with_the_same_words() -> None:
    swedish, english = (shipped_texts()[language] for language in ("sv", "en"))
    assert swedish.keys() == english.keys()
    for occasion, text in swedish.items():
        words = [set(re.findall(r"\$\w+", one.text)) for one in (text, english[occasion])]
        assert words[0] == words[1], occasion
        assert (text.subject is None) == (english[occasion].subject is None)


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        (("$reason", "$name"), "notices.texts.sv.delay.text", "has $name, which is not known"),
        (("$reason", "5 $"), "notices.texts.sv.delay.text", "write $$ for the sign itself"),
        (("{email: bygg@norrkoping.example}", "{}"), "owners.department.building.contacts.handler", "reaches nobody"),
        (("{email: bygg@norrkoping.example}", "{email: bygg}"),
            "owners.department.building.contacts.handler.email", "not an e-mail address"),
        (("{email: bygg@norrkoping.example}", "{sms: '0701740605'}"),
            "owners.department.building.contacts.handler.sms", "not a number as +46701740605"),
        (("  language: sv", "  language: fi"), "notices.language", "write one of 'sv' or 'en'"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_field(change: tuple[str, str], field: str, words: str) -> None:
    with pytest.raises(MunicipalityFileError) as caught:
        read(change)
    [fault] = caught.value.faults
    assert fault.field == field
    assert words in fault.message
