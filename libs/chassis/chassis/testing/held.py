"""Held messages in memory; passes the same suite as the real ones."""

from collections.abc import Collection, Sequence
from typing import Any

from chassis.errors import InvalidInput, NotFound, RuleViolation
from chassis.held import STATES
from chassis.reacting import HeldStore, Lane, Raw

Document = dict[str, Any]


class MemoryHeld(HeldStore):
    """What `HeldMessages` does, in lists."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, str, int, int], Document] = {}
        self._keys: dict[tuple[str, Lane], Document] = {}

    async def held_lanes(self, group: str, lanes: Collection[Lane]) -> set[Lane]:
        return {lane for lane in lanes if (group, lane) in self._keys}

    async def all_held_lanes(self, group: str, limit: int) -> set[Lane] | None:
        lanes = {lane for of, lane in self._keys if of == group}
        return lanes if len(lanes) <= limit else None

    async def hold(self, group: str, raw: Raw, reason: str, attempts: int) -> bool:
        earlier = self._messages.get((group, raw.topic, raw.partition, raw.offset))
        if earlier and earlier["state"] != "held":
            return False
        if raw.lane:
            self._keys.setdefault((group, raw.lane), _key(group, raw))
        self._insert(group, raw, reason, attempts)
        return True

    async def hold_behind(self, group: str, raw: Raw, reason: str) -> bool:
        if raw.lane is None or (group, raw.lane) not in self._keys:
            return False
        self._insert(group, raw, reason, 0)
        return True

    def _insert(self, group: str, raw: Raw, reason: str, attempts: int) -> None:
        headers = {name: value.decode("utf-8", "replace") for name, value in raw.headers if value is not None}
        document = _key(group, raw) | {
            "_id": f"{len(self._messages):024x}",
            "offset": raw.offset,
            "value": raw.value,
            "headers": [[name, value] for name, value in raw.headers],
            "timestamp": raw.timestamp,
            "municipality": headers.get("ce_municipality"),
            "state": "held",
            "reason": reason,
            "attempts": attempts,
        }
        self._messages.setdefault((group, raw.topic, raw.partition, raw.offset), document)

    async def wanted(self, group: str) -> Sequence[Document]:
        loose = [m for m in self._messages.values() if m["key"] is None and m["state"] == "held"]
        return [d for d in (*self._keys.values(), *loose) if d["group"] == group and d["replay_at"]]

    async def waiting(self, group: str, lane: Lane) -> Sequence[Document]:
        return sorted(self._lane(group, lane, held=True), key=lambda m: (m["partition"], m["offset"]))

    def _lane(self, group: str, lane: Lane, *, held: bool) -> list[Document]:
        return [
            message
            for message in self._messages.values()
            if (message["group"], message["topic"], message["key"]) == (group, *lane)
            and (message["state"] == "held") is held
        ]

    async def replayed(self, message: Document) -> None:
        message |= {"state": "replayed", "attempts": message["attempts"] + 1}

    async def failed_again(self, message: Document, reason: str) -> None:
        message |= {"reason": reason, "attempts": message["attempts"] + 1, "replay_at": None}
        if message["key"] is not None:
            self._keys[message["group"], (message["topic"], message["key"])]["replay_at"] = None

    async def release(self, group: str, lane: Lane) -> bool:
        if self._lane(group, lane, held=True):
            return False
        self._keys.pop((group, lane), None)
        return True

    async def held_keys(self, group: str, keys: Collection[bytes]) -> set[bytes]:
        return {document["key"] for document in self._keys.values() if document["group"] == group} & set(keys)

    async def count(self, group: str | None = None) -> int:
        held = [message for message in self._messages.values() if message["state"] == "held"]
        return sum(group in (None, message["group"]) for message in held)

    async def list(
        self,
        *,
        state: str | None = "held",
        municipality: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Document]:
        if state is not None and state not in STATES:
            raise InvalidInput("state", "no such state")
        return [
            message
            for message in self._messages.values()
            if state in (None, message["state"])
            and (municipality is None or message["municipality"] in (municipality, None))
            and message["_id"] > (after or "")
        ][:limit]

    async def show(self, id: str, municipality: str | None = None) -> Document:  # noqa: A002
        for message in await self.list(state=None, municipality=municipality, limit=len(self._messages)):
            if message["_id"] == id:
                return message
        raise NotFound("no such held message")

    async def replay(self, id: str, municipality: str | None = None) -> Document:  # noqa: A002
        message = await self.show(id, municipality)
        if message["state"] == "held":
            self._ask(message)
        return message

    async def discard(self, id: str, *, reason: str, by: str, municipality: str | None = None) -> Document:  # noqa: A002
        message = await self.show(id, municipality)
        if message["state"] == "replayed":
            raise RuleViolation(
                "held-already-replayed", "the message was replayed: there is nothing to discard"
            )
        if message["state"] == "held":
            message |= {"state": "discarded", "discarded_because": reason, "discarded_by": by}
        if message["key"] is not None:
            self._ask(message)
        return message

    def anything(self) -> bool:
        """Whether any message or lane is held now, of any group."""
        return bool(self._keys) or any(message["state"] == "held" for message in self._messages.values())

    def _ask(self, message: Document) -> None:
        lane = (message["topic"], message["key"])
        asked = message if message["key"] is None else self._keys.get((message["group"], lane), {})
        asked["replay_at"] = True


def _key(group: str, raw: Raw) -> Document:
    return {
        "group": group,
        "topic": raw.topic,
        "key": raw.key,
        "partition": raw.partition,
        "replay_at": None,
    }
