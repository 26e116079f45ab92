"""`python -m chassis.topics` makes the topics, and a second time changes nothing."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from chassis.topics import confirmed_by, wanted_topics
from lofte_local.ports import free_ports


async def run(**environment: str) -> tuple[int, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("LOFTE_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chassis.topics"),
        env={**given, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def test_one_topic_for_each_publishing_service_and_the_watermarks() -> None:
    wanted = wanted_topics("lofte", 12)
    partitions = {name: number for name, (number, _) in wanted.items()}
    assert partitions == {
        "lofte.intake": 12,
        "lofte.routing": 12,
        "lofte.casework": 12,
        "lofte.callback": 12,
        "lofte.watermarks": 1,
    }
    own = {name: number for name, (number, _) in wanted_topics("lofte", 12, ["0581", "2380"]).items()}
    assert {name: own[name] for name in set(own) - set(partitions)} == {
        "lofte.inbound.0581": 3,
        "lofte.inbound.2380": 3,
        "lofte.rejected.0581": 3,
        "lofte.rejected.2380": 3,
    }


def test_a_record_that_counts_as_written_outlives_a_broker_where_that_can_be() -> None:
    least = [confirmed_by(replicas)["min.insync.replicas"] for replicas in (1, 2, 3)]
    assert least == ["1", "1", "2"]


@pytest.mark.kafka
async def test_topics_are_made_once(kafka_address: str, unique: str, tmp_path: Path) -> None:
    (tmp_path / "0581.yaml").touch()
    (tmp_path / "notes.yaml").touch()
    given = {
        "LOFTE_KAFKA": kafka_address,
        "LOFTE_TOPIC_PREFIX": unique,
        "LOFTE_PARTITIONS": "4",
        "LOFTE_MUNICIPALITIES": str(tmp_path),
    }
    code, out = await run(**given)
    assert code == 0, out
    assert out.count(": created") == 7
    code, out = await run(**{**given, "LOFTE_PARTITIONS": "6"})
    assert code == 0, out
    assert out.count(": there already") == 7
    assert out.count(", with 4 partitions, not 6: they stay") == 4
    code, out = await run(**{**given, "LOFTE_PARTITIONS": "2"})
    assert code == 2, out
    assert (
        f"{unique}.callback has 4 partitions, and a topic cannot shrink to 2: set LOFTE_PARTITIONS=4" in out
    )

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_address)
    await admin.start()
    wanted = {name: number for name, (number, _) in wanted_topics(unique, 4, ["0581"]).items()}
    found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(list(wanted))}
    assert found == wanted
    for name, policy, retention in (
        (f"{unique}.intake", "delete", "-1"),
        (f"{unique}.watermarks", "compact", None),
        (f"{unique}.inbound.0581", "delete", "604800000"),
        (f"{unique}.rejected.0581", "delete", "604800000"),
    ):
        [response] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        settings = {entry[0]: entry[1] for entry in response.resources[0][4]}
        assert settings["cleanup.policy"] == policy
        assert retention is None or settings["retention.ms"] == retention
    await admin.close()


async def test_a_kafka_that_is_away_and_a_wrong_setting_are_one_sentence() -> None:
    code, out = await run(LOFTE_KAFKA=f"127.0.0.1:{free_ports(1)[0]}")
    assert code == 1
    assert "The topics could not be made. Kafka at" in out
    assert "Traceback" not in out
    code, out = await run(LOFTE_PARTITIONS="none")
    assert code == 2
    assert out.startswith("LOFTE_PARTITIONS: ")
    code, out = await run(LOFTE_MUNICIPALITIES="/nowhere")
    assert code == 2
    assert "LOFTE_MUNICIPALITIES: no file such as 0581.yaml" in out
