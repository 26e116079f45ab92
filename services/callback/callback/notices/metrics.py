"""What operators see of notices."""

from prometheus_client import CollectorRegistry, Counter


class NoticeMetrics:
    """What became of notices, in the process's registry; how they are sent is in `SendingMetrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._notices = Counter(
            "lofte_notices",
            "Notices that were settled: sent, failed, moot (answered meanwhile)",
            ["channel", "outcome"],
            registry=registry,
        )
        self._unresolved = Counter(
            "lofte_notices_unresolved",
            "Notices whose role has no contact in the municipality's file",
            ["municipality", "role"],
            registry=registry,
        )

    def settled(self, channel: str, outcome: str) -> None:
        self._notices.labels(channel, outcome).inc()

    def unresolved(self, municipality: str, role: str) -> None:
        self._unresolved.labels(municipality, role).inc()
