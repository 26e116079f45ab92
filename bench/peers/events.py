"""PyPI `eventsourcing`: the same commands on SQLite and PostgreSQL, and its ProjectionRunner on PostgreSQL."""

import asyncio
import os
import tempfile
import threading
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier

from bench.probes.commands import COMMANDS_A_STREAM
from bench.probing import Sample, timed


class Account(Aggregate):
    """As ours: a balance, and deposits."""

    def __init__(self) -> None:
        self.balance = 0

    @event("Deposited")
    def deposit(self, amount: int) -> None:
        self.balance += amount


class Accounts(Application[UUID]):
    """Load, decide, append."""

    def open(self) -> UUID:
        account = Account()
        self.save(account)
        return account.id

    def deposit(self, account_id: UUID) -> None:
        account: Account = self.repository.get(account_id)
        account.deposit(account.balance % 7 + 1)
        self.save(account)


def sqlite(folder: str) -> Mapping[str, str]:
    """A file, its write-ahead log on."""
    file = str(Path(folder, "events.sqlite"))
    return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": file, "SQLITE_LOCK_TIMEOUT": "60"}


def postgres(port: int) -> Mapping[str, str]:
    """Its own defaults, but for patience with 64 callers."""
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": _new_database(port),
        "POSTGRES_HOST": "127.0.0.1",
        "POSTGRES_PORT": str(port),
        "POSTGRES_USER": "bench",
        "POSTGRES_PASSWORD": "bench",
        "POSTGRES_CONNECT_TIMEOUT": "60",
        "POSTGRES_MAX_WAITING": "0",
    }


def _new_database(port: int) -> str:
    name = f"bench_{os.getpid()}"
    with psycopg.connect(
        f"host=127.0.0.1 port={port} user=bench dbname=postgres", autocommit=True
    ) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return name


async def commands(pids: Sequence[int], at_once: int, count: int, port: int = 0) -> Sample:
    """The commands that ours is given, by so many threads; on SQLite where no port is given."""
    with tempfile.TemporaryDirectory(prefix="lofte-bench-") as folder:
        return await asyncio.to_thread(
            _commands, sqlite(folder) if not port else postgres(port), pids, at_once, count
        )


def _commands(env: Mapping[str, str], pids: Sequence[int], at_once: int, count: int) -> Sample:
    application = Accounts(env=dict(env))
    streams = max(count // (COMMANDS_A_STREAM - 1), at_once * 2)
    with ThreadPoolExecutor(at_once) as threads:
        accounts = list(threads.map(lambda _: application.open(), range(streams)))
        wanted: Iterable[UUID] = (accounts[number % streams] for number in range(count))
        with timed(count, pids) as sample:
            list(threads.map(application.deposit, wanted))
    application.close()
    return sample


class Balances(PostgresTrackingRecorder):
    """The view: a row an account, written together with how far it has read."""

    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        table = Identifier(datastore.schema), Identifier("balances")
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {0}.{1} (account uuid PRIMARY KEY, balance bigint)").format(
                *table
            )
        )
        self._add = SQL(
            "INSERT INTO {0}.{1} AS b VALUES (%s, %s) ON CONFLICT (account) DO UPDATE SET balance = b.balance + EXCLUDED.balance"
        ).format(*table)

    def add(self, account: UUID, amount: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(self._add, (account, amount))


class BalanceProjection(Projection[Balances]):
    """Every event is noted; `done` is set after `wanted` of them."""

    name = "balances"
    wanted = 0
    seen = 0
    began, done = threading.Event(), threading.Event()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self.view.add(domain_event.originator_id, getattr(domain_event, "amount", 0), tracking)
        type(self).seen += 1
        self.began.set()
        if self.seen >= self.wanted:
            self.done.set()


async def projection(pids: Sequence[int], count: int, port: int) -> Sample:
    """So many stored events into the view, from the first that is in it."""
    return await asyncio.to_thread(_projection, postgres(port), pids, count)


def _projection(env: Mapping[str, str], pids: Sequence[int], count: int) -> Sample:
    application = Accounts(env=dict(env))
    events = 0
    while events < count:
        accounts = [Account() for _ in range(50)]
        for account in accounts:
            for _ in range(COMMANDS_A_STREAM - 1):
                account.deposit(1)
        application.save(*accounts)
        events += 50 * COMMANDS_A_STREAM
    application.close()
    BalanceProjection.wanted = events
    runner = ProjectionRunner(
        application_class=Accounts, projection_class=BalanceProjection, view_class=Balances, env=dict(env)
    )
    with runner:
        BalanceProjection.began.wait(60)
        with timed(events - BalanceProjection.seen, pids) as sample:
            if not BalanceProjection.done.wait(600):
                raise SystemExit("the ProjectionRunner did not get through within 600 s")
    return sample
