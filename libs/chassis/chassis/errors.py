"""The one exception tree. `retryable` is a property of the class; HTTP statuses are mapped in `problems`.

LofteError
├── Refusal              the caller is told why; nothing changed
│   ├── InvalidInput         422, names the field
│   ├── NotFound             404
│   ├── NotYetVisible        404 with Retry-After
│   ├── NotAllowed           403
│   ├── Unauthenticated      401
│   ├── RuleViolation        409
│   ├── VersionMismatch      412
│   ├── VersionRequired      428
│   ├── KeyReused            422
│   └── CommitTooLarge       413
├── StartRefused         the process must not run so, and ends
├── Conflict             another writer was first: load again and decide again
└── Unavailable          retryable: the outside world is away
    └── OutcomeUnknown       503, safe to repeat with the same key
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class LofteError(Exception):
    """Root of every error that Löfte raises on purpose."""

    retryable: ClassVar[bool] = False


class Refusal(LofteError):
    """A request that cannot be done; `detail` says why and what would help, `extra` goes into the problem document."""

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra: Mapping[str, Any] = extra


class InvalidInput(Refusal):
    """A field that is missing or wrong. Shape of `errors`: `[{"field": str, "detail": str}, ...]`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(f"{field}: {detail}", errors=[{"field": field, "detail": detail}])


class NotFound(Refusal):
    """There is no such thing."""


class NotYetVisible(Refusal):
    """The thing may exist; this service has not heard of it yet."""


class NotAllowed(Refusal):
    """Known, but not allowed to do or see this."""


class Unauthenticated(Refusal):
    """No token, or one that does not hold."""


class RuleViolation(Refusal):
    """A rule of the domain says no; `code` is stable."""

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail, code=code, **extra)


class VersionMismatch(Refusal):
    """`If-Match` names another version than the present one."""


class VersionRequired(Refusal):
    """`If-Match` is needed here."""


class KeyReused(Refusal):
    """The idempotency key was used for another request."""


class CommitTooLarge(Refusal):
    """A decision of more than 256 KB."""


class StartRefused(LofteError):
    """What the process was started with does not go with what is stored; it says why and what would help."""


class Conflict(LofteError):
    """The version, or something that must be unique, was taken by another writer."""

    retryable = True


class Unavailable(LofteError):
    """MongoDB or Kafka cannot be reached now."""

    retryable = True


class OutcomeUnknown(Unavailable):
    """The write was sent and nobody can say whether it holds."""
