"""The relay, committed to acknowledged."""

from functools import partial

from bench.house import House
from bench.probing import cpu_of, in_turns, latency_of, probe
from bench.tables import Row, Table, beside, milliseconds

_OF_BARE, _P99, _RATE = 0.5, 50.0, 500.0


async def measure(house: House) -> Table:
    """Beside a bare pipelined producer; and how late it is at a steady rate."""
    count = house.size.records
    mongo, kafka = house.stack.mongo_uri, house.stack.kafka_address
    both = house.pids("mongo", "kafka")
    probes = {
        "relay": partial(probe, "probes.relaying", "ours", mongo=mongo, kafka=kafka, pids=both, count=count),
        "bare producer": partial(
            probe, "probes.relaying", "bare", kafka=kafka, pids=house.pids("kafka"), count=count
        ),
        "steady": partial(
            probe,
            "probes.relaying",
            "latency",
            mongo=mongo,
            kafka=kafka,
            pids=both,
            rate=_RATE,
            count=min(count, 3000),
        ),
    }
    taken = await in_turns(house.size.runs, probes, house.say)
    ours, steady = taken["relay"], taken["steady"]
    p99 = latency_of(steady, 0.99)
    rows = [
        beside(
            "relay, backlog to acknowledged and stamped",
            ours,
            "bare aiokafka",
            taken["bare producer"],
            _OF_BARE,
        ),
        Row(
            f"committed to acknowledged at {_RATE:.0f}/s",
            f"p50 {latency_of(steady, 0.5):.0f} ms, p99 {p99:.0f} ms",
            milliseconds(cpu_of(steady)),
            aim=f"p99 {_P99:.0f} ms",
            met=p99 <= _P99,
        ),
    ]
    how = (
        f"{count} commits with one record each on three partitions, all in the log before; the bare producer is idempotent, acks=all, "
        "and its records are made before. At the steady rate CPU is of commit and relay together."
    )
    return Table("Relay", how, rows, {"relay": cpu_of(ours)})
