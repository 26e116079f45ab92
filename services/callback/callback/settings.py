"""Every environment variable of callback."""

import base64
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from chassis.settings import MasterKey, ServiceSettings
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

DAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds: the pauses that Standard Webhooks proposes; the last attempt comes after about three days."""

_LEAST_BYTES = 24
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _as_pauses(pauses: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 < pause <= 30 * 86_400 for pause in pauses):
        raise ValueError("write seconds above 0, comma between, such as 5,300,1800,7200")
    return pauses


def _as_secret(secret: SecretStr) -> SecretStr:
    try:
        key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if len(key) < _LEAST_BYTES:
        raise ValueError(
            'not whsec_ and the base64 of 24 bytes or more; make one with: echo "whsec_$(openssl rand -base64 32)"'
        )
    return secret


class ReachClient(BaseModel):
    """Who callback is at the issuer, for one municipality: its token has role `system` and that municipality."""

    client_id: str
    client_secret: SecretStr
    scope: str | None = None


class CallbackSettings(ServiceSettings):
    """Callback seals the secrets of webhooks: it needs the master key."""

    port: int = Field(8104, ge=0, le=65535, description="Port of HTTP")
    master_key: MasterKey = Field(
        description="Base64 of 32 bytes; wraps the keys that secrets of webhooks are sealed under"
    )
    webhook_networks: Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_listed)] = Field(
        (),
        description="Private networks that receivers of webhooks may be in, such as 10.20.0.0/16, comma between; unset: public addresses alone",
    )
    webhook_pauses: Annotated[
        tuple[float, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_as_pauses)
    ] = Field(
        DAYS,
        description="Seconds between the attempts at a delivery, comma between; after the last one it is held",
    )
    webhook_patience: float = Field(
        15.0, gt=0, le=120, description="Seconds that a receiver may take to answer"
    )
    webhook_overlap: float = Field(
        86_400.0,
        ge=0,
        le=30 * 86_400,
        description="Seconds that a secret holds on after another one took its place",
    )
    notice_pauses: Annotated[
        tuple[float, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_as_pauses)
    ] = Field(
        DAYS,
        description="Seconds between the attempts at a notice, comma between; after the last one it is held",
    )
    notice_patience: float = Field(
        15.0, gt=0, le=120, description="Seconds that a mail server, a provider or intake may take to answer"
    )
    smtp_host: str | None = Field(
        None, description="Mail server that notices go out by; unset: none do by e-mail"
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port")
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How it is spoken to: starttls, tls or none"
    )
    smtp_user: str | None = Field(None, description="User name at the mail server; unset: nobody signs in")
    smtp_password: SecretStr | None = Field(None, description="Password at the mail server")
    sms_url: str | None = Field(
        None, description="Where the provider of text messages takes them, by POST; unset: none go out"
    )
    sms_fields: Mapping[str, Any] = Field(
        {"to": "$to", "message": "$text"},
        description='What is posted, as JSON, with $to, $text and $id in it, such as {"to": "$to", "from": "Kommunen", "message": "$text"}',
    )
    sms_form: bool = Field(False, description="Whether it is posted as a form; else as JSON")
    sms_authorization: SecretStr | None = Field(
        None, description="The header Authorization for the provider, such as Basic ... or Bearer ..."
    )
    notice_secret: Annotated[SecretStr, AfterValidator(_as_secret)] | None = Field(
        None,
        description="Secret that notices to systems are signed with (whsec_ and base64); unset: none go out by webhook",
    )
    intake: str | None = Field(
        None, description="URL of intake, which is asked for a citizen's address; unset: no citizen is told"
    )
    reach_clients: Mapping[str, ReachClient] = Field(
        {},
        description='Who callback is at the issuer, by municipality, as JSON: {"0581": {"client_id": "...", "client_secret": "..."}}; each token has role system',
    )
    notice_folder: Path | None = Field(
        None,
        description="Folder for notices that no mail server or provider is told for, a file each; development only",
    )

    @model_validator(mode="after")
    def _in_development_alone(self) -> Self:
        if self.notice_folder is not None and self.environment != "development":
            raise ValueError(
                "LOFTE_NOTICE_FOLDER: for development only; unset it, or set LOFTE_ENVIRONMENT=development"
            )
        return self
