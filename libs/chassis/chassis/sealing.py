"""Sealing: personal text is AES-256-GCM under a key of its own subject, the keys are wrapped by a master key.

Delete a key and every copy of what it sealed is unreadable, in every log and every backup.
"""

import contextlib
import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pymongo import WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect, BulkWriteError
from pymongo.read_concern import ReadConcern

from chassis.clock import Clock
from chassis.database import told
from chassis.errors import Unavailable
from chassis.grouping import Grouper

_NONCE = 12
_CACHE_SECONDS = 60.0
_CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Key:
    """A subject's key. `ref` is a random name for the subject: it can be published, its index cannot."""

    subject: str
    ref: str
    cipher: AESGCM

    def seal(self, field: str, text: str) -> bytes:
        """Seal `text`; it opens only with this subject and this field's name."""
        nonce = os.urandom(_NONCE)
        return nonce + self.cipher.encrypt(nonce, text.encode(), f"{self.subject}\0{field}".encode())

    def open(self, field: str, sealed: bytes) -> str:
        """The text.

        Raises:
            InvalidTag: sealed under another key, or for another field.
        """
        plain = self.cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], f"{self.subject}\0{field}".encode())
        return plain.decode()


def open_or_erased(key: Key | None, field: str, sealed: bytes | None) -> str | None:
    """The text; None where there is none, or where its key is gone: views cope with unreadable fields."""
    if key is None or sealed is None:
        return None
    try:
        return key.open(field, sealed)
    except InvalidTag:
        return None


class KeyRing:
    """The keys of one service, in its database, read and made in groups; cached for a minute at most."""

    def __init__(self, database: AsyncDatabase[dict[str, Any]], master: bytes, clock: Clock) -> None:
        self._keys = database.get_collection(
            "keys", write_concern=WriteConcern("majority"), read_concern=ReadConcern("majority")
        )
        self._wrap = AESGCM(_derive(master, b"wrap"))
        self._index_key = _derive(master, b"index")
        self._clock = clock
        self._cache: OrderedDict[str, tuple[float, Key]] = OrderedDict()
        self._making: Grouper[tuple[str, bool], Key] = Grouper(self._make)
        self._finding: Grouper[str, Key | None] = Grouper(self._find)

    def blind_index(self, municipality: str, value: str) -> str:
        """An index of a personal value that tells nothing without the master key."""
        digest = hmac.new(self._index_key, f"{municipality}\0{value}".encode(), hashlib.sha256)
        return f"{municipality}:{digest.hexdigest()}:1"

    async def key(self, subject: str, *, new: bool = False) -> Key:
        """The key of a subject, made where there is none. `new`: it hardly exists, so do not look first."""
        return self._cached(subject) or self._keep(await self._making((subject, new)))

    async def find(self, subject: str) -> Key | None:
        """The key of a subject, or None: never made, or erased."""
        cached = self._cached(subject)
        if cached is not None:
            return cached
        found = await self._finding(subject)
        return self._keep(found) if found is not None else None

    def _cached(self, subject: str) -> Key | None:
        kept = self._cache.get(subject)
        return kept[1] if kept is not None and kept[0] > self._clock.monotonic() else None

    def _keep(self, key: Key) -> Key:
        self._cache[key.subject] = (self._clock.monotonic() + _CACHE_SECONDS, key)
        if len(self._cache) > _CACHE_SIZE:
            self._cache.popitem(last=False)
        return key

    async def _make(self, asked: Sequence[tuple[str, bool]]) -> Sequence[Key]:
        found = await told(self._read([subject for subject, new in asked if not new]))
        missing = {subject for subject, _ in asked} - found.keys()
        if missing:
            found |= await told(self._insert(missing))
        if missing - found.keys():
            raise Unavailable("MongoDB: did not confirm the keys")
        return [found[subject] for subject, _ in asked]

    async def _insert(self, subjects: Collection[str]) -> dict[str, Key]:
        fresh = {subject: self._fresh(subject) for subject in subjects}
        documents = [document for document, _ in fresh.values()]
        try:
            await self._keys.insert_many(documents, ordered=False)
        except BulkWriteError:
            # Somebody else made one of them: theirs holds.
            return await self._read(subjects)
        except AutoReconnect:
            # A new primary, or a lost answer: once more, and whatever is there then holds.
            with contextlib.suppress(BulkWriteError):
                await self._keys.insert_many(documents, ordered=False)
            return await self._read(subjects)
        return {subject: key for subject, (_, key) in fresh.items()}

    async def _find(self, subjects: Sequence[str]) -> Sequence[Key | None]:
        found = await told(self._read(subjects))
        return [found.get(subject) for subject in subjects]

    async def _read(self, subjects: Collection[str]) -> dict[str, Key]:
        if not subjects:
            return {}
        documents = await self._keys.find({"_id": {"$in": list(set(subjects))}}).to_list()
        return {document["_id"]: self._unwrap(document) for document in documents}

    def _fresh(self, subject: str) -> tuple[dict[str, Any], Key]:
        secret, ref, nonce = os.urandom(32), str(uuid4()), os.urandom(_NONCE)
        wrapped = nonce + self._wrap.encrypt(nonce, secret, subject.encode())
        return {"_id": subject, "ref": ref, "wrapped": wrapped}, Key(subject, ref, AESGCM(secret))

    def _unwrap(self, document: dict[str, Any]) -> Key:
        subject, wrapped = document["_id"], document["wrapped"]
        secret = self._wrap.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], subject.encode())
        return Key(subject, document["ref"], AESGCM(secret))


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"lofte " + purpose).derive(master)
