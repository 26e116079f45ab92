"""From a topic to a view."""

from functools import partial

from bench.house import House
from bench.peers.postgres import MISSING
from bench.probes.history import EVENTS_A_CASE
from bench.probing import cpu_of, in_turns, probe
from bench.tables import Row, Table, beside, milliseconds, rates

_OF_INSERTS, _OF_RUNNER = 0.4, 5.0
_SLOWER = 12


async def measure(house: House) -> Table:
    """Beside a bare `insert_many(500)` and eventsourcing's ProjectionRunner."""
    cases = house.size.cases
    count = cases * EVENTS_A_CASE
    mongo, kafka = house.stack.mongo_uri, house.stack.kafka_address
    probes = {
        "view": partial(
            probe,
            "probes.viewing",
            "ours",
            mongo=mongo,
            kafka=kafka,
            pids=house.pids("mongo", "kafka"),
            cases=cases,
        ),
        "inserts": partial(
            probe, "probes.viewing", "inserts", mongo=mongo, pids=house.pids("mongo"), count=count
        ),
    }
    if house.postgres:
        server = {"pids": [house.postgres.pid], "port": house.postgres.port}
        probes["runner"] = partial(probe, "peers.events", "projection", count=count // _SLOWER, **server)
    taken = await in_turns(house.size.runs, probes, house.say)
    ours = taken["view"]
    figure, runner = "events from the topics to a view", "eventsourcing 9.5 ProjectionRunner, PostgreSQL"
    rows = [
        beside(figure, ours, "`insert_many(500)` of documents", taken["inserts"], _OF_INSERTS),
        beside(figure, ours, runner, taken["runner"], _OF_RUNNER)
        if house.postgres
        else Row(figure, rates(ours), milliseconds(cpu_of(ours)), runner, f"left out: {MISSING}"),
    ]
    how = (
        f"The facts of metrics: {count} events of {cases} cases on four topics, folded into one guarded document a case; the first batch "
        f"is not counted. The runner gets {count // _SLOWER} events."
    )
    return Table("Consume to view", how, rows, {"event to view": cpu_of(ours)})
