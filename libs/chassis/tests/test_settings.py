"""The environment: what is missing or wrong is said in one sentence per variable, never with its value."""

import base64
import os
from pathlib import Path

import pytest
from chassis.settings import MasterKey, ServiceSettings, WrongSettings, describe_settings, read_settings
from pydantic import Field

KEY = base64.b64encode(bytes(range(32))).decode()


class SealingSettings(ServiceSettings):
    port: int = Field(8101, description="Port of HTTP")
    master_key: MasterKey = Field(description="Base64 of 32 bytes")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("LOFTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LOFTE_MUNICIPALITIES", str(tmp_path))
    return monkeypatch


def sentences(kind: type[ServiceSettings] = ServiceSettings) -> list[str]:
    with pytest.raises(WrongSettings) as wrong:
        read_settings(kind, "intake")
    return wrong.value.sentences


def test_little_has_to_be_said(environment: pytest.MonkeyPatch) -> None:
    settings = read_settings(ServiceSettings, "intake")
    assert settings.database == "lofte_intake"
    assert settings.replica.startswith("intake-")
    assert settings.roles == {"api", "consumer", "relay", "timers", "webhooks", "notices"}
    assert settings.environment == "production"


def test_everything_can_be_said(environment: pytest.MonkeyPatch) -> None:
    said = {
        "KAFKA": "k:1",
        "MONGO": "mongodb://m/",
        "DATABASE": "d",
        "REPLICA": "intake-7",
        "ROLES": "api, relay",
        "PORT": "8111",
        "MASTER_KEY": KEY,
        "ENVIRONMENT": "development",
        "CLOCK": "2026-03-02T07:30+01:00x600",
        "CLOCK_ANCHOR": "2026-11-23T10:00:00Z",
        "CRASH_AT": "appended:3",
        "PARTITIONS": "3",
    }
    for name, value in said.items():
        environment.setenv(f"LOFTE_{name}", value)
    settings = read_settings(SealingSettings, "intake")
    assert (settings.database, settings.replica, settings.port) == ("d", "intake-7", 8111)
    assert settings.roles == {"api", "relay"}
    assert settings.master_key.get_secret_value() == bytes(range(32))
    assert KEY not in repr(settings)
    assert "mongodb://" not in repr(settings)


def test_an_empty_variable_is_as_none(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("LOFTE_CLOCK", "")
    assert read_settings(ServiceSettings, "intake").clock is None


def test_a_service_has_its_own_port_and_needs(environment: pytest.MonkeyPatch) -> None:
    assert sentences(SealingSettings) == ["LOFTE_MASTER_KEY: missing; Base64 of 32 bytes"]
    environment.setenv("LOFTE_MASTER_KEY", KEY)
    assert read_settings(SealingSettings, "intake").port == 8101


@pytest.mark.parametrize(
    ("variable", "value", "part"),
    [
        ("PORT", "tcp", "valid integer"),
        ("PORT", "70000", "65535"),
        ("ROLES", "api,cook", "'api', 'consumer', 'relay', 'timers', 'webhooks' or 'notices'"),
        ("ENVIRONMENT", "test", "'development' or 'production'"),
        ("MASTER_KEY", "secret-and-short", "openssl rand -base64 32"),
        ("MASTER_KEY", "å", "openssl rand -base64 32"),
        ("TOPIC_PREFIX", "a b", "pattern"),
        ("CRASH_AT", "lunch", "no point"),
        ("PARTITIONS", "0", "greater than or equal to 1"),
        ("LOG_LEVEL", "LOUD", "'DEBUG'"),
        ("CLOCK_ANCHOR", "2026-11-23T10:00:00", "timezone"),
    ],
)
def test_a_wrong_variable_is_named(
    environment: pytest.MonkeyPatch, variable: str, value: str, part: str
) -> None:
    environment.setenv(f"LOFTE_{variable}", value)
    (sentence,) = sentences()
    assert sentence.startswith(f"LOFTE_{variable}: ")
    assert part in sentence
    assert "\n" not in sentence
    assert "secret" not in sentence


def test_every_wrong_variable_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("LOFTE_MUNICIPALITIES")
    environment.setenv("LOFTE_PORT", "x")
    assert {sentence.partition(":")[0] for sentence in sentences()} == {"LOFTE_PORT", "LOFTE_MUNICIPALITIES"}


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"CRASH_AT": "sent"}, "LOFTE_CRASH_AT: for development only"),
        ({"CLOCK": "2026-03-02T07:30+01:00", "CLOCK_ANCHOR": "2026-11-23T10:00:00Z"}, "LOFTE_CLOCK: for dev"),
        (
            {
                "ENVIRONMENT": "development",
                "CLOCK": "2026-03-02T07:30+01:00",
                "CLOCK_ANCHOR": "2026-11-23T10:00:00Z",
                "ISSUER": "https://login.example.se",
            },
            "LOFTE_CLOCK: refused beside a real issuer",
        ),
        ({"ENVIRONMENT": "development", "CLOCK": "2026-03-02T07:30+01:00"}, "LOFTE_CLOCK_ANCHOR: missing"),
        (
            {"ENVIRONMENT": "development", "CLOCK": "monday", "CLOCK_ANCHOR": "2026-11-23T10:00:00Z"},
            "LOFTE_CLOCK: write a time with its zone",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(
    environment: pytest.MonkeyPatch, said: dict[str, str], part: str
) -> None:
    for name, value in said.items():
        environment.setenv(f"LOFTE_{name}", value)
    (sentence,) = sentences()
    assert sentence.startswith(part)


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"KAFKA_SECURITY": "TLS"}, "LOFTE_KAFKA_SECURITY: Input should be 'PLAINTEXT', 'SSL'"),
        ({"KAFKA_SECURITY": "SASL_SSL"}, "LOFTE_KAFKA_USERNAME: missing; SASL_SSL needs it"),
        (
            {"KAFKA_SECURITY": "SASL_SSL", "KAFKA_USERNAME": "lofte"},
            "LOFTE_KAFKA_PASSWORD: missing; SASL_SSL needs it",
        ),
        ({"KAFKA_USERNAME": "lofte", "KAFKA_PASSWORD": "secret"}, "LOFTE_KAFKA_USERNAME: used with SASL"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_CA_FILE": "/nowhere"}, "LOFTE_KAFKA_CA_FILE: Path does not point"),
        ({"KAFKA_CA_FILE": __file__}, "LOFTE_KAFKA_CA_FILE: used with SSL alone"),
        ({"KAFKA_SECURITY": "SSL", "KAFKA_CA_FILE": __file__}, "LOFTE_KAFKA_CA_FILE: holds no certificate"),
    ],
)
def test_how_kafka_lets_in_has_to_be_said_in_full(
    environment: pytest.MonkeyPatch, said: dict[str, str], part: str
) -> None:
    for name, value in said.items():
        environment.setenv(f"LOFTE_{name}", value)
    (sentence,) = sentences()
    assert sentence.startswith(part)
    assert "secret" not in sentence


def test_every_variable_is_described() -> None:
    table = describe_settings(SealingSettings)
    assert "| LOFTE_MASTER_KEY | Base64 of 32 bytes | (required) |" in table
    assert "| LOFTE_ROLES |" in table
    assert all(len(line.split(" | ")) == 3 and " |  | " not in line for line in table.splitlines()[2:])
