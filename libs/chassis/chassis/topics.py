"""`python -m chassis.topics`: creates the topics, once; safe to repeat. They are never created automatically."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code
from lofte_events import BY_MUNICIPALITY, PUBLISHED
from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.errors import Unavailable
from chassis.watermarks import topic_of

__all__ = ["TopicSettings", "confirmed_by", "create_topics", "main", "wanted_topics"]

_REPLICAS = 3
_FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
# What others tell us is not ours to keep: it is taken, or refused, and both are told again within the week.
_A_WEEK = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * 3600 * 1000)}
# A municipality's own topics are many and quiet.
_FEW = 3
# Only closed segments are compacted, and everybody reads this topic from its beginning: so segments are short.
_LATEST = {"cleanup.policy": "compact", "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}


class TopicSettings(BaseSettings):
    """What this job is told; the same variables as a service's."""

    model_config = SettingsConfigDict(env_prefix="LOFTE_", frozen=True, env_ignore_empty=True)

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers of Kafka, host:port, comma between")
    topic_prefix: str = Field(
        "lofte", pattern=r"^[A-Za-z0-9._-]+$", description="Topics are {prefix}.{service}"
    )
    partitions: int = Field(12, ge=1, le=1000, description="Partitions of a topic when it is created")
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
    kafka: str, prefix: str, partitions: int, municipalities: Sequence[str] = ()
) -> Mapping[str, bool]:
    """Name -> whether it was created now. Those that are there already stay as they are.

    Raises:
        Unavailable: Kafka does not answer, or refuses.
    """
    wanted = wanted_topics(prefix, partitions, municipalities)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, client_id="lofte-topics", request_timeout_ms=10_000)
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
    except (KafkaError, OSError) as error:
        raise Unavailable(f"Kafka at {kafka}: {type(error).__name__}") from error
    finally:
        await admin.close()
    created = {}
    for name, code, *_ in response.topic_errors:
        fault = for_code(code)
        if code and fault is not TopicAlreadyExistsError:
            raise Unavailable(f"Kafka at {kafka} refuses the topic {name}: {fault.__name__}")
        created[name] = not code
    return created


def _codes(folder: Path) -> Sequence[str]:
    """The municipalities of a folder, by the names of their files; what is in them is for the services to judge."""
    codes = sorted(path.stem for path in folder.glob("[0-9][0-9][0-9][0-9].yaml"))
    if not codes:
        raise FileNotFoundError(f"LOFTE_MUNICIPALITIES: no file such as 0581.yaml in {folder}")
    return codes


def main() -> int:
    try:
        settings = TopicSettings()
    except ValidationError as error:
        for fault in error.errors(include_input=False):
            sys.stderr.write(f"LOFTE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}\n")
        return 2
    try:
        codes = _codes(settings.municipalities) if settings.municipalities else ()
        created = asyncio.run(
            create_topics(settings.kafka, settings.topic_prefix, settings.partitions, codes)
        )
    except (Unavailable, FileNotFoundError) as error:
        sys.stderr.write(f"The topics could not be made. {error}\n")
        return 1
    for name, new in created.items():
        sys.stdout.write(f"{name}: {'created' if new else 'there already'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
