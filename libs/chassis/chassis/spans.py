"""Spans that are recorded, with the SDK of OpenTelemetry: loaded only by a process that records."""

import contextlib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import orjson
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags


class Recorder:
    """Records the spans of a process, one JSON line each in a file."""

    def __init__(self, service: str, spans_file: Path) -> None:
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource({"service.name": service}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(SimpleSpanProcessor(_JsonLines(service, spans_file)))
        self._tracer = self._provider.get_tracer("lofte")

    def close(self) -> None:
        """Write what is not yet written."""
        self._provider.shutdown()

    @contextlib.contextmanager
    def span(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Generator[str]:
        """A span around a block, below a traceparent of version 00; gives its own."""
        above = _context_of(parent) if parent else trace.INVALID_SPAN_CONTEXT
        context = trace.set_span_in_context(NonRecordingSpan(above), {})  # type: ignore[arg-type]
        given = {key: value for key, value in attributes.items() if value is not None}
        span = self._tracer.start_span(name, context, attributes=given)
        own = span.get_span_context()
        try:
            yield f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
        finally:
            span.end()


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, flags = traceparent.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))


class _JsonLines(SpanExporter):
    """Appends finished spans to a file, each line in one write, so that several processes may share the file."""

    def __init__(self, service: str, path: Path) -> None:
        self._service = service
        self._file = path.open("ab", buffering=0)

    def export(self, spans: Any) -> SpanExportResult:
        for span in spans:
            self._file.write(orjson.dumps(self._line(span), default=str) + b"\n")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def _line(self, span: ReadableSpan) -> dict[str, Any]:
        own = span.get_span_context()
        return {
            "trace_id": f"{own.trace_id:032x}" if own else None,
            "span_id": f"{own.span_id:016x}" if own else None,
            "parent_span_id": f"{span.parent.span_id:016x}" if span.parent else None,
            "name": span.name,
            "service": self._service,
            "start": span.start_time,
            "end": span.end_time,
            "attributes": dict(span.attributes or {}),
            "status": span.status.status_code.name.lower(),
        }
