"""Kafka and MongoDB behind TLS, Kafka with SASL too: every client of ours gets in, and without the right words none."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chassis.broker import Record
from chassis.consuming import Message, Subscription, deciding
from chassis.errors import Unavailable
from chassis.runtime import Runtime, make_runtime
from chassis.serving import make_consumers
from chassis.settings import ServiceSettings, read_settings
from chassis.testing.certificates import make_certificates
from chassis.testing.records import Publisher
from chassis.testing.waiting import eventually
from chassis.topics import create_topics, main
from lofte_local.kafka import KafkaServer
from lofte_local.mongo import MongoServer
from lofte_local.ports import free_ports

WORDS = {"KAFKA_USERNAME": "lofte", "KAFKA_PASSWORD": "hemligt"}

KAFKA = """\
listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location={certificate}
sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_lofte="hemligt";
"""


@dataclass(frozen=True)
class Servers:
    kafka: str
    mongo: str
    authority: Path


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("secured")
    authority, certificate = make_certificates(folder)
    port, controller, secured, mongo_port = free_ports(4)
    kafka = KafkaServer(
        folder / "kafka",
        port=port,
        controller_port=controller,
        settings=KAFKA.format(port=port, secured=secured, controller=controller, certificate=certificate),
        format_options=["--add-scram", "SCRAM-SHA-512=[name=lofte,password=hemligt]"],
    )
    # Prefers, not requires: whether it is ready is asked without.
    tls = ["--tlsMode", "preferTLS", "--tlsCertificateKeyFile", str(certificate)]
    mongo = MongoServer(folder / "mongo", port=mongo_port, options=tls)
    try:
        mongo.launch()
        kafka.start()
        mongo.wait()
        yield Servers(f"127.0.0.1:{secured}", mongo.uri, authority)
    finally:
        kafka.stop(grace=2)
        mongo.stop(grace=2)


@pytest.fixture
def told(
    servers: Servers, unique: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    (tmp_path / "0581.yaml").touch()
    words = WORDS | {
        "KAFKA": servers.kafka,
        "KAFKA_SECURITY": "SASL_SSL",
        "KAFKA_CA_FILE": str(servers.authority),
        "MONGO": servers.mongo,
        "MONGO_CA_FILE": str(servers.authority),
        "DATABASE": unique,
        "TOPIC_PREFIX": unique,
        "PARTITIONS": "3",
        "MUNICIPALITIES": str(tmp_path),
    }
    for name, value in words.items():
        monkeypatch.setenv(f"LOFTE_{name}", value)
    return monkeypatch


@pytest.fixture
async def runtime(told: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AsyncIterator[Runtime[Any]]:
    for name, value in getattr(request, "param", {}).items():
        told.setenv(f"LOFTE_{name}", value)
    runtime = make_runtime("casework", read_settings(ServiceSettings, "casework"))
    yield runtime
    await runtime.client.drop_database(runtime.settings.database)
    await runtime.close()


@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.parametrize(
    "runtime", [{"KAFKA_MECHANISM": m} for m in ("SCRAM-SHA-512", "PLAIN")], indirect=True
)
async def test_every_client_gets_in(runtime: Runtime[Any]) -> None:
    settings = runtime.settings
    made = await create_topics(settings.kafka, settings.topic_prefix, 3, access=settings.kafka_access())
    assert len(made) == 5
    raw = Publisher("casework", settings.topic_prefix).noted("c1", "hej")
    assert raw.key is not None
    assert raw.value is not None
    producer = runtime.broker.producer()
    await producer.start()
    await (
        await producer.send(
            Record(raw.topic, raw.key, raw.value, [(name, value or b"") for name, value in raw.headers])
        )
    )
    await producer.close()
    bounds = await runtime.broker.bounds([raw.topic])
    assert sum(end for _, end in bounds.values()) == 1
    async with contextlib.aclosing(runtime.broker.follow(raw.topic)) as following:
        async for records in following:
            if records:
                assert records == [(raw.key, raw.value)]
                break
    reading = Subscription("secured", ["casework"], deciding(_nothing))
    consuming = asyncio.create_task(make_consumers(runtime, [reading], lasting=False).run())
    await eventually(lambda: _committed(runtime, "secured"), 30)
    consuming.cancel()
    await asyncio.gather(consuming, return_exceptions=True)
    assert await runtime.health.check() == (True, True)
    secured = (await runtime.client.admin.command("serverStatus"))["transportSecurity"]
    assert secured["1.3"] > 0


@pytest.mark.kafka
@pytest.mark.mongo
@pytest.mark.parametrize("runtime", [{"KAFKA_PASSWORD": "gissat"}], indirect=True)
async def test_a_wrong_password_is_told_and_lets_nobody_in(
    runtime: Runtime[Any], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unavailable, match="Kafka: "):
        await runtime.broker.producer().start()
    with pytest.raises(Unavailable, match="Kafka: "):
        await runtime.broker.bounds(["any"])
    # A loop of its own, as the job has.
    assert await asyncio.to_thread(main) == 1
    assert "The topics could not be made. Kafka at" in capsys.readouterr().err
    assert caplog.text.count("SaslAuthenticationFailed") >= 3
    assert "gissat" not in caplog.text


@pytest.mark.kafka
@pytest.mark.mongo
async def test_a_server_that_others_vouch_for_is_not_believed(
    told: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strangers, _ = make_certificates(tmp_path)
    told.setenv("LOFTE_KAFKA_CA_FILE", str(strangers))
    told.setenv("LOFTE_MONGO_CA_FILE", str(strangers))
    runtime = make_runtime("casework", read_settings(ServiceSettings, "casework"))
    assert await runtime.health.check() == (False, False)
    with pytest.raises(Unavailable, match="Kafka: "):
        await runtime.broker.producer().start()
    await runtime.close()


async def _nothing(message: Message) -> None: ...


async def _committed(runtime: Runtime[Any], group: str) -> bool:
    try:
        found = await runtime.broker.committed(f"{runtime.settings.topic_prefix}.{group}")
    except Unavailable:  # a new broker's coordinator takes its time
        return False
    return sum(found.values()) == 1
