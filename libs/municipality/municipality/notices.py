"""Notices: whom to reach how when a promise is not kept, and what they are told."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Annotated, Any, Literal, Self, cast, get_args

import yaml
from pydantic import AfterValidator, Field, model_validator

from municipality.words import Line, Part

Language = Literal["sv", "en"]
StaffRole = Literal["handler", "head_of_unit", "head_of_department"]
Occasion = Literal[
    "reminder", "due", "overdue", "unresolved", "delay", "delay-ahead", "reason-late", "reason-moved"
]
WORDS = frozenset({"case", "due_at", "expected_at", "link", "municipality", "owner", "reason", "role"})
"""What can be filled into a text."""


def _matching(pattern: str, remedy: str) -> AfterValidator:
    form = re.compile(pattern)

    def check(text: str) -> str:
        if form.fullmatch(text) is None:
            raise ValueError(remedy)
        return text

    return AfterValidator(check)


Email = Annotated[
    str,
    _matching(
        r"[^@\s<>,;\"]{1,64}@[A-Za-z0-9.-]{1,200}",
        "not an e-mail address; write one such as bygg@kommun.example",
    ),
]
Number = Annotated[
    str, _matching(r"\+[1-9][0-9]{6,14}", "not a number as +46701740605; write it so, in quotes")
]
Url = Annotated[
    str,
    _matching(r"https?://[\x21-\x7e]{1,1990}", "not a URL; write one such as https://system.example/lofte"),
]


class Contact(Part):
    """How a role is reached: a functional mailbox, number or system, never a private person's. Each that is written is told."""

    email: Email | None = None
    sms: Number | None = None
    webhook: Url | None = None

    @model_validator(mode="after")
    def _reaches(self) -> Self:
        if not self.ways:
            raise ValueError("reaches nobody; write email, sms or webhook")
        return self

    @property
    def ways(self) -> Mapping[str, str]:
        """Addresses by kind, those that are written."""
        return {kind: address for kind, address in self.model_dump().items() if address is not None}


def _fillable(text: str) -> str:
    template = Template(text)
    if not template.is_valid():
        raise ValueError("has a $ with no word after it; write $$ for the sign itself")
    unknown = sorted(set(template.get_identifiers()) - WORDS)
    if unknown:
        raise ValueError(
            f"has ${unknown[0]}, which is not known; {', '.join(f'${word}' for word in sorted(WORDS))} are"
        )
    return text


class Text(Part):
    """A text with words to fill in; the subject is that of an e-mail."""

    subject: Annotated[Line, AfterValidator(_fillable)] | None = None
    text: Annotated[str, AfterValidator(_fillable)]

    def filled(self, words: Mapping[str, str]) -> tuple[str, str]:
        """Subject and text; a word that is not given is left out."""
        given = dict.fromkeys(WORDS, "") | dict(words)
        subject = Template(self.subject or "").substitute(given)
        return subject, "\n".join(
            line.rstrip() for line in Template(self.text).substitute(given).strip().splitlines()
        )


Texts = Mapping[Language, Mapping[Occasion, Text]]


class Notices(Part):
    """That notices go out, and how; without this part none do.

    `sender`: from whom e-mail comes. `contact_centre_head`: told of what climbed to the top, and of receivers that are
    missing. `link`: where staff open a case, `{case_id}` in it. `texts`: instead of the shipped ones.
    """

    language: Language = "sv"
    sender: Email
    contact_centre_head: Contact
    link: Url | None = None
    texts: Texts = Field({})

    def text(self, occasion: str) -> Text:
        """What is said on an occasion, in the municipality's language."""
        own = self.texts.get(self.language, {}).get(cast("Occasion", occasion))
        return own or shipped_texts()[self.language][cast("Occasion", occasion)]


@cache
def shipped_texts() -> Texts:
    """The texts that come with Löfte: every occasion in every language."""
    written: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
        files("municipality").joinpath("texts.yaml").read_text("utf-8")
    )
    return {
        language: {
            occasion: Text.model_validate(written[language][occasion]) for occasion in get_args(Occasion)
        }
        for language in get_args(Language)
    }
