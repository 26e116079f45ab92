"""MongoDB as loops need it: writes that hold, and its errors in our words."""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from pymongo import ReadPreference, WriteConcern
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import ConnectionFailure, PyMongoError, WriteConcernError
from pymongo.read_concern import ReadConcern

from chassis.errors import Unavailable

T = TypeVar("T")


def durable(collection: AsyncCollection[dict[str, Any]]) -> AsyncCollection[dict[str, Any]]:
    """The collection, such that what is read and written cannot be rolled back: an offset is committed after it."""
    return collection.with_options(
        read_concern=ReadConcern("majority"),
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern("majority", wtimeout=5000),
    )


def translated(error: Exception) -> Exception:
    """A driver's error that says "the database is away" as Unavailable; any other as it is."""
    if not isinstance(error, PyMongoError):
        return error
    away = isinstance(error, ConnectionFailure | WriteConcernError)
    if away or error.timeout or error.has_error_label("RetryableWriteError"):
        return Unavailable(f"MongoDB: {type(error).__name__}")
    return error


@contextmanager
def translating() -> Iterator[None]:
    """Raises the driver's errors as `translated`."""
    try:
        yield
    except PyMongoError as error:
        told = translated(error)
        if told is error:
            raise
        raise told from error


async def told(asked: Awaitable[T]) -> T:
    """The database's answer; every error of the driver as Unavailable, for whoever begins anew whatever it was."""
    try:
        return await asked
    except PyMongoError as error:
        raise Unavailable(f"MongoDB: {type(error).__name__}") from error
