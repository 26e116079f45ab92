"""Ports of a stack, and free ones for tests."""

import random
import socket

from lofte_local.errors import LocalError

__all__ = [
    "CONTROLLER",
    "KAFKA",
    "MONGO",
    "REPLICA_STEP",
    "free_base_port",
    "free_ports",
    "is_free",
    "stack_ports",
]

KAFKA = 50
MONGO = 51
CONTROLLER = 52  # Kafka's own controller listener: nobody else talks to it
REPLICA_STEP = 10
# Below the range that Linux hands to outgoing connections, or any client could take the port meanwhile.
_LOWEST, _HIGHEST = 18_000, 31_900


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a port in TIME_WAIT is free for a server
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on now."""
    found: set[int] = set()
    for _ in range(1000):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 (not a secret)
        if is_free(port):
            found.add(port)
        if len(found) == count:
            return list(found)
    raise LocalError(f"No {count} free ports between {_LOWEST} and {_HIGHEST}: end what listens there.")


def stack_ports(
    base_port: int, services: int, replicas: int, *, own_kafka: bool = True, own_mongo: bool = True
) -> list[int]:
    """Every port that a stack listens on."""
    front = [base_port + number for number in range(services + 1)]
    others = [
        base_port + REPLICA_STEP * replica + number
        for replica in range(1, replicas)
        for number in range(1, services + 1)
    ]
    servers = [base_port + KAFKA, base_port + CONTROLLER] if own_kafka else []
    if own_mongo:
        servers.append(base_port + MONGO)
    return [*front, *others, *servers]


def free_base_port(services: int, replicas: int = 1) -> int:
    """A base port whose stack finds all its ports free now."""
    for _ in range(1000):
        base_port = random.randrange(_LOWEST, _HIGHEST - 100, 100)  # noqa: S311 (not a secret)
        if all(is_free(port) for port in stack_ports(base_port, services, replicas)):
            return base_port
    raise LocalError(f"No hundred free ports between {_LOWEST} and {_HIGHEST}: end what listens there.")
