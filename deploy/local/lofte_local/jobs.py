"""What is done before the services start."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta

from pymongo.errors import PyMongoError

from lofte_local.errors import LocalError
from lofte_local.kafka import answers_kafka
from lofte_local.mongo import answers_mongo, database_time

__all__ = ["check_given_servers", "make_topics", "read_anchor"]


def check_given_servers(kafka: str | None, mongo: str | None) -> None:
    """Raises LocalError when a given server does not answer. A MongoDB URI may hold a password: it is not shown."""
    if mongo and not answers_mongo(mongo):
        raise LocalError(
            "No MongoDB replica set answers at the given --mongo URI: check the URI and that it runs."
        )
    if kafka and not answers_kafka(kafka):
        raise LocalError(f"No Kafka broker answers at {kafka}: check --kafka and that it runs.")


def make_topics(environment: Mapping[str, str]) -> None:
    """Run the chassis's job that creates the topics, once more or for the first time. Raises LocalError."""
    command = [sys.executable, "-m", "chassis.topics"]
    try:
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise LocalError(f"The topics were not made within {error.timeout:.0f} s: is Kafka well?") from error
    if outcome.returncode != 0:
        tail = "\n".join((outcome.stdout + outcome.stderr).splitlines()[-5:])
        raise LocalError(f"The topics could not be made:\n{tail}")


def read_anchor(mongo_uri: str, head_start: timedelta) -> str:
    """The database's real instant, ISO in UTC: where the domain clock starts. Raises LocalError.

    A fast clock would spend hours of its day on the services' own start; the head start keeps them for the day.
    """
    try:
        return (database_time(mongo_uri) + head_start).isoformat()
    except PyMongoError as error:
        raise LocalError(f"MongoDB does not tell its time: {error}.") from error
