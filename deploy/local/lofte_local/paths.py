"""Where things lie in a clone."""

from pathlib import Path

__all__ = ["ASYNCAPI", "CLONE", "KAFKA_LIBS", "KAFKA_POM", "MUNICIPALITIES"]

CLONE = Path(__file__).resolve().parents[3]
KAFKA_POM = CLONE / "deploy" / "local" / "kafka" / "pom.xml"
KAFKA_LIBS = CLONE / ".local" / "kafka-libs"  # shared by all stacks and test runs of the clone
ASYNCAPI = CLONE / "docs" / "api" / "asyncapi.json"
MUNICIPALITIES = CLONE / "deploy" / "municipalities"
