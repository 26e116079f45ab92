"""Every environment variable of callback."""

from chassis.settings import ServiceSettings
from pydantic import Field


class CallbackSettings(ServiceSettings):
    """Callback needs nothing but what every service needs."""

    port: int = Field(8104, ge=0, le=65535, description="Port of HTTP")
