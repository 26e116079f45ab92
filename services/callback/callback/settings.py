"""Every environment variable of callback."""

import ipaddress
from typing import Annotated

from chassis.settings import MasterKey, ServiceSettings
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

DAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds: the pauses that Standard Webhooks proposes; the last attempt comes after about three days."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _as_pauses(pauses: tuple[float, ...]) -> tuple[float, ...]:
    if not all(0 < pause <= 30 * 86_400 for pause in pauses):
        raise ValueError("write seconds above 0, comma between, such as 5,300,1800,7200")
    return pauses


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
