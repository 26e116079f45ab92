"""What operators see of webhooks."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class WebhookMetrics:
    """The Prometheus metrics of webhooks, in the process's registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "lofte_webhook_attempts", "Deliveries tried: delivered, failed", ["outcome"], registry=registry
        )
        self._pending = Gauge("lofte_webhooks_pending", "Deliveries that wait", registry=registry)
        self._held = Gauge("lofte_webhooks_held", "Deliveries that are held", registry=registry)
        self._oldest = Gauge(
            "lofte_webhooks_oldest_seconds", "Age of the oldest delivery that waits", registry=registry
        )

    def attempted(self, *, delivered: bool) -> None:
        self._attempts.labels("delivered" if delivered else "failed").inc()

    def standing(self, pending: int, held: int, oldest: float) -> None:
        self._pending.set(pending)
        self._held.set(held)
        self._oldest.set(oldest)
