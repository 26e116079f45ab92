"""The environment that the stack's processes get: told in full, so that nothing of the caller's own slips in."""

import base64
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from joserfc.jwk import ECKey

from lofte_local.files import write_secret
from lofte_local.issuer import AUDIENCE, client_secret
from lofte_local.paths import MUNICIPALITIES
from lofte_local.settings import StackSettings

__all__ = ["frontdoor_environment", "service_environment"]


def service_environment(
    settings: StackSettings, folder: Path, *, kafka: str, mongo: str, issuer: str, intake: str
) -> dict[str, str]:
    """What all services have in common. Nothing named LOFTE_ comes from the caller's environment."""
    told = {
        "LOFTE_KAFKA": kafka,
        "LOFTE_MONGO": mongo,
        "LOFTE_TOPIC_PREFIX": settings.name,
        "LOFTE_ISSUER": issuer,
        "LOFTE_AUDIENCE": AUDIENCE,
        "LOFTE_ENVIRONMENT": "development",
        "LOFTE_MASTER_KEY": _master_key(folder),
        "LOFTE_INBOUND_KEYS": _inbound_keys(folder),
        "LOFTE_MUNICIPALITIES": settings.municipalities or str(MUNICIPALITIES),
        "LOFTE_PARTITIONS": "3",
        "LOFTE_SESSION_TIMEOUT_MS": "6000",
        # For callback alone. Receivers of webhooks run on this machine; notices lie in a folder, to be looked at.
        "LOFTE_WEBHOOK_NETWORKS": "127.0.0.0/8,::1/128",
        "LOFTE_NOTICE_FOLDER": str(folder / "notices"),
        "LOFTE_INTAKE": intake,
        "LOFTE_REACH_CLIENTS": _clients(settings, folder),
    }
    if settings.clock and settings.anchor:
        told |= {"LOFTE_CLOCK": settings.clock, "LOFTE_CLOCK_ANCHOR": settings.anchor}
    return _without_lofte(os.environ) | told


def frontdoor_environment() -> dict[str, str]:
    """The front door sees whether a real issuer is named, and then refuses to run."""
    named = {key: os.environ[key] for key in ("LOFTE_ISSUER", "LOFTE_ENVIRONMENT") if key in os.environ}
    return _without_lofte(os.environ) | named


def _without_lofte(environment: Mapping[str, str]) -> dict[str, str]:
    # Nor the wish to write no bytecode: every process of every start would compile everything again.
    unwanted = ("LOFTE_", "PYTHONDONTWRITEBYTECODE")
    return {key: value for key, value in environment.items() if not key.startswith(unwanted)}


def _master_key(folder: Path) -> str:
    path = folder / "master.key"
    if not path.exists():
        write_secret(path, base64.b64encode(secrets.token_bytes(32)))
    return path.read_text().strip()


def _clients(settings: StackSettings, folder: Path) -> str:
    """Who callback is at the issuer, for each municipality of the stack."""
    served = Path(settings.municipalities) if settings.municipalities else MUNICIPALITIES
    secret = client_secret(folder)
    codes = sorted(path.stem for path in served.glob("*.yaml"))
    return json.dumps({code: {"client_id": f"callback-{code}", "client_secret": secret} for code in codes})


def _inbound_keys(folder: Path) -> str:
    path = folder / "inbound-keys.json"
    if not path.exists():
        key = ECKey.generate_key("P-256", {"kid": f"local-{secrets.token_hex(4)}"})
        write_secret(path, json.dumps({"keys": [key.as_dict(private=True)]}).encode())
    return path.read_text()
