"""What people write: names of all the world pass, what hides or says nothing does not."""

import pytest
from chassis.http import Line, Words
from pydantic import TypeAdapter, ValidationError

LINE: TypeAdapter[str] = TypeAdapter(Line)
WORDS: TypeAdapter[str] = TypeAdapter(Words)


@pytest.mark.parametrize(
    "name", ["علی\u200cرضا", "Åsa\u00a0Öberg", "👩\u200d👧 Lind", "Zoe\u0301", "\u05e9\u200e Lev", "M" * 500]
)
def test_a_persons_name_is_taken_as_it_is_written(name: str) -> None:
    assert LINE.validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x00", "\u2028", "\x85", "\u202enniL", "\u2066x", "", "  ", "\u00a0"]
)
def test_a_line_holds_no_control_characters_and_is_not_blank(name: str) -> None:
    with pytest.raises(ValidationError):
        LINE.validate_python(name)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "\u00a0"])
def test_words_say_something(text: str) -> None:
    with pytest.raises(ValidationError):
        WORDS.validate_python(text)
    assert WORDS.validate_python(f"{text}Ja.") == f"{text}Ja."
