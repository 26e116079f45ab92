"""What a request says beside its body: who repeats what, which version was seen, how long to wait."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from chassis.auth import Principal
from chassis.clock import Clock, whole_milliseconds
from chassis.commit import Cause, caused_by_request
from chassis.errors import InvalidInput, VersionRequired
from chassis.ids import body_hash

LONGEST_TEXT = 64 * 1024
LONGEST_WAIT = 30.0
_SKEW = 2.0
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ETAG = re.compile(r'"(\d{1,9})"')
# Controls, line breaks, and what turns the reading direction of all that follows. What joins letters or signs, and
# a space that does not break, are parts of people's names.
_NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6}(?:\.\d+)?)\"?\s*(?=$|[,;])", re.IGNORECASE)

AnyRequest = Request[Any, Any, Any]


def header(request: AnyRequest, name: bytes) -> str | None:
    """A header's value; `name` in lower case. `request.headers` builds a dictionary each time it is asked."""
    for key, value in request.scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


class RequestModel(BaseModel):
    """A request body: unknown fields are refused, and no error repeats what came in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def example(**fields: Any) -> ConfigDict:
    """What a body looks like, for the API document: `model_config = example(minutes=5)`. The tests send it."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


def _no_nul(value: str) -> str:
    if "\0" in value:
        raise ValueError("has a NUL byte; leave it out")
    return value


def _not_too_long(value: str) -> str:
    if len(value) > LONGEST_TEXT // 4 and len(value.encode()) > LONGEST_TEXT:
        raise ValueError("longer than 64 KiB; shorten it")
    return value


def _one_line(value: str) -> str:
    if _NOT_PLAIN.search(value):
        raise ValueError("has control characters; write one line of plain text")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("blank; write what there is to say")
    return value


def _written_as_text(value: object) -> object:
    if not isinstance(value, str | datetime):
        raise ValueError("not a time; write RFC 3339, such as 2026-03-02T07:30:00+01:00")  # noqa: TRY004
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone; add Z or an offset, such as 2026-03-02T07:30:00+01:00")
    try:
        return whole_milliseconds(value.astimezone(UTC))
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None


Text = Annotated[
    str, StringConstraints(max_length=LONGEST_TEXT), AfterValidator(_no_nul), AfterValidator(_not_too_long)
]
"""Free text of at most 64 KiB in UTF-8, without NUL bytes."""

Words = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_not_blank)]
"""Free text that says something: not empty, not only spaces."""

Line = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_one_line),
    AfterValidator(_not_blank),
]
"""One line of 1 to 500 characters without control characters, not blank: a name, a code."""

Moment = Annotated[datetime, BeforeValidator(_written_as_text), AfterValidator(_aware)]
"""A time with its zone; read as UTC with milliseconds. Whether it is past is for `not_future` to say."""


def not_future(field: str, moment: datetime, clock: Clock) -> None:
    """Refuse a moment that lies in the future; two real seconds are forgiven, clocks differ.

    Raises:
        InvalidInput: it does.
    """
    a_second = clock.real_seconds(timedelta(seconds=1))
    if moment > clock.now() + timedelta(seconds=_SKEW / a_second):
        raise InvalidInput(field, "lies in the future; give the time at which it happened")


async def request_cause(request: AnyRequest, principal: Principal) -> Cause:
    """Why the command of this request is handled; the same `Idempotency-Key` of the same client names the same cause.

    Raises:
        InvalidInput: the key is not 1 to 200 visible ASCII characters.
    """
    key = header(request, b"idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidInput("Idempotency-Key", "not 1 to 200 visible ASCII characters")
    return Cause(
        caused_by=caused_by_request(principal.client, key),
        actor=principal.subject,
        body_hash=body_hash(request.method, request.scope["path"], await request.body()),
        traceparent=traceparent_of(request),
    )


def traceparent_of(request: AnyRequest) -> str | None:
    """The W3C traceparent of the request's span."""
    found: str | None = request.scope.get("lofte.traceparent")  # type: ignore[assignment]
    return found


def if_match(request: AnyRequest, needed: bool) -> int | None:
    """The version that the caller has seen, from `If-Match: "7"`; None for any version (`*`, or no header).

    Raises:
        VersionRequired: there is no such header, and it is needed.
        InvalidInput: the header is not an ETag of ours.
    """
    given = header(request, b"if-match")
    if given is None:
        if needed:
            raise VersionRequired("If-Match is missing; send the ETag that you got when you read this")
        return None
    if given.strip() == "*":
        return None
    found = _ETAG.fullmatch(given.strip())
    if found is None:
        raise InvalidInput("If-Match", 'not an ETag of ours; send one such as "7"')
    return int(found[1])


def prefer_wait(request: AnyRequest) -> float:
    """Seconds that the caller is ready to wait, from `Prefer: wait=N`; 0 without one, at most 30."""
    found = _WAIT.search(header(request, b"prefer") or "")
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


def preference_applied(seconds: float) -> dict[str, str]:
    """The header that says that `Prefer: wait=N` was heard; `seconds` as `prefer_wait` told them."""
    return {"Preference-Applied": f"wait={seconds:g}"} if seconds else {}


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'
