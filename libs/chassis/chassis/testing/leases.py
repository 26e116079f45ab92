"""Leases in memory, on one clock for all."""

from chassis.clock import Clock


class MemoryLeases:
    """What MongoLeases does, in a dict."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._leases: dict[str, tuple[str, float]] = {}

    async def take(self, name: str, holder: str, ttl: float) -> bool:
        now = self._clock.monotonic()
        held_by, until = self._leases.get(name, (holder, now))
        if held_by != holder and until > now:
            return False
        self._leases[name] = (holder, now + ttl)
        return True

    async def give_up(self, name: str, holder: str) -> None:
        if self._leases.get(name, ("", 0.0))[0] == holder:
            self._leases[name] = (holder, self._clock.monotonic())

    def holder(self, name: str) -> str | None:
        """Who holds a lease now; None: it has run out."""
        held_by, until = self._leases.get(name, ("", 0.0))
        return held_by if until > self._clock.monotonic() else None

    def drop(self) -> None:
        """Forget who holds what, as after a fail-over that lost it: each holder goes on believing for a while."""
        self._leases.clear()
