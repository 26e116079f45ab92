"""What operators see: JSON logs, spans, Prometheus metrics. None of it may carry what people wrote."""

import logging
import random
import re
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pymongo.errors import ConnectionFailure

from chassis.errors import LofteError

if TYPE_CHECKING:
    from chassis.spans import Recorder

# Only these say nothing but what we wrote ourselves, or addresses; any other message may quote its input.
_SPEAKING = (LofteError, OSError, ConnectionFailure, KafkaError)
_TRACEPARENT = re.compile("00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def configure_logging(service: str, replica: str, level: str) -> None:
    """JSON lines on stdout, of structlog and of the libraries; the libraries only from WARNING on."""

    def named(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"service": service, "replica": replica, **event}

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            describe_error,
            named,
            _to_json,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_ToStructlog()], level=logging.WARNING, force=True)


def describe_error(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """`exc_info` becomes the error's type and place; its message only where it cannot quote what came in."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given is True else None
    if isinstance(given, tuple):
        error = given[1]
    if error is not None:
        event["error"] = type(error).__name__
        if isinstance(error, _SPEAKING):
            event["message"] = str(error)[:500]
        frames = traceback.extract_tb(error.__traceback__)[-8:]
        event["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _to_json(_: Any, __: str, event: MutableMapping[str, Any]) -> bytes:
    return orjson.dumps(event, default=str)


class _ToStructlog(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # The first line alone: asyncio puts the repr of a failed task, with its error's message, on the next.
        lines = record.getMessage().splitlines() or [""]
        logger = structlog.get_logger()
        logger.log(record.levelno, lines[0][:500], logger=record.name, exc_info=record.exc_info)


class _Passed(AbstractContextManager[str]):
    """No span is recorded: the trace goes on under the parent's, or a fresh, traceparent."""

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str) -> None:
        self.traceparent = traceparent

    def __enter__(self) -> str:
        return self.traceparent

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


def fresh_traceparent() -> str:
    """The W3C traceparent of a trace that begins here."""
    # Names, not secrets: the cheap generator is enough.
    return f"00-{random.getrandbits(128) or 1:032x}-{random.getrandbits(64) or 1:016x}-01"


def is_traceparent(text: str) -> bool:
    """Whether `text` is a W3C traceparent of version 00, with ids that are not nothing but zeros."""
    return _TRACEPARENT.fullmatch(text) is not None


class Tracing:
    """Spans of a process, one JSON line each in `spans_file`; without a file the trace is only passed on."""

    def __init__(self, service: str, spans_file: Path | None) -> None:
        self._recorder: Recorder | None = None
        if spans_file is not None:
            # Here, so that a process that records nothing does not load what only recording needs.
            from chassis import spans

            self._recorder = spans.Recorder(service, spans_file)

    @property
    def recording(self) -> bool:
        return self._recorder is not None

    def span(self, name: str, parent: str | None, **attributes: Any) -> AbstractContextManager[str]:
        """A span around a block; gives its traceparent. Attributes are ids, numbers and types, never text."""
        known = parent if parent and is_traceparent(parent) else None
        if self._recorder is None:
            return _Passed(known or fresh_traceparent())
        return self._recorder.span(name, known, attributes)

    def close(self) -> None:
        """Write what is not yet written."""
        if self._recorder is not None:
            self._recorder.close()


class Metrics:
    """The Prometheus metrics of a process, in a registry of its own; a service registers its own gauges in it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        on = self.registry
        self._http = Histogram(
            "lofte_http_seconds", "Duration of HTTP requests", ["method", "route", "status"], registry=on
        )
        self._appended = Counter("lofte_append_groups", "Groups of commits that were written", registry=on)
        self._backlog = Gauge("lofte_relay_backlog", "Commits not yet published", registry=on)
        self._published = Counter("lofte_relay_published", "Commits published", registry=on)
        self._processed = Counter("lofte_consumed", "Records processed", ["group", "topic"], registry=on)
        self._unknown = Counter(
            "lofte_unknown_types", "Records of unknown type", ["group", "topic"], registry=on
        )
        self._held = Counter("lofte_held", "Messages that were held", ["group", "topic"], registry=on)
        self._held_now = Gauge("lofte_held_messages", "Messages that are held now", registry=on)
        self._lag = Gauge(
            "lofte_consumer_lag", "Records behind the end", ["group", "topic", "partition"], registry=on
        )
        self._late = Histogram(
            "lofte_timer_lateness_seconds", "Real seconds that timers fired late", buckets=_LATE, registry=on
        )
        self._http_series: dict[tuple[str, str, int], Any] = {}

    def request_done(self, method: str, route: str, status: int, seconds: float) -> None:
        """One HTTP request, by its route's template, never its path."""
        series = self._http_series.get((method, route, status))
        if series is None:
            series = self._http_series[method, route, status] = self._http.labels(method, route, str(status))
        series.observe(seconds)

    def group_appended(self) -> None:
        self._appended.inc()

    def relay_backlog(self, commits: int) -> None:
        self._backlog.set(commits)

    def relay_published(self, commits: int) -> None:
        self._published.inc(commits)

    def records_processed(self, group: str, topic: str, count: int) -> None:
        self._processed.labels(group, topic).inc(count)

    def unknown_type(self, group: str, topic: str) -> None:
        self._unknown.labels(group, topic).inc()

    def message_held(self, group: str, topic: str) -> None:
        self._held.labels(group, topic).inc()

    def held_messages(self, count: int) -> None:
        self._held_now.set(count)

    def consumer_lag(self, group: str, topic: str, partition: int, records: int) -> None:
        self._lag.labels(group, topic, str(partition)).set(records)

    def timer_fired(self, seconds_late: float) -> None:
        self._late.observe(max(0.0, seconds_late))

    def exposition(self) -> bytes:
        """What Prometheus scrapes."""
        return generate_latest(self.registry)


_LATE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600)
