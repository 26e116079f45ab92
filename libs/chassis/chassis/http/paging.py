"""Pages of a list: an opaque cursor says where the next one begins."""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Generic, TypeVar

import orjson
from litestar.params import QueryParameter
from pydantic import BaseModel

from chassis.errors import InvalidInput

T = TypeVar("T")

Limit = Annotated[int, QueryParameter(ge=1, le=200, description="At most so many to a page")]
"""A query parameter: `limit: Limit = 50`."""


class Page(BaseModel, Generic[T]):
    """One page; `next` is the cursor of the page after it, None on the last."""

    items: list[T]
    next: str | None = None


def encode_cursor(place: Mapping[str, Any]) -> str:
    """A cursor for a place in a list. The place is sent to the caller: nothing secret may be in it."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def decode_cursor(cursor: str | None, **fields: type) -> dict[str, Any] | None:
    """The place that a cursor of ours stands for; None without one. `fields`: the place's fields and their types.

    Raises:
        InvalidInput: it is not a cursor of this list.
    """
    if cursor is None:
        return None
    try:
        place = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError):
        place = None
    if (
        not isinstance(place, dict)
        or (fields and place.keys() != fields.keys())
        or not all(isinstance(place[name], kind) for name, kind in fields.items())
    ):
        raise InvalidInput("cursor", "not a cursor of this list; begin without one")
    return place
