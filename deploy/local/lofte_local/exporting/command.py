"""`lofte export`: events as CloudEvents, cases as JSON and as CSV that can be imported again, with its mapping."""

import asyncio
import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

from aiokafka.errors import KafkaError
from municipality import read_folder
from rich.console import Console

from lofte_local.errors import LocalError
from lofte_local.exporting.cases import COLUMNS, PERSONAL, Case
from lofte_local.exporting.details import Details
from lofte_local.exporting.reading import told_by
from lofte_local.paths import MUNICIPALITIES
from lofte_local.stack import Stack

__all__ = ["export"]

_ATTRIBUTES = (
    *("id", "type", "source", "sequence", "subject", "time", "municipality"),
    *("correlationid", "causationid", "traceparent", "storedat"),
)
_SUBJECT = "export"
_DETAILS_AT_ONCE = 200


def export(stack: Stack, municipality: str, to: Path, *, personal_data: bool) -> None:
    """Write a municipality's events and cases into a folder. Raises LocalError."""
    to.mkdir(parents=True, exist_ok=True)
    try:
        with _Files.open(to, personal=personal_data) as files:
            asyncio.run(_export(stack, municipality, files))
    except KafkaError as error:
        raise LocalError(f"Kafka does not answer at {stack.kafka_address}: see ./lofte status.") from error
    (to / "mapping.yaml").write_text(_mapping(municipality, personal=personal_data), "utf-8")
    Console().print(
        f"{files.events} events, {files.cases} cases and {files.contacts} contacts of {municipality} are in {to}.",
        soft_wrap=True,
    )


@dataclass
class _Files:
    """The four files, and what has been written to them."""

    personal: bool
    event_lines: IO[str]
    event_rows: Any
    case_lines: IO[str]
    case_rows: Any
    events: int = field(default=0)
    cases: int = field(default=0)
    contacts: int = field(default=0)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, *, personal: bool) -> Iterator["_Files"]:
        """All of them appear when they are whole, or none."""
        names = ("events.jsonl", "events.csv", "cases.jsonl", "cases.csv")
        parts = [folder / f"{name}.part" for name in names]
        with ExitStack() as stack:
            stack.callback(_remove, parts)
            lines, rows, case_lines, case_rows = (
                stack.enter_context(part.open("w", encoding="utf-8", newline="")) for part in parts
            )
            columns = (*COLUMNS, *(PERSONAL if personal else ()))
            event_writer = csv.DictWriter(rows, (*_ATTRIBUTES, "data"), extrasaction="ignore")
            case_writer = csv.DictWriter(case_rows, columns)
            event_writer.writeheader()
            case_writer.writeheader()
            yield cls(personal, lines, event_writer, case_lines, case_writer)
            for file in (lines, rows, case_lines, case_rows):
                file.close()
            for part, name in zip(parts, names, strict=True):
                part.replace(folder / name)

    def event(self, event: dict[str, Any]) -> None:
        self.events += 1
        self.event_lines.write(f"{_json(event)}\n")
        self.event_rows.writerow({**event, "data": _json(event["data"])})

    def case(self, case: Case, details: dict[str, dict[str, Any]]) -> None:
        document = case.document()
        for contact in document["contacts"]:
            contact |= details.get(contact["contact_id"], {})
        self.case_lines.write(f"{_json(document)}\n")
        self.cases += 1
        for row in case.rows():
            self.contacts += 1
            self.case_rows.writerow({**row, **details.get(row["contact_id"], {})})


async def _export(stack: Stack, municipality: str, files: _Files) -> None:
    address, prefix = stack.kafka_address, stack.topic_prefix
    known = read_folder(Path(stack.settings.municipalities or MUNICIPALITIES)).get(municipality)
    if known is None:
        raise LocalError(f"{municipality} is not served here: there is no file for it.")
    back_dating = timedelta(minutes=known.promises.back_dating_limit_minutes)
    async with AsyncExitStack() as opened:
        details = None
        if files.personal:
            token = stack.token("auditor", municipality, subject=_SUBJECT)
            details = await opened.enter_async_context(Details(stack.service_url("intake"), token))
        async for part in told_by(address, prefix, municipality):
            cases: dict[str, Case] = {}
            async for told in part:
                files.event(told.event)
                if told.message is not None:
                    case_id = told.message.contract.case_id
                    cases.setdefault(case_id, Case(case_id, back_dating)).note(told.message)
            whole = [case for case in cases.values() if case.complete]
            for start in range(0, len(whole), _DETAILS_AT_ONCE):
                some = whole[start : start + _DETAILS_AT_ONCE]
                found: dict[str, dict[str, Any]] = {}
                if details is not None:
                    ids = [contact.contact_id for case in some for contact in case.contacts]
                    found = dict(zip(ids, await details.read(ids), strict=True))
                for case in some:
                    files.case(case, found)


def _remove(parts: Sequence[Path]) -> None:
    """What is left of an export that did not come to its end."""
    for part in parts:
        part.unlink(missing_ok=True)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=datetime.isoformat)


def _mapping(municipality: str, *, personal: bool) -> str:
    """Imports cases.csv as it is; elsewhere, once the municipality's code is changed."""
    subject = '{column: subject, empty: "(erased)"}' if personal else "{constant: Imported case}"
    lines = [
        "# Imports the cases.csv beside it: ./lofte import cases.csv --mapping mapping.yaml",
        "# Owners and topics must be those of the municipality that it is imported into.",
        f'municipality: "{municipality}"',
        f"source: export-{municipality}",
        "key: [case_id]",
        "times: {zone: UTC}",
        "fields:",
        "  received_at: {column: received_at}",
        f"  channel: {_same('channel', 'phone email chat social visit web letter system')}",
        f"  citizen_kind: {_same('citizen_kind', 'person business anonymous')}",
        f"  subject: {subject}",
        *(f"  {name}: {{column: {name}}}" for name in PERSONAL if personal and name != "subject"),
        "  topic: {column: topic}",
        "  routed_to: {column: owner}",
        *(f"  {name}: {{column: {name}}}" for name in ("promise_due_at", "answered_at", "closed_at")),
        f"  outcome: {_same('outcome', 'answered withdrawn open')}",
    ]
    return "\n".join(lines) + "\n"


def _same(column: str, texts: str) -> str:
    return f"{{column: {column}, values: {{{', '.join(f'{text}: {text}' for text in texts.split())}}}}}"
