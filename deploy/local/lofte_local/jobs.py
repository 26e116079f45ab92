"""What is done between the servers and the services."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta

from pymongo.errors import PyMongoError

from lofte_local.errors import LocalError
from lofte_local.mongo import database_time

__all__ = ["make_topics", "read_anchor"]


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
