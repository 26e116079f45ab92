"""Every environment variable of metrics."""

from chassis.settings import ServiceSettings
from pydantic import Field


class MetricsSettings(ServiceSettings):
    """Metrics needs nothing but what every service needs."""

    port: int = Field(8105, ge=0, le=65535, description="Port of HTTP")
