"""What a consumer knows of its group's held lanes, so that not every batch has to ask the database (decision 4)."""

from collections.abc import Collection

from chassis.held import HeldMessages
from chassis.reacting import HeldStore, Lane, Raw

_LARGEST = 10_000


class KnownLanes(HeldStore):
    """A group's held lanes, remembered. Only the consumer that owns a partition holds its lanes, so what it remembers
    is true until its partitions change (`forget`); a lane that was released elsewhere is noticed at the next `look`,
    and by `hold_behind` at once.
    """

    def __init__(self, held: HeldMessages) -> None:
        self._held = held
        self._known: set[Lane] | None = None
        self._looked = False

    def forget(self) -> None:
        """The partitions changed: their former owner may have held what is not known here."""
        self._looked = False

    async def look(self, group: str) -> None:
        """Remember what is held now; nothing where it is too much. Raises Unavailable."""
        self._looked = True  # before the answer: what was asked before the partitions changed is asked anew
        try:
            self._known = await self._held.all_held_lanes(group, _LARGEST)
        except BaseException:
            self._looked = False
            raise

    async def held_lanes(self, group: str, lanes: Collection[Lane]) -> set[Lane]:
        while not self._looked:
            await self.look(group)
        if self._known is None:
            return await self._held.held_lanes(group, lanes)
        return self._known & set(lanes)

    async def hold(self, group: str, raw: Raw, reason: str, attempts: int) -> bool:
        held = await self._held.hold(group, raw, reason, attempts)
        if held and raw.lane is not None and self._known is not None:
            self._known.add(raw.lane)
        return held

    async def hold_behind(self, group: str, raw: Raw, reason: str) -> bool:
        held = await self._held.hold_behind(group, raw, reason)
        if not held and raw.lane is not None and self._known is not None:
            self._known.discard(raw.lane)
        return held
