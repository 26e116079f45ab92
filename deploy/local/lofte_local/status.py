"""How a stack is: the shape that `lofte status --json` prints."""

from typing import TypedDict

from lofte_local.kafka import answers_kafka
from lofte_local.mongo import answers_mongo
from lofte_local.settings import SERVICES
from lofte_local.stack import Stack
from lofte_local.waiting import says_ok

__all__ = ["Part", "ServiceStatus", "Status", "read_status"]


class Part(TypedDict):
    """One process, or a given server (whose pid is not ours to know)."""

    url: str
    pid: int | None
    ready: bool


class ServiceStatus(Part):
    """The first replica, and all of them."""

    replicas: list[Part]


class Status(TypedDict):
    data_dir: str
    base_port: int
    url: str
    ready: bool
    kafka: Part
    mongo: Part
    frontdoor: Part
    services: dict[str, ServiceStatus]


def read_status(stack: Stack) -> Status:
    """Ask every part now. `ready` = all of them are."""
    kafka: Part = {
        "url": stack.kafka_address,
        "pid": stack.kafka.process.pid if stack.kafka else None,
        "ready": answers_kafka(stack.kafka_address),
    }
    mongo: Part = {
        "url": stack.mongo_uri if stack.mongo else "given",  # a given URI may hold a password
        "pid": stack.mongo.process.pid if stack.mongo else None,
        "ready": answers_mongo(stack.mongo_uri),
    }
    frontdoor: Part = {"url": stack.url, "pid": stack.frontdoor.pid, "ready": says_ok(f"{stack.url}/health")}
    services: dict[str, ServiceStatus] = {}
    for service in SERVICES:
        replicas = [_replica(stack, service, number + 1) for number in range(stack.settings.replicas)]
        services[service] = {**replicas[0], "replicas": replicas}
    parts = [
        kafka,
        mongo,
        frontdoor,
        *(part for service in services.values() for part in service["replicas"]),
    ]
    return {
        "data_dir": str(stack.folder),
        "base_port": stack.settings.base_port,
        "url": stack.url,
        "ready": all(part["ready"] for part in parts),
        "kafka": kafka,
        "mongo": mongo,
        "frontdoor": frontdoor,
        "services": services,
    }


def _replica(stack: Stack, service: str, replica: int) -> Part:
    url = stack.service_url(service, replica)
    pid = stack.service(service, replica).pid
    # Without a process of ours, whoever answers there is somebody else.
    return {"url": url, "pid": pid, "ready": pid is not None and says_ok(f"{url}/health/ready")}
