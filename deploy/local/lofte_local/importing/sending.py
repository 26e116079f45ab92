"""Rows to intake: many at once, the contacts of one request in their order, each under a key of its own."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

import httpx
from chassis.commit import caused_by_request
from intake.handlers import case_opened_by

from lofte_local.errors import LocalError
from lofte_local.importing.faults import RowFault
from lofte_local.importing.progress import Progress, Rejected
from lofte_local.importing.rows import RowReader
from lofte_local.importing.source import Row

__all__ = ["Intake", "Sender"]

AT_ONCE = 32
_BATCH = 100
"""Rows after which it is written down how far it has come: what is stopped repeats fewer than so many."""
_PATIENCE = 60.0
"""Real seconds for which a request is repeated while intake does not answer."""


@dataclass(frozen=True)
class Intake:
    """Where contacts are told, by whom: `subject` and `municipality` are the token's."""

    url: str
    token: str
    municipality: str
    subject: str

    def case_opened_by(self, key: str) -> str:
        return case_opened_by(
            self.municipality, caused_by_request(f"{self.municipality}/{self.subject}", key)
        )


@dataclass
class _Request:
    """What is known of a request of the source: how often it has occurred, and the key of its opening contact."""

    occurred: int = 0
    opener: str | None = None


@dataclass(frozen=True)
class _Contact:
    """A row to send: `nth` contact about its request."""

    row: Row
    request: str
    key: str


@dataclass
class Sender:
    """Sends the rows of one file. `advanced` is called with the number of rows that are dealt with."""

    reader: RowReader
    source: str
    intake: Intake
    progress: Progress
    advanced: Callable[[int], None]
    sent: int = 0
    _requests: dict[str, _Request] = field(default_factory=dict)

    async def send(self, rows: Iterator[Row]) -> None:
        """Send all rows that are not dealt with yet. Raises LocalError when intake does not answer or refuses all."""
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        headers = {"Authorization": f"Bearer {self.intake.token}"}
        async with httpx.AsyncClient(
            base_url=self.intake.url, headers=headers, limits=limits, timeout=30, trust_env=False
        ) as client:
            while batch := list(islice(rows, _BATCH)):
                await self._send_batch(client, batch)

    async def _send_batch(self, client: httpx.AsyncClient, batch: Sequence[Row]) -> None:
        rejected: list[Rejected] = []
        contacts = [contact for row in batch if (contact := self._contact(row, rejected)) is not None]
        contacts.sort(
            key=lambda contact: contact.request
        )  # stable: the contacts of a request keep their order
        by_request = [list(group) for _, group in groupby(contacts, key=lambda contact: contact.request)]
        turn = asyncio.Semaphore(AT_ONCE)

        async def send_all(about: Sequence[_Contact]) -> None:
            async with turn:
                for contact in about:
                    try:
                        await self._send_one(client, contact)
                    except RowFault as fault:
                        rejected.append(Rejected.of(contact.row.number, contact.row.line, fault))

        async with asyncio.TaskGroup() as group:
            for about in by_request:
                group.create_task(send_all(about))
        if batch[-1].number > self.progress.done:
            self.progress.advance(batch[-1].number, rejected)
        self.advanced(batch[-1].number)

    def _contact(self, row: Row, rejected: list[Rejected]) -> _Contact | None:
        """The contact of a row; None where it is rejected, or dealt with already."""
        dealt_with = row.number <= self.progress.done
        try:
            request = self.reader.key(row)
        except RowFault as fault:
            if not dealt_with:
                rejected.append(Rejected.of(row.number, row.line, fault))
            return None
        known = self._requests.setdefault(request, _Request())
        known.occurred += 1
        contact = _Contact(row, request, f"{self.source}:{request}:{known.occurred}")
        if dealt_with:
            if row.number not in self.progress.rejected_rows:
                known.opener = known.opener or contact.key
            return None
        return contact

    async def _send_one(self, client: httpx.AsyncClient, contact: _Contact) -> None:
        body = self.reader.body(contact.row)
        known = self._requests[contact.request]
        if known.opener is not None:
            body["case_id"] = self.intake.case_opened_by(known.opener)
        await self._post(client, contact.key, body)
        known.opener = known.opener or contact.key
        self.sent += 1

    async def _post(self, client: httpx.AsyncClient, key: str, body: dict[str, Any]) -> None:
        """Accepted when this returns. Raises RowFault when it is refused for what it says."""
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + _PATIENCE, 0.2
        while True:
            try:
                answer = await client.post("/contacts", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                said = "does not answer"
            else:
                if answer.is_success:
                    return
                said = f"answers {answer.status_code}"
                if answer.status_code in (401, 403, 404):
                    raise LocalError(f"intake refuses the import ({_detail(answer)}): see to the token.")
                if answer.status_code < 500 and answer.status_code not in (409, 429):
                    raise _fault(answer)
            if loop.time() > until:
                raise LocalError(
                    f"intake {said} at {self.intake.url}: see ./lofte status, then run the import again; it goes on."
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)


def _fault(answer: httpx.Response) -> RowFault:
    problem = _problem(answer)
    if str(problem.get("type", "")).endswith("key-reused"):
        return RowFault("changed", "row", "imported before, and told otherwise then; what was imported stays")
    errors = problem.get("errors") or [{"field": "row", "detail": _detail(answer)}]
    if errors[0]["field"] == "municipality":
        raise LocalError(
            "intake does not serve this municipality: start the stack with --municipalities FOLDER."
        )
    return RowFault("refused", str(errors[0]["field"]), str(errors[0]["detail"]))


def _detail(answer: httpx.Response) -> str:
    problem = _problem(answer)
    return str(problem.get("detail") or problem.get("title") or answer.reason_phrase)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
