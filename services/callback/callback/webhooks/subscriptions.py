"""Subscriptions: who wants to be told what, where, and signed with which secrets. One document each."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.clock import Clock
from chassis.commit import Cause
from chassis.database import durable, translating
from chassis.errors import InvalidInput, KeyReused, NotFound, RuleViolation, Unavailable
from chassis.ids import derived_id
from chassis.sealing import Key, KeyRing
from pymongo import IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from callback.outgoing.deliveries import Names
from callback.outgoing.signing import new_secret
from callback.webhooks.domain import Wanted

Document = dict[str, Any]

NAMES = Names("webhooks", "webhook_lanes", "webhook_deliveries")
LARGEST_NUMBER = 100
"""Subscriptions of a municipality: an event is kept once for each that wants it."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_LINGER = timedelta(minutes=1)
_FIELD = "secret"


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The subscriptions of the service. `real_now`: the database's time as well as we know it; secrets end by it.

    `overlap`: how long a secret holds on after another one took its place.
    """

    database: AsyncDatabase[Document]
    keys: KeyRing
    clock: Clock
    real_now: Callable[[], datetime]
    overlap: timedelta

    async def prepare(self) -> None:
        """Make the index; safe to repeat."""
        await self._rows.create_indexes(
            [IndexModel([("municipality", 1), ("state", 1), ("_id", 1)], name="state")]
        )

    @property
    def _rows(self) -> Any:
        return durable(self.database[NAMES.targets])

    # --- for people

    async def create(
        self, municipality: str, client: str, cause: Cause, told: Mapping[str, Any]
    ) -> tuple[Document, str]:
        """A new subscription and its secret; a repeat with the same key gets the same.

        Raises:
            KeyReused: the key was used for another request.
            NotFound: the same request made one that was deleted since.
            RuleViolation: the municipality has as many as it may have.
        """
        subscription = derived_id("webhook", municipality, client, cause.caused_by)
        key = await self.keys.key(_subject(municipality, subscription))
        secret = new_secret()
        document = {
            "_id": subscription,
            "municipality": municipality,
            **told,
            "state": "active",
            "disabled_because": None,
            "created_at": self.clock.now(),
            # Cut as the database cuts `stored_at`, before it becomes domain time: whose seconds begin elsewhere.
            "told_from": self.clock.to_domain(self.real_now().replace(microsecond=0)),
            "created_by": cause.actor,
            "body_hash": cause.body_hash,
            "secrets": [_sealed(key, secret, cause)],
            "failures": 0,
            "failing_since": None,
            "last_failure": None,
            "rest_until": _NEVER,
        }
        query = {"municipality": municipality, "state": {"$ne": "deleted"}}
        with translating():
            if await self._rows.find_one({"_id": subscription}) is None:
                if await self._rows.count_documents(query, limit=LARGEST_NUMBER) >= LARGEST_NUMBER:
                    raise RuleViolation(
                        "webhooks-too-many",
                        f"there are {LARGEST_NUMBER} already; delete one, or let one take more types",
                    )
                try:
                    await self._rows.insert_one(document)
                except DuplicateKeyError:
                    pass  # the same request, at the same moment
                else:
                    return document, secret
        found = await self.get(municipality, subscription, None)
        if found["body_hash"] != cause.body_hash:
            raise _reused()
        return found, await self._opened(found, cause)

    async def list(
        self, municipality: str, owners: Sequence[str] | None, *, after: str | None, limit: int
    ) -> Sequence[Document]:
        """By id. `owners`: only those that ask for nothing but these; None: all."""
        query = _visible(municipality, owners) | ({"_id": {"$gt": after}} if after is not None else {})
        with translating():
            found: Sequence[Document] = await self._rows.find(query).sort("_id", 1).limit(limit).to_list()
        return found

    async def get(self, municipality: str, subscription: str, owners: Sequence[str] | None) -> Document:
        """One of them. Raises NotFound."""
        with translating():
            found: Document | None = await self._rows.find_one(
                {**_visible(municipality, owners), "_id": subscription}
            )
        if found is None:
            raise NotFound("no such webhook")
        return found

    async def change(self, subscription: str, told: Mapping[str, Any]) -> Document:
        """Replace these fields. Enabled, or with another URL, it is tried at once."""
        change = dict(told)
        if told.get("state") == "active" or "url" in told:
            change |= {"failures": 0, "failing_since": None, "last_failure": None, "rest_until": _NEVER}
        if "state" in told:
            change["disabled_because"] = None if told["state"] == "active" else "by request"
        return await self._update(subscription, {"$set": change})

    async def rotate(self, found: Document, cause: Cause) -> tuple[Document, str]:
        """A new secret; those before hold on for the overlap. A repeat with the same key gets the same.

        Raises:
            KeyReused: the key was used for another request.
            RuleViolation: three hold at the same time already.
        """
        for entry in found["secrets"]:
            if entry["caused_by"] == cause.caused_by:
                if entry.get("body_hash", cause.body_hash) != cause.body_hash:
                    raise _reused()
                return found, await self._opened(found, cause)
        now = self.real_now()
        live = [entry for entry in found["secrets"] if _holds(entry, now)]
        if len(live) > 2:
            raise RuleViolation(
                "webhook-rotating", "three secrets hold already; rotate again when one has ended"
            )
        secret = new_secret()
        key = await self.keys.key(_subject(found["municipality"], found["_id"]))
        ending = [{**entry, "until": entry["until"] or now + self.overlap} for entry in live]
        return (
            await self._update(found["_id"], {"$set": {"secrets": [*ending, _sealed(key, secret, cause)]}}),
            secret,
        )

    async def delete(self, subscription: str) -> None:
        """Send nothing more; what is kept for it is forgotten in a while."""
        await self._update(
            subscription, {"$set": {"state": "deleted", "deleted_at": self.real_now(), "secrets": []}}
        )

    # --- for loops

    async def wanted(self, municipalities: Collection[str]) -> Mapping[str, Sequence[tuple[str, Wanted]]]:
        """What the active subscriptions of some municipalities want, by municipality."""
        query = {"municipality": {"$in": list(municipalities)}, "state": "active"}
        found: dict[str, list[tuple[str, Wanted]]] = {}
        with translating():
            async for row in self._rows.find(query):
                wanted = Wanted(frozenset(row["types"]), frozenset(row["owners"]), row["told_from"])
                found.setdefault(row["municipality"], []).append((row["_id"], wanted))
        return found

    async def secrets(
        self, municipality: str, subscription: str, sealed: Sequence[Document]
    ) -> Sequence[str]:
        """The secrets that hold now, the newest first.

        Raises:
            Unavailable: none can be opened: another master key, or its key is gone.
        """
        key = await self.keys.find(_subject(municipality, subscription))
        now = self.real_now()
        live = [entry["sealed"] for entry in reversed(sealed) if _holds(entry, now)]
        if key is None or not live:
            raise Unavailable("the webhook's secret cannot be opened")
        return [key.open(_FIELD, bytes(one)) for one in live]

    async def purge(self) -> None:
        """Forget all that was kept for subscriptions that were deleted."""
        with translating():
            async for deleted in self._rows.find(
                {"state": "deleted", "deleted_at": {"$lte": self.real_now() - _LINGER}}, {"_id": 1}
            ):
                await durable(self.database[NAMES.lanes]).delete_many({"subscription": deleted["_id"]})
                await durable(self.database[NAMES.deliveries]).delete_many({"subscription": deleted["_id"]})
                await self._rows.delete_one({"_id": deleted["_id"]})

    # ---

    async def _update(self, subscription: str, update: Document) -> Document:
        with translating():
            found: Document | None = await self._rows.find_one_and_update(
                {"_id": subscription, "state": {"$ne": "deleted"}},
                update,
                return_document=ReturnDocument.AFTER,
            )
        if found is None:
            raise NotFound("no such webhook")
        return found

    async def _opened(self, found: Document, cause: Cause) -> str:
        key = await self.keys.key(_subject(found["municipality"], found["_id"]))
        sealed = [entry["sealed"] for entry in found["secrets"] if entry["caused_by"] == cause.caused_by]
        if not sealed:
            raise InvalidInput("Idempotency-Key", "used before, and its secret has ended; take a new key")
        return key.open(_FIELD, bytes(sealed[0]))


def _visible(municipality: str, owners: Sequence[str] | None) -> Document:
    query: Document = {"municipality": municipality, "state": {"$ne": "deleted"}}
    if owners is not None:
        query |= {"owners": {"$ne": []}, "$expr": {"$setIsSubset": ["$owners", list(owners)]}}
    return query


def _subject(municipality: str, subscription: str) -> str:
    return f"{municipality}:webhook:{subscription}"


def _sealed(key: Key, secret: str, cause: Cause) -> Document:
    sealed = key.seal(_FIELD, secret)
    return {"sealed": sealed, "caused_by": cause.caused_by, "body_hash": cause.body_hash, "until": None}


def _reused() -> KeyReused:
    return KeyReused("Idempotency-Key: used before for another request; take a new key")


def _holds(entry: Document, now: datetime) -> bool:
    return entry["until"] is None or bool(entry["until"] > now)
