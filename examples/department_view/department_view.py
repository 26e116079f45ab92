"""A department's own view: its cases and what is promised in them, in a SQLite file of its own.

    python department_view.py 127.0.0.1:8150 view.sqlite

Records come again, and late: `fold` passes what was seen. The view and what it has seen are one transaction, and offsets
are committed after it: so it may be killed anywhere. Topics are read in any order: nothing here rests on which came first.
"""

import asyncio
import json
import sqlite3
import sys

from aiokafka import AIOKafkaConsumer
from lofte_events import (
    CaseRouted,
    Fact,
    MalformedRecordError,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    PromiseRenewed,
    PromiseReopened,
    PromiseResumed,
    Reader,
    fold,
)

MUNICIPALITY, OWNER = "0581", "department.building"


def project(case: dict | None, fact: Fact) -> dict:
    """One fact folded into a case: its owner comes from one source, each of its promises from another."""
    case = case or {"owner": None, "promises": {}}
    match fact.contract:
        case CaseRouted(owner=owner):
            return {**case, "owner": owner}
        case PromiseMade() | PromiseResumed() | PromiseRenewed() | PromiseReopened() as owed:
            return {**case, "promises": {**case["promises"], owed.promise_number: owed.due_at.isoformat()}}
        case PromiseKept(promise_number=number) | PromiseBroken(promise_number=number):
            return {**case, "promises": {**case["promises"], number: fact.contract.__class__.__name__}}
    return case


class View:
    def __init__(self, path: str) -> None:
        self.rows = sqlite3.connect(path)
        self.rows.execute("CREATE TABLE IF NOT EXISTS cases (id TEXT PRIMARY KEY, body TEXT, seen TEXT)")

    def take(self, fact: Fact) -> None:
        """Fold one fact, once, however often it comes."""
        if fact.envelope.municipality != MUNICIPALITY:  # topics are shared
            return
        case_id = fact.envelope.subject  # the case
        row = self.rows.execute("SELECT body, seen FROM cases WHERE id = ?", [case_id]).fetchone()
        body, seen = map(json.loads, row) if row else (None, [])
        folded = fold(body, seen, [fact], project)
        if folded:
            with self.rows:
                self.rows.execute("REPLACE INTO cases VALUES (?, ?, ?)", [case_id, *map(json.dumps, folded)])

    def cases(self) -> dict:
        """The department's cases: id -> promises by number: due time, PromiseKept or PromiseBroken."""
        bodies = {
            case_id: json.loads(body) for case_id, body in self.rows.execute("SELECT id, body FROM cases")
        }
        return {case_id: body["promises"] for case_id, body in bodies.items() if body["owner"] == OWNER}


async def run(kafka: str, path: str, prefix: str = "lofte") -> None:
    """Read until cancelled."""
    view, reader = View(path), Reader()
    consumer = AIOKafkaConsumer(
        f"{prefix}.routing",
        f"{prefix}.callback",
        bootstrap_servers=kafka,
        group_id=f"{prefix}.department-view",
        group_instance_id="department-view",  # one process: started again, it goes on at once
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with consumer:
        async for record in consumer:
            try:
                fact = reader.read(record.headers, record.value)
            except MalformedRecordError as fault:
                print(f"{record.topic} {record.partition} {record.offset}: {fault}")  # tell somebody, go on
            else:
                if fact is not None:
                    view.take(fact)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:]))
