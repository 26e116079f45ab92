"""Views: documents folded from contracts, each guarded by its revision and by what it has seen (decision 3)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from lofte_events import fold
from pymongo import InsertOne, ReplaceOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from chassis.crash import NEVER, CrashPoints
from chassis.database import durable, translating
from chassis.errors import Conflict, Unavailable
from chassis.reacting import Message

Document = dict[str, Any]
Project = Callable[[Document | None, Message], Document | None]
"""The body of the document (None: there is none yet) and a message -> the new body; None: nothing to keep. Pure."""
Tell = Callable[[Sequence[tuple[Document, Message]]], Awaitable[None]]

_ATTEMPTS = 10
_DUPLICATE_KEY = 11000
_GUARD = ("_id", "rev", "seen")


def by_case(message: Message) -> str | None:
    """The usual key of a view: one document per case of a municipality."""
    return f"{message.envelope.municipality}.{message.contract.case_id}"


class View:
    """Keeps one document per key in `collection`: `_id`, `rev`, `seen: [{source, sequence}]` and the projected body.

    `project` gets and gives the body alone. It must commute over sources: topics come in any order relative to
    each other. `key` names the document of a message; None: the message is passed. `tell` is given what is folded,
    each message with the body after it, before the documents are written: at least once, so it is safe to repeat.
    """

    def __init__(
        self,
        collection: AsyncCollection[Document],
        project: Project,
        key: Callable[[Message], str | None] = by_case,
        *,
        tell: Tell | None = None,
        crash: CrashPoints = NEVER,
    ) -> None:
        self._collection = durable(collection)
        self._project = project
        self._key = key
        self._tell = tell
        self._crash = crash

    async def reaction(self, batch: Mapping[bytes, Sequence[Message]]) -> Mapping[bytes, Exception]:
        """Fold a batch: one find and one bulk write, again for those that another writer got at first."""
        wanted: dict[str, list[Message]] = {}
        concerned: dict[str, set[bytes]] = {}
        failed: dict[str, Exception] = {}
        failures: dict[bytes, Exception] = {}
        for key, messages in batch.items():
            try:
                for message in messages:
                    document_key = self._key(message)
                    if document_key is not None:
                        wanted.setdefault(document_key, []).append(message)
                        concerned.setdefault(document_key, set()).add(key)
            except Exception as error:
                failures[key] = error
        for _ in range(_ATTEMPTS):
            if not wanted:
                break
            wanted = await self._fold(wanted, failed)
        failed |= dict.fromkeys(wanted, Conflict("other writers of the view were first, again and again"))
        for document_key, failure in failed.items():
            failures.update(dict.fromkeys(concerned[document_key], failure))
        return failures

    async def _fold(
        self, wanted: Mapping[str, list[Message]], failed: dict[str, Exception]
    ) -> dict[str, list[Message]]:
        """One round; answers what has to be tried again."""
        with translating():
            documents = await self._collection.find({"_id": {"$in": list(wanted)}}).to_list()
        present = {document["_id"]: document for document in documents}
        writes: dict[str, InsertOne[Document] | ReplaceOne[Document]] = {}
        news: list[tuple[Document, Message]] = []
        for key, messages in wanted.items():
            told: list[tuple[Document, Message]] = []
            try:
                write = self._write(key, present.get(key), messages, told)
            except Exception as error:
                failed[key] = error
                continue
            if write is not None:
                writes[key] = write
                news += told
        if self._tell is not None and news:
            await self._tell(news)
        return await self._save(writes, wanted, failed) if writes else {}

    def _write(
        self,
        key: str,
        document: Document | None,
        messages: Iterable[Message],
        told: list[tuple[Document, Message]],
    ) -> InsertOne[Document] | ReplaceOne[Document] | None:
        def project(body: Document | None, message: Message) -> Document | None:
            projected = self._project(body, message)
            if projected is not None:
                told.append((projected, message))
            return projected

        body = {k: v for k, v in document.items() if k not in _GUARD} if document else None
        folded = fold(body, document["seen"] if document else (), messages, project)
        if folded is None:
            return None
        rev = document["rev"] if document else 0
        new, seen = folded
        replacement = {**new, "_id": key, "rev": rev + 1, "seen": seen}
        return ReplaceOne({"_id": key, "rev": rev}, replacement) if document else InsertOne(replacement)

    async def _save(
        self,
        writes: Mapping[str, InsertOne[Document] | ReplaceOne[Document]],
        wanted: Mapping[str, list[Message]],
        failed: dict[str, Exception],
    ) -> dict[str, list[Message]]:
        keys = list(writes)
        try:
            with translating():
                result = await self._collection.bulk_write(list(writes.values()), ordered=False)
            complete = result.matched_count + result.inserted_count == len(writes)
        except BulkWriteError as error:
            details = dict(error.details or {})
            if details.get("writeConcernErrors"):
                raise Unavailable("MongoDB: the view's write was not confirmed") from error
            complete = False
            for fault in details.get("writeErrors", ()):
                if fault["code"] != _DUPLICATE_KEY:
                    failed[keys[fault["index"]]] = ValueError(
                        f"MongoDB refused the document, code {fault['code']}"
                    )
        self._crash.passed("view-written")
        # Which replacement did not match is not told: those that did are no news when read again.
        return {} if complete else {key: wanted[key] for key in keys if key not in failed}
