"""Held messages: what could not be handled is set aside, with what is behind it, until it is replayed or discarded.

Two collections (decision 4). `held_messages` keeps each record once. `held_keys` says which (group, topic, key) is held
and counts the positions that were ever set aside under it: the position is noted first and the message inserted
after, so a release that finds a position without its resolved message is refused, and nobody overtakes.
"""

from collections.abc import Collection, Sequence
from typing import Any

from bson import ObjectId
from bson.errors import InvalidId
from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from chassis.clock import Clock
from chassis.database import durable, translating
from chassis.errors import InvalidInput, NotFound, RuleViolation
from chassis.reacting import HeldStore, Lane, Raw

Document = dict[str, Any]
STATES = ("held", "replayed", "discarded")


class HeldMessages(HeldStore):
    """The held messages of a service, in its own database; all its replicas see the same."""

    def __init__(self, database: AsyncDatabase[Document], clock: Clock) -> None:
        self._messages = durable(database["held_messages"])
        self._keys = durable(database["held_keys"])
        self._clock = clock

    async def prepare(self) -> None:
        """Make the indexes; safe to repeat."""
        asked = {"replay_at": {"$type": "date"}}
        position = [("group", 1), ("topic", 1), ("partition", 1), ("offset", 1)]
        await self._messages.create_indexes(
            [
                IndexModel(position, name="position", unique=True),
                IndexModel([("group", 1), ("topic", 1), ("key", 1), ("offset", 1)], name="lane"),
                IndexModel([("state", 1), ("_id", 1)], name="state"),
                IndexModel([("group", 1)], name="replay", partialFilterExpression=asked),
            ]
        )
        await self._keys.create_indexes(
            [
                IndexModel([("key", 1)], name="key", partialFilterExpression={"state": "held"}),
                IndexModel(
                    [("group", 1), ("topic", 1)], name="lanes", partialFilterExpression={"state": "held"}
                ),
                IndexModel([("group", 1)], name="replay", partialFilterExpression=asked),
            ]
        )

    # --- for consumers

    async def held_lanes(self, group: str, lanes: Collection[Lane]) -> set[Lane]:
        query = {"_id": {"$in": [_lane_id(group, lane) for lane in lanes]}, "state": "held"}
        with translating():
            return {(key["topic"], key["key"]) async for key in self._keys.find(query)}

    async def all_held_lanes(self, group: str, limit: int) -> set[Lane] | None:
        """All lanes of a group whose messages have to wait; None where they are more than `limit`."""
        query = {"group": group, "state": "held"}
        with translating():
            found = (
                await self._keys.find(query, {"topic": 1, "key": 1}).hint("lanes").limit(limit + 1).to_list()
            )
        return {(key["topic"], key["key"]) for key in found} if len(found) <= limit else None

    async def hold(self, group: str, raw: Raw, reason: str, attempts: int) -> bool:
        with translating():
            earlier = await self._messages.find_one(_position(group, raw), {"state": 1})
            if earlier is not None and earlier["state"] != "held":
                return False
            if raw.lane is not None:
                await self._note(group, raw, raw.lane, upsert=True)
            await self._insert(group, raw, reason, attempts)
        return True

    async def hold_behind(self, group: str, raw: Raw, reason: str) -> bool:
        with translating():
            if raw.lane is None or not await self._note(group, raw, raw.lane, upsert=False):
                return False
            await self._insert(group, raw, reason, 0)
        return True

    async def _note(self, group: str, raw: Raw, lane: Lane, *, upsert: bool) -> bool:
        """Count the position once, however often its record comes; False where the lane is not held."""
        wanted = {"_id": _lane_id(group, lane)} | ({} if upsert else {"state": "held"})
        now = self._clock.now()
        noted: Sequence[Document] = [
            {
                "$set": {
                    "group": group,
                    "topic": raw.topic,
                    "key": {"$literal": raw.key},
                    "partition": raw.partition,
                    "state": "held",
                    "held_at": {"$cond": [{"$eq": ["$state", "held"]}, "$held_at", now]},
                    "positions": {"$setUnion": [{"$ifNull": ["$positions", []]}, [_place(raw)]]},
                }
            },
            {"$set": {"held_count": {"$size": "$positions"}}},
        ]
        while True:
            try:
                result = await self._keys.update_one(wanted, noted, upsert=upsert)
            except DuplicateKeyError:  # another replica made it at the same moment
                continue
            return upsert or result.matched_count == 1

    async def _insert(self, group: str, raw: Raw, reason: str, attempts: int) -> None:
        headers = {name: value.decode("utf-8", "replace") for name, value in raw.headers if value is not None}
        document = {
            **_position(group, raw),
            "key": raw.key,
            "value": raw.value,
            "headers": [[name, value] for name, value in raw.headers],
            "timestamp": raw.timestamp,
            "place": _place(raw),
            "type": headers.get("ce_type"),
            "source": headers.get("ce_source"),
            "event_id": headers.get("ce_id"),
            "municipality": headers.get("ce_municipality"),
            "state": "held",
            "reason": reason,
            "attempts": attempts,
            "held_at": self._clock.now(),
        }
        try:
            await self._messages.insert_one(document)
        except DuplicateKeyError:
            return  # a repeat

    # --- for whoever replays: the consumer that owns the partition

    async def wanted(self, group: str) -> Sequence[Document]:
        """What somebody asked to have replayed: held keys, and held messages that have none."""
        query = {"group": group, "state": "held", "replay_at": {"$type": "date"}}
        with translating():
            return [
                *await self._keys.find(query).to_list(),
                *await self._messages.find({**query, "key": None}).to_list(),
            ]

    async def waiting(self, group: str, lane: Lane) -> Sequence[Document]:
        """The held messages of a lane, in order."""
        query = {"group": group, "topic": lane[0], "key": lane[1], "state": "held"}
        with translating():
            return await self._messages.find(query).sort([("partition", 1), ("offset", 1)]).to_list()

    async def replayed(self, message: Document) -> None:
        """Note that a message was handled after all."""
        update = {"state": "replayed", "resolved_at": self._clock.now(), "attempts": message["attempts"] + 1}
        with translating():
            await self._messages.update_one({"_id": message["_id"], "state": "held"}, {"$set": update})

    async def failed_again(self, message: Document, reason: str) -> None:
        """Note that a message failed once more: it stays held, and somebody has to ask again."""
        update = {"$set": {"reason": reason}, "$inc": {"attempts": 1}, "$unset": {"replay_at": ""}}
        with translating():
            await self._messages.update_one({"_id": message["_id"]}, update)
            if message["key"] is not None:
                lane = (message["topic"], message["key"])
                key = {"_id": _lane_id(message["group"], lane)}
                await self._keys.update_one(key, {"$unset": {"replay_at": ""}})

    async def release(self, group: str, lane: Lane) -> bool:
        """Let a lane go on; False while a position under it is not resolved."""
        with translating():
            key = await self._keys.find_one({"_id": _lane_id(group, lane), "state": "held"})
            if key is None:
                return True
            of_lane = {"group": group, "topic": lane[0], "key": lane[1], "place": {"$in": key["positions"]}}
            resolved = await self._messages.count_documents({**of_lane, "state": {"$ne": "held"}})
            if resolved != key["held_count"]:
                return False
            done = {
                "$set": {"state": "released", "held_count": 0, "positions": []},
                "$unset": {"replay_at": ""},
            }
            guard = {"_id": key["_id"], "state": "held", "held_count": resolved}
            return (await self._keys.update_one(guard, done)).matched_count == 1

    # --- for people and for rules

    async def held_keys(self, group: str, keys: Collection[bytes]) -> set[bytes]:
        """Those of `keys` (cases) for which `group` holds a message, on any topic."""
        query = {"key": {"$in": list(keys)}, "state": "held", "group": group}
        with translating():
            found = self._keys.find(query, {"key": 1})
            return {document["key"] async for document in found}

    async def count(self, group: str | None = None) -> int:
        """How many messages are held now; of one group, or of all."""
        query = {"state": "held"} if group is None else {"state": "held", "group": group}
        with translating():
            return await self._messages.count_documents(query)

    async def list(
        self,
        *,
        state: str | None = "held",
        municipality: str | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> Sequence[Document]:
        """Messages in the order in which they were held, without their bytes. `after`: the id of the last one seen.

        With a municipality: its own and those whose municipality cannot be read.
        """
        if state is not None and state not in STATES:
            raise InvalidInput("state", f"no such state; there are {', '.join(STATES)}")
        query = _visible(municipality) | ({} if state is None else {"state": state})
        if after is not None:
            query["_id"] = {"$gt": _object_id(after)}
        with translating():
            found = self._messages.find(query, {"value": 0, "headers": 0}).sort("_id", 1).limit(limit)
            return await found.to_list()

    async def show(self, id: str, municipality: str | None = None) -> Document:  # noqa: A002
        """One message with its bytes. Raises NotFound."""
        with translating():
            found = await self._messages.find_one({"_id": _object_id(id), **_visible(municipality)})
        if found is None:
            raise NotFound("no such held message")
        return found

    async def replay(self, id: str, municipality: str | None = None) -> Document:  # noqa: A002
        """Ask for a message, and all that is held with it, to be handled again, in order. Safe to repeat."""
        message = await self.show(id, municipality)
        if message["state"] == "held":
            await self._ask(message)
        return await self.show(id, municipality)

    async def discard(self, id: str, *, reason: str, by: str, municipality: str | None = None) -> Document:  # noqa: A002
        """Give a message up, for a reason that is kept; what is held behind it is handled. Safe to repeat.

        Raises:
            NotFound: no such message.
            RuleViolation: it was replayed already.
        """
        message = await self.show(id, municipality)
        update = {"state": "discarded", "discarded_because": reason, "discarded_by": by}
        with translating():
            done = await self._messages.find_one_and_update(
                {"_id": message["_id"], "state": "held"},
                {"$set": {**update, "resolved_at": self._clock.now()}},
                return_document=ReturnDocument.AFTER,
            )
        message = done or await self.show(id, municipality)
        if message["state"] == "replayed":
            raise RuleViolation(
                "held-already-replayed", "the message was replayed: there is nothing to discard"
            )
        if message["key"] is not None:
            await self._ask(message)
        return message

    async def forget(self, group: str) -> None:
        """Drop what is held for a group that is no more."""
        with translating():
            await self._keys.delete_many({"group": group})
            await self._messages.delete_many({"group": group})

    async def _ask(self, message: Document) -> None:
        ask = {"$set": {"replay_at": self._clock.now()}}
        with translating():
            if message["key"] is None:
                await self._messages.update_one({"_id": message["_id"], "state": "held"}, ask)
            else:
                lane = (message["topic"], message["key"])
                await self._keys.update_one({"_id": _lane_id(message["group"], lane), "state": "held"}, ask)


def raw_of(document: Document) -> Raw:
    """The record of a held message, as it came."""
    return Raw(
        topic=document["topic"],
        partition=document["partition"],
        offset=document["offset"],
        key=document["key"],
        value=document["value"],
        headers=[(name, value) for name, value in document["headers"]],
        timestamp=document["timestamp"],
    )


def _position(group: str, raw: Raw) -> Document:
    return {"group": group, "topic": raw.topic, "partition": raw.partition, "offset": raw.offset}


def _place(raw: Raw) -> str:
    return f"{raw.partition}:{raw.offset}"


def _lane_id(group: str, lane: Lane) -> Document:
    return {"group": group, "topic": lane[0], "key": lane[1]}


def _visible(municipality: str | None) -> Document:
    return {} if municipality is None else {"municipality": {"$in": [municipality, None]}}


def _object_id(text: str) -> ObjectId:
    try:
        return ObjectId(text)
    except InvalidId as error:
        raise NotFound("no such held message") from error
