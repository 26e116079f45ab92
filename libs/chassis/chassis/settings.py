"""The environment of a service process: every variable typed and described; a wrong one is named in one sentence."""

import base64
import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    FilePath,
    SecretBytes,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode

from chassis.clock import make_clock
from chassis.crash import CrashPoints
from chassis.kafka import KafkaSettings

Role = Literal["api", "consumer", "relay", "timers", "webhooks", "notices"]
ROLES: tuple[Role, ...] = get_args(Role)


class WrongSettings(Exception):
    """The environment is not one to start with; one sentence per variable."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def _listed(value: object) -> object:
    if not isinstance(value, str):
        return value
    return ROLES if value == "all" else [part.strip() for part in value.split(",") if part.strip()]


def _master_key(value: object) -> object:
    try:
        key = base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise ValueError("not the base64 of 32 bytes; make one with: openssl rand -base64 32")
    return key


def _known_point(value: str) -> str:
    CrashPoints(value)
    return value


MasterKey = Annotated[SecretBytes, BeforeValidator(_master_key)]
"""Base64 in the environment; `get_secret_value()` gives the 32 bytes. Extend the settings by it where it is needed."""


class ServiceSettings(KafkaSettings):
    """What every service is told. A service with more to be told extends this class; see `read_settings`."""

    mongo: SecretStr = Field(
        SecretStr("mongodb://127.0.0.1:27017/?replicaSet=lofte"),
        description="URI of a MongoDB replica set; it may carry a password, and options such as tls=true",
    )
    mongo_ca_file: FilePath | None = Field(
        None, description="PEM file of who signed MongoDB's certificate; turns TLS on"
    )
    database: str = Field("", description="Name of the service's database; default: lofte_{service}")
    host: str = Field("127.0.0.1", description="Address that HTTP listens on")
    port: int = Field(8100, ge=0, le=65535, description="Port of HTTP; each service has a default of its own")
    roles: Annotated[frozenset[Role], NoDecode, BeforeValidator(_listed)] = Field(
        frozenset(ROLES),
        description="What this process does, comma between: api, consumer, relay, timers, webhooks, notices",
    )
    replica: str = Field(
        "", description="Name of this replica, such as intake-1; it names consumers and lease holders"
    )
    replica_returns: bool = Field(
        True,
        description="Whether a replica of this name comes back when it stops: then its partitions wait for it",
    )
    issuer: str = Field("http://127.0.0.1:8100", description="URL of the OIDC issuer of the tokens")
    audience: str = Field("lofte", description="The audience that tokens are made for")
    environment: Literal["development", "production"] = Field(
        "production", description="development or production"
    )
    master_key: MasterKey | None = Field(
        None, description="Base64 of 32 bytes; wraps the keys that personal data is sealed under"
    )
    municipalities: Path = Field(description="Folder with one YAML file per municipality")
    clock: str | None = Field(
        None,
        description="Domain time, such as 2026-03-02T07:30+01:00x600; development only; unset: the real time",
    )
    clock_anchor: AwareDatetime | None = Field(
        None, description="Real instant at which LOFTE_CLOCK starts; the same for all processes and restarts"
    )
    crash_at: Annotated[str, AfterValidator(_known_point)] | None = Field(
        None,
        description="Crash point, `point` or `point:n`, at which the process kills itself; development only",
    )
    spans_file: Path | None = Field(
        None, description="File to which OpenTelemetry spans are appended as JSON lines; unset: none"
    )
    session_timeout_ms: int = Field(
        20_000,
        ge=1000,
        description="Milliseconds after which Kafka gives the partitions of a silent consumer away",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least level that is logged"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> "ServiceSettings":
        if self.environment != "development":
            for name, value in (("LOFTE_CLOCK", self.clock), ("LOFTE_CRASH_AT", self.crash_at)):
                if value is not None:
                    raise ValueError(
                        f"{name}: for development only; unset it, or set LOFTE_ENVIRONMENT=development"
                    )
        if self.clock is not None and not _is_loopback(self.issuer):
            raise ValueError("LOFTE_CLOCK: refused beside a real issuer; unset it, or LOFTE_ISSUER")
        make_clock(self.clock, self.clock_anchor)
        return self


B = TypeVar("B", bound=BaseSettings)
S = TypeVar("S", bound=ServiceSettings)


def read_environment(kind: type[B]) -> B:
    """The settings as the environment has them.

    Raises:
        WrongSettings: one sentence per variable that is missing or wrong, without its value.
    """
    try:
        return kind()
    except ValidationError as error:
        raise WrongSettings([_sentence(kind, fault) for fault in error.errors(include_input=False)]) from None


def read_settings(kind: type[S], service: str) -> S:
    """The settings of one process of `service`, from its environment; database and replica get their names here.

    Raises:
        WrongSettings: as `read_environment`.
    """
    settings = read_environment(kind)
    names = {"database": f"lofte_{service}", "replica": f"{service}-{uuid4().hex[:8]}"}
    return settings.model_copy(
        update={field: name for field, name in names.items() if not getattr(settings, field)}
    )


def describe_settings(kind: type[ServiceSettings]) -> str:
    """A Markdown table of every variable, for `python -m SERVICE settings`."""
    lines = ["| variable | meaning | default |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        default = field.get_default()
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if isinstance(default, frozenset):
            default = "all"
        if isinstance(default, tuple):
            default = ",".join(f"{part:g}" if isinstance(part, float) else str(part) for part in default)
        shown = "(required)" if field.is_required() else default if default not in (None, "") else ""
        lines.append(f"| LOFTE_{name.upper()} | {field.description} | {shown} |")
    return "\n".join(lines)


def _sentence(kind: type[BaseSettings], fault: Any) -> str:
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not fault["loc"]:
        return message
    name = str(fault["loc"][0])
    if fault["type"] == "missing":
        return f"LOFTE_{name.upper()}: missing; {kind.model_fields[name].description}"
    return f"LOFTE_{name.upper()}: {message.removeprefix(f'LOFTE_{name.upper()}: ')}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
