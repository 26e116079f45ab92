"""Where Kafka is and how its clients are let in: the one place that says so, for every client that we open.

FastStream, whose words this is said in, takes as long to load as all else: who needs none of them does not wait for it.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, FilePath, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from faststream.security import BaseSecurity

__all__ = ["KafkaSettings", "client_options"]


class KafkaSettings(BaseSettings):
    """What the services and the job that makes the topics are told of Kafka."""

    model_config = SettingsConfigDict(
        env_prefix="LOFTE_", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers of Kafka, host:port, comma between")
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka lets clients in: PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
    )
    kafka_mechanism: Literal["SCRAM-SHA-512", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="With SASL: SCRAM-SHA-512 or PLAIN"
    )
    kafka_username: str = Field("", description="With SASL: who we are")
    kafka_password: SecretStr = Field(SecretStr(""), description="With SASL: the password")
    kafka_ca_file: FilePath | None = Field(
        None,
        description="With SSL: PEM file of who signed Kafka's certificate; unset: the system's authorities",
    )
    topic_prefix: str = Field(
        "lofte", pattern=r"^[A-Za-z0-9._-]+$", description="Topics are {prefix}.{service}"
    )
    partitions: int = Field(12, ge=1, le=1000, description="Partitions of a topic when it is created")

    @model_validator(mode="after")
    def _lets_in(self) -> "KafkaSettings":
        if self.kafka_security.startswith("SASL"):
            for name, value in (
                ("USERNAME", self.kafka_username),
                ("PASSWORD", self.kafka_password.get_secret_value()),
            ):
                if not value:
                    raise ValueError(f"LOFTE_KAFKA_{name}: missing; {self.kafka_security} needs it")
        elif self.kafka_username:
            raise ValueError(
                "LOFTE_KAFKA_USERNAME: used with SASL alone; unset it, or set LOFTE_KAFKA_SECURITY=SASL_SSL"
            )
        if self.kafka_ca_file is not None:
            if not self.kafka_security.endswith("SSL"):
                raise ValueError(
                    "LOFTE_KAFKA_CA_FILE: used with SSL alone; unset it, or set LOFTE_KAFKA_SECURITY to SSL or SASL_SSL"
                )
            try:
                _context(self.kafka_ca_file)
            except ssl.SSLError:
                raise ValueError(
                    "LOFTE_KAFKA_CA_FILE: holds no certificate; give a PEM file of authorities"
                ) from None
        return self

    def kafka_access(self) -> "BaseSecurity | None":
        """How to be let in, in FastStream's words; None where anybody is. `client_options` has it in aiokafka's."""
        if self.kafka_security == "PLAINTEXT":
            return None
        from faststream.security import BaseSecurity, SASLPlaintext, SASLScram512

        context = _context(self.kafka_ca_file) if self.kafka_security.endswith("SSL") else None
        if not self.kafka_security.startswith("SASL"):
            return BaseSecurity(context)
        mechanism = SASLPlaintext if self.kafka_mechanism == "PLAIN" else SASLScram512
        return mechanism(self.kafka_username, self.kafka_password.get_secret_value(), context)


def client_options(access: "BaseSecurity | None") -> Mapping[str, Any]:
    """The same for aiokafka's own clients: keyword arguments of producer, consumer and admin."""
    if access is None:
        return {}
    from faststream.kafka.security import parse_security

    return parse_security(access)


def _context(authorities: Path | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authorities)
