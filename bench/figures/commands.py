"""The durable command: load, decide, append."""

from functools import partial

from bench.house import House
from bench.peers.postgres import MISSING
from bench.probing import cpu_of, in_turns, probe, rate_of
from bench.tables import Row, Table, beside, milliseconds, rates

_CALLERS = 64
_ON_SQLITE, _ON_POSTGRES, _OF_RAW, _CPU = 2.0, 6.0, 0.4, 0.25
_SLOWER = 8
"""The peers get so many fewer commands: they take as long."""


async def measure(house: House) -> Table:
    """Beside `eventsourcing` on SQLite and PostgreSQL, and beside a raw group commit."""
    count, mongo = house.size.commands, house.pids("mongo")
    given = {"at_once": _CALLERS, "count": count}
    fewer = given | {"count": count // _SLOWER}
    uri = house.stack.mongo_uri
    probes = {
        "ours": partial(probe, "probes.commands", "ours", mongo=uri, pids=mongo, **given),
        "raw": partial(probe, "probes.commands", "raw", mongo=uri, pids=mongo, **given),
        "sqlite": partial(probe, "peers.events", "commands", pids=[], **fewer),
    }
    if house.postgres:
        server = {"pids": [house.postgres.pid], "port": house.postgres.port}
        probes["postgres"] = partial(probe, "peers.events", "commands", **server, **fewer)
    taken = await in_turns(house.size.runs, probes, house.say)
    ours, cpu = taken["ours"], cpu_of(taken["ours"])
    figure = "durable commands"
    rows = [
        beside(figure, ours, "eventsourcing 9.5, SQLite file", taken["sqlite"], _ON_SQLITE),
        beside(figure, ours, "eventsourcing 9.5, PostgreSQL", taken["postgres"], _ON_POSTGRES)
        if house.postgres
        else Row(
            figure, rates(ours), milliseconds(cpu), "eventsourcing 9.5, PostgreSQL", f"left out: {MISSING}"
        ),
        beside(figure, ours, f"raw `insert_many({_CALLERS})` of equal documents", taken["raw"], _OF_RAW),
        Row("CPU a durable command", milliseconds(cpu), aim=f"{_CPU} ms", met=cpu <= _CPU),
    ]
    how = (
        f"Load, decide, append, {_CALLERS} callers, streams of one to four events, by `handle` on MongoStore: {count} commands "
        f"({count // _SLOWER} for the peers). CPU of the client and its database."
    )
    return Table("Durable commands", how, rows, {"command": cpu} if rate_of(ours) else {})
