"""Every environment variable of intake."""

from chassis.settings import MasterKey, ServiceSettings
from pydantic import Field, SecretStr


class IntakeSettings(ServiceSettings):
    """Intake seals what people say: it needs the master key."""

    port: int = Field(8101, ge=0, le=65535, description="Port of HTTP")
    master_key: MasterKey = Field(
        description="Base64 of 32 bytes; wraps the keys that personal data is sealed under"
    )
    inbound_keys: SecretStr | None = Field(
        None,
        description="JWKS of private P-256 keys that other systems seal to, the first is the one to use; unset: the inbound topics are not read",
    )
