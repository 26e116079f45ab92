"""The ways on which a notice goes out. None raises for what a receiver does; a repeat carries the same id."""

import email.policy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from string import Template
from typing import Any, Protocol

import aiosmtplib
import httpx

from callback.outgoing.answers import Answer
from callback.outgoing.signing import signed_headers
from callback.outgoing.targets import Sender

REFUSED = "refused"
NOT_REACHED = "not-reached"
_OWN = frozenset({400, 404, 410, 413, 422})
"""Answers that are about this message, not about who answers."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A notice, ready to go. `sender`: whose e-mail it is; `about`: what a system is told beside the text."""

    id: str
    address: str
    sender: str
    subject: str
    text: str
    about: Mapping[str, Any]


class Way(Protocol):
    async def send(self, letter: Letter) -> Answer: ...


def as_email(letter: Letter, now: datetime) -> EmailMessage:
    """The letter as it goes by e-mail."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = letter.sender
    message["To"] = letter.address
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{letter.id}@{letter.sender.partition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text + "\n")
    return message


@dataclass(frozen=True, slots=True)
class FolderWay:
    """For development: each notice is a file, `{id}.eml`, to be looked at."""

    folder: Path
    now: Callable[[], datetime]

    async def send(self, letter: Letter) -> Answer:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{letter.id}.eml").write_bytes(bytes(as_email(letter, self.now())))
        return Answer(204)


@dataclass(frozen=True, slots=True)
class EmailWay:
    """SMTP. `tls`: starttls, tls or none. `patience`: seconds for each step."""

    host: str
    port: int
    tls: str
    user: str | None
    password: str | None
    patience: float
    now: Callable[[], datetime]

    async def send(self, letter: Letter) -> Answer:
        try:
            await aiosmtplib.send(
                as_email(letter, self.now()),
                hostname=self.host,
                port=self.port,
                username=self.user,
                password=self.password,
                use_tls=self.tls == "tls",
                start_tls=self.tls == "starttls",
                timeout=self.patience,
            )
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError):
            return Answer(None, fault=REFUSED, own=True)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError):
            return Answer(None, fault=NOT_REACHED)
        return Answer(204)


@dataclass(frozen=True, slots=True)
class SmsWay:
    """A provider's HTTP interface. `fields`: what is posted, with $to, $text and $id in it, as a `form` or as JSON."""

    client: httpx.AsyncClient
    url: str
    fields: Mapping[str, Any]
    form: bool
    authorization: str | None
    now: Callable[[], datetime]

    async def send(self, letter: Letter) -> Answer:
        body = _filled(self.fields, {"to": letter.address, "text": letter.text, "id": letter.id})
        headers = {"Idempotency-Key": letter.id}
        if self.authorization is not None:
            headers["Authorization"] = self.authorization
        try:
            told: dict[str, Any] = {"data": body} if self.form else {"json": body}
            response = await self.client.post(self.url, headers=headers, **told)
        except httpx.HTTPError:
            return Answer(None, fault=NOT_REACHED)
        if response.is_success:
            return Answer(response.status_code)
        own = response.status_code in _OWN
        fault = REFUSED if own else f"answered {response.status_code}"
        return Answer(None, _pause(response.headers.get("retry-after"), self.now()), fault, own)


@dataclass(frozen=True, slots=True)
class WebhookWay:
    """A signed POST, as webhooks are. `real_now`: real seconds since 1970."""

    sender: Sender
    secret: str
    real_now: Callable[[], float]

    async def send(self, letter: Letter) -> Answer:
        told = {**letter.about, "notice_id": letter.id, "subject": letter.subject, "text": letter.text}
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "lofte-notices",
            **signed_headers([self.secret], letter.id, int(self.real_now()), body),
        }
        answer = await self.sender.post(letter.address, headers, body)
        # Nobody subscribed, so nobody can end it either: gone is as any other failure.
        return Answer(None, fault="answered 410") if answer.status == 410 else answer


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).safe_substitute(words)
    if isinstance(value, Mapping):
        return {name: _filled(inner, words) for name, inner in value.items()}
    return [_filled(inner, words) for inner in value] if isinstance(value, list) else value


def _pause(asked: str | None, now: datetime) -> timedelta | None:
    if asked is None:
        return None
    try:
        return (
            timedelta(seconds=min(int(asked), 10**7))
            if asked.isdigit()
            else parsedate_to_datetime(asked) - now
        )
    except (ValueError, TypeError):
        return None
