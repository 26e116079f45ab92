"""`python -m chassis.topics`: creates the topics, once; safe to repeat. They are never created automatically.

How many partitions a topic has is settled when it is made: fewer cannot be had, more would send a case's next
fact to another partition than its last. So a topic that is there stays as it is, and a difference is told.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from lofte_events import BY_MUNICIPALITY, PUBLISHED
from pydantic import Field

from chassis.errors import LofteError, Unavailable
from chassis.kafka import KafkaSettings, client_options
from chassis.settings import WrongSettings, read_environment
from chassis.watermarks import topic_of

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

__all__ = ["TopicSettings", "WrongPartitions", "confirmed_by", "create_topics", "main", "wanted_topics"]

_REPLICAS = 3
_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
# What others tell us is not ours to keep: it is taken, or refused, and both are told again within the week.
_A_WEEK = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * 3600 * 1000)}
# A municipality's own topics are many and quiet.
_FEW = 3
# Only closed segments are compacted, and everybody reads this topic from its beginning: so segments are short.
_LATEST = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}


class WrongPartitions(LofteError):
    """A topic is there, with more partitions than are wanted."""


class TopicSettings(KafkaSettings):
    """What this job is told; the same variables as a service's."""

    municipalities: Path | None = Field(
        None,
        description="Folder with one YAML file per municipality; each gets its inbound and rejected topic. Unset: none",
    )


def wanted_topics(
    prefix: str, partitions: int, municipalities: Sequence[str] = ()
) -> Mapping[str, tuple[int, Mapping[str, str]]]:
    """Name -> partitions and settings: one for each publishing service, the watermarks, and each municipality's own."""
    published = {f"{prefix}.{service}": (partitions, _FOR_EVER) for service in PUBLISHED}
    own = {
        f"{prefix}.{name}.{code}": (min(partitions, _FEW), _A_WEEK)
        for name in BY_MUNICIPALITY
        for code in municipalities
    }
    return {**published, topic_of(prefix): (1, _LATEST), **own}


def confirmed_by(replicas: int) -> Mapping[str, str]:
    """`acks=all` alone asks those replicas that keep up, and that may be one: a commit is stamped and never sent again."""
    return {"min.insync.replicas": str(max(1, replicas - 1))}


async def create_topics(
    kafka: str,
    prefix: str,
    partitions: int,
    municipalities: Sequence[str] = (),
    access: "BaseSecurity | None" = None,
) -> Mapping[str, tuple[bool, int]]:
    """Name -> whether it was created now, and its partitions. Those that are there already stay as they are.

    Raises:
        Unavailable: Kafka does not answer, or refuses.
        WrongPartitions: a topic has more partitions than are wanted; it stays.
    """
    wanted = wanted_topics(prefix, partitions, municipalities)
    admin = AIOKafkaAdminClient(
        bootstrap_servers=kafka,
        client_id="lofte-topics",
        request_timeout_ms=10_000,
        **client_options(access),
    )
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
        replicas = min(_REPLICAS, len(cluster["brokers"]))
        response = await admin.create_topics(
            [
                NewTopic(name, number, replicas, topic_configs={**settings, **confirmed_by(replicas)})
                for name, (number, settings) in wanted.items()
            ]
        )
        created = {}
        for name, code, *_ in response.topic_errors:
            fault = for_code(code)
            if code and fault is not TopicAlreadyExistsError:
                raise Unavailable(f"Kafka at {kafka} refuses the topic {name}: {fault.__name__}")
            created[name] = not code
        there = await _partitions(admin, [name for name, new in created.items() if not new])
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {kafka}: {type(error).__name__}") from error
    finally:
        await admin.close()
    for name, number in sorted(there.items()):
        if number > wanted[name][0]:
            raise WrongPartitions(
                f"{name} has {number} partitions, and a topic cannot shrink to {wanted[name][0]}: set"
                f" LOFTE_PARTITIONS={number}, or make new topics under another LOFTE_TOPIC_PREFIX and republish"
            )
    return {name: (new, there.get(name, wanted[name][0])) for name, new in created.items()}


async def _partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> Mapping[str, int]:
    if not names:
        return {}
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(list(names))}


def _codes(folder: Path) -> Sequence[str]:
    """The municipalities of a folder, by the names of their files; what is in them is for the services to judge."""
    codes = sorted(path.stem for path in folder.glob("[0-9][0-9][0-9][0-9].yaml"))
    if not codes:
        raise FileNotFoundError(f"LOFTE_MUNICIPALITIES: no file such as 0581.yaml in {folder}")
    return codes


def main() -> int:
    try:
        settings = read_environment(TopicSettings)
    except WrongSettings as error:
        sys.stderr.write(f"{error}\n")
        return 2
    try:
        codes = _codes(settings.municipalities) if settings.municipalities else ()
        topics = asyncio.run(
            create_topics(
                settings.kafka, settings.topic_prefix, settings.partitions, codes, settings.kafka_access()
            )
        )
    except (Unavailable, WrongPartitions, FileNotFoundError) as error:
        sys.stderr.write(f"The topics could not be made. {error}\n")
        return 1 if isinstance(error, Unavailable) else 2  # 2: it helps nothing to try again
    wanted = wanted_topics(settings.topic_prefix, settings.partitions, codes)
    for name, (new, number) in topics.items():
        told = "created" if new else "there already"
        if number != wanted[name][0]:
            told += f", with {number} partitions, not {wanted[name][0]}: they stay"
        sys.stdout.write(f"{name}: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
