"""Every environment variable of routing."""

from chassis.settings import ServiceSettings
from pydantic import Field


class RoutingSettings(ServiceSettings):
    """Routing needs nothing but what every service needs."""

    port: int = Field(8102, ge=0, le=65535, description="Port of HTTP")
