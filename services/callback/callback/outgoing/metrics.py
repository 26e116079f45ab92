"""What operators see of what goes out: webhooks and notices alike."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class SendingMetrics:
    """The Prometheus metrics of sending, in the process's registry: `lofte_{name}_attempts`, `lofte_{name}s_pending`, ...

    `one` and `many`: what they count, in words.
    """

    def __init__(self, registry: CollectorRegistry, name: str, one: str, many: str) -> None:
        self._attempts = Counter(
            f"lofte_{name}_attempts", f"{many} tried: delivered, failed", ["outcome"], registry=registry
        )
        self._pending = Gauge(f"lofte_{name}s_pending", f"{many} that wait", registry=registry)
        self._held = Gauge(f"lofte_{name}s_held", f"{many} that are held", registry=registry)
        self._oldest = Gauge(
            f"lofte_{name}s_oldest_seconds", f"Age of the oldest {one} that waits", registry=registry
        )

    def attempted(self, *, delivered: bool) -> None:
        self._attempts.labels("delivered" if delivered else "failed").inc()

    def standing(self, pending: int, held: int, oldest: float) -> None:
        self._pending.set(pending)
        self._held.set(held)
        self._oldest.set(oldest)
