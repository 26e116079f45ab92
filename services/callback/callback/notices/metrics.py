"""What operators see of notices."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class NoticeMetrics:
    """The Prometheus metrics of notices, in the process's registry."""

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
        self._attempts = Counter(
            "lofte_notice_attempts", "Notices tried: delivered, failed", ["outcome"], registry=registry
        )
        self._pending = Gauge("lofte_notices_pending", "Notices that wait", registry=registry)
        self._held = Gauge("lofte_notices_held", "Notices that are held", registry=registry)
        self._oldest = Gauge(
            "lofte_notices_oldest_seconds", "Age of the oldest notice that waits", registry=registry
        )

    def settled(self, channel: str, outcome: str) -> None:
        self._notices.labels(channel, outcome).inc()

    def unresolved(self, municipality: str, role: str) -> None:
        self._unresolved.labels(municipality, role).inc()

    def attempted(self, *, delivered: bool) -> None:
        self._attempts.labels("delivered" if delivered else "failed").inc()

    def standing(self, pending: int, held: int, oldest: float) -> None:
        self._pending.set(pending)
        self._held.set(held)
        self._oldest.set(oldest)
