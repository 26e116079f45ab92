"""Promises that fall due all at once, and how fast they are made."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from bench.firing import Fired, Log
from bench.house import CONNECTIONS, House
from bench.peers import redis, temporal
from bench.probing import Sample, in_turns, middle, probe
from bench.tables import Row, Table, beside, left_out, milliseconds, spread

_COMMITTED, _ACKNOWLEDGED = 3.0, 6.0
_FIRED_OF_REDIS, _FIRED_OF_TEMPORAL = 3.0, 50.0
_MADE_OF_ARQ, _MADE_OF_TEMPORAL = 1.0, 15.0
_PATIENCE = 300.0
_REDIS = {"celery": ("Celery 5.6", 8, 0.004), "arq": ("arq 0.28", CONNECTIONS, 0.0015)}
"""Title, callers (Celery's client is threads), seconds a timer that scheduling may take."""
_KEPT = {"fsync always": redis.DURABLE, "as it comes": redis.AS_IT_COMES}
_FEWER, _FEWEST = 8, 40
"""The peers get so many fewer, Temporal the fewest: they take as long, and rates do not depend on it."""


async def measure(house: House) -> Table:
    """Beside the same work on bare MongoDB, Celery and arq on Redis, Temporal on PostgreSQL."""
    await house.start("callback")
    count, mongo = house.size.timers, house.pids("mongo")
    given = {"mongo": house.stack.mongo_uri, "pids": mongo, "count": count}
    towns, log = str(house.stack.settings.municipalities), Log(house)
    probes: dict[str, Any] = {
        "due": partial(_due, house, log, count),
        "floor": partial(probe, "probes.promising", "floor", **given),
        "made": partial(probe, "probes.promising", "scheduled", towns=towns, at_once=CONNECTIONS, **given),
    }
    with ExitStack() as peers:
        for kept, options in _KEPT.items():
            server = peers.enter_context(redis.running(*options))
            for name, (_, callers, pace) in _REDIS.items() if server else ():
                assert server is not None
                work = {"redis": server.url, "pids": [server.pid], "at_once": callers, "pace": pace}
                probes[f"{name}, {kept}"] = partial(
                    probe, f"peers.{name}", "due", **work, count=count // _FEWER, patience=_PATIENCE
                )
        sleeping = peers.enter_context(temporal.running(house.postgres))
        if sleeping is not None and house.postgres is not None:
            work = {"address": sleeping.address, "at_once": CONNECTIONS, "pace": 0.02, "patience": _PATIENCE}
            pids = [house.postgres.pid, *([sleeping.process.pid] if sleeping.process else [])]
            probes["temporal"] = partial(
                probe, "peers.sleeping", "due", pids=pids, count=count // _FEWEST, **work
            )
        taken = await in_turns(house.size.runs, probes, house.say)
    await log.close()
    how = (
        f"{count} promises due at one time, in callback's own log as the relay leaves them, one process with all roles; the database tells afterwards "
        f"when each fact was written and stamped. None was early, none twice. Made: contact and first route noted by callback's own handlers for "
        f"{CONNECTIONS} callers, two durable commits each. Peers: {count // _FEWER} timers, Temporal {count // _FEWEST}; fired is when their code runs, "
        "which no log notes. Redis once with every write on disk before its answer, once as it comes."
    )
    return Table("Promises due at once", how, [*_of_time(taken, count), *_of_rate(taken)], {})


async def _due(house: House, log: Log, count: int) -> tuple[Sequence[Fired], Mapping[str, float]]:
    first, last = await log.fill_ahead(count)
    before = house.cpu()
    fired = await log.fired(first, last, count)
    after = house.cpu()
    return fired, {name: (after[name] - before[name]) / count * 1000 for name in after}


def _of_time(taken: Mapping[str, Sequence[Any]], count: int) -> Sequence[Row]:
    committed = [max(one.committed for one in fired) for fired, _ in taken["due"]]
    acknowledged = [max(one.published for one in fired) for fired, _ in taken["due"]]
    each = {name: middle([cpu[name] for _, cpu in taken["due"]]) for name in taken["due"][0][1]}
    floor = [count / sample.rate for sample in taken["floor"]]
    return [
        Row(
            f"{count} due at once: all facts committed",
            f"{_seconds(committed)} s",
            "",
            "MongoDB alone: find, insert_many, update_many",
            f"{_seconds(floor)} s",
            milliseconds(middle([sample.cpu for sample in taken["floor"]])),
            f"{middle(committed) / middle(floor):.1f}",
            f"{_COMMITTED:g} s",
            middle(committed) <= _COMMITTED,
        ),
        Row(
            "last CallbackDue acknowledged by Kafka",
            f"{_seconds(acknowledged)} s",
            milliseconds(sum(each.values())),
            aim=f"{_ACKNOWLEDGED:g} s",
            met=middle(acknowledged) <= _ACKNOWLEDGED,
        ),
        *(Row(f"CPU a firing in {name}", milliseconds(cpu)) for name, cpu in each.items() if cpu > 0.01),
    ]


def _of_rate(taken: Mapping[str, Sequence[Any]]) -> Sequence[Row]:
    ours = [
        Sample(len(fired) / max(one.published for one in fired), sum(cpu.values()))
        for fired, cpu in taken["due"]
    ]
    made: Sequence[Sample] = taken["made"]
    fired_rows, made_rows = [], []
    for name, (title, *_) in _REDIS.items():
        for kept, options in _KEPT.items():
            theirs, of = taken.get(f"{name}, {kept}"), f"{title}, Redis {kept}"
            aim = _MADE_OF_ARQ if name == "arq" and options is redis.DURABLE else None
            fired_rows.append(_fired(ours, of, theirs, redis.MISSING, _FIRED_OF_REDIS))
            made_rows.append(_made(made, of, theirs, redis.MISSING, aim))
    of, theirs = f"Temporal {temporal.VERSION}, PostgreSQL", taken.get("temporal")
    fired_rows.append(_fired(ours, of, theirs, temporal.MISSING, _FIRED_OF_TEMPORAL))
    made_rows.append(_made(made, of, theirs, temporal.MISSING, _MADE_OF_TEMPORAL))
    return [*fired_rows, *made_rows]


def _fired(ours: Sequence[Sample], of: str, theirs: Sequence[Sample] | None, missing: str, aim: float) -> Row:
    figure = "fired, until acknowledged"
    if theirs is None:
        return left_out(figure, ours, of, missing)
    return beside(figure, ours, of, [_firing(sample) for sample in theirs], aim)


def _made(
    ours: Sequence[Sample], of: str, theirs: Sequence[Sample] | None, missing: str, aim: float | None
) -> Row:
    figure = "promises made, durable"
    return left_out(figure, ours, of, missing) if theirs is None else beside(figure, ours, of, theirs, aim)


def _firing(sample: Sample) -> Sample:
    return Sample(len(sample.latencies) / max(sample.latencies))


def _seconds(values: Sequence[float]) -> str:
    return spread(values, lambda value: f"{value:.2f}")
