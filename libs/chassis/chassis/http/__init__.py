"""HTTP in: one Litestar app per service, problem documents for every error, roles on every route."""

from chassis.http.paging import Limit, Page, decode_cursor, encode_cursor
from chassis.http.requests import (
    Line,
    Moment,
    RequestModel,
    Text,
    Words,
    etag,
    example,
    if_match,
    not_future,
    prefer_wait,
    preference_applied,
    request_cause,
)
from chassis.http.roles import APPENDING, allow, municipality_of

__all__ = [
    "APPENDING",
    "Limit",
    "Line",
    "Moment",
    "Page",
    "RequestModel",
    "Text",
    "Words",
    "allow",
    "decode_cursor",
    "encode_cursor",
    "etag",
    "example",
    "if_match",
    "municipality_of",
    "not_future",
    "prefer_wait",
    "preference_applied",
    "request_cause",
]
