"""What operators see, and what they must not see."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
import structlog
from chassis.errors import Unavailable
from chassis.telemetry import Metrics, Tracing, configure_logging, fresh_traceparent, is_traceparent
from pydantic import BaseModel

SECRET = "Greta Garbo"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Citizen(BaseModel):
    age: int


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Any:
    configure_logging("intake", "intake-1", "INFO")
    yield lambda: [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    structlog.reset_defaults()
    logging.basicConfig(force=True)


def test_a_line_says_who_speaks(logged: Any) -> None:
    structlog.get_logger().info("listening", port=1)
    structlog.get_logger().debug("unheard")
    (line,) = logged()
    assert (line["event"], line["service"], line["replica"], line["level"], line["port"]) == (
        "listening",
        "intake",
        "intake-1",
        "info",
        1,
    )
    assert line["timestamp"].endswith("Z")


def test_an_errors_message_is_left_out_where_it_may_quote_its_input(logged: Any) -> None:
    log = structlog.get_logger()
    for failing in (
        lambda: Citizen.model_validate({"age": SECRET}),
        lambda: int(SECRET),
        lambda: dict[str, int]()[SECRET],
    ):
        try:
            failing()
        except Exception as error:
            log.exception("failed", exc_info=error)
            logging.getLogger("library").exception("failed")
    lines = logged()
    assert [line["error"] for line in lines[::2]] == ["ValidationError", "ValueError", "KeyError"]
    assert [line["logger"] for line in lines[1::2]] == ["library"] * 3
    assert all(line["at"] and "test_telemetry.py" in line["at"][0] for line in lines)
    assert SECRET not in json.dumps(lines)


def test_our_own_errors_speak(logged: Any) -> None:
    try:
        raise Unavailable("MongoDB: away")  # noqa: TRY301
    except Unavailable:
        structlog.get_logger().warning("failed", exc_info=True)
    (line,) = logged()
    assert (line["error"], line["message"]) == ("Unavailable", "MongoDB: away")


async def test_a_failed_tasks_message_does_not_come_out_by_the_loop(logged: Any) -> None:
    async def failing() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    del task
    lines = logged()
    assert lines
    assert lines[0]["logger"] == "asyncio"
    assert SECRET not in json.dumps(lines)


def test_libraries_speak_from_warning_on(logged: Any) -> None:
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("beware of %s", "this")
    (line,) = logged()
    assert (line["event"], line["logger"], line["level"]) == ("beware of this", "library", "warning")


def test_without_a_file_the_trace_is_passed_on() -> None:
    tracing = Tracing("intake", None)
    with tracing.span("POST /contacts", PARENT) as traceparent:
        assert traceparent == PARENT
    for parent in (None, "", "Anna Andersson", PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32)):
        with tracing.span("POST /contacts", parent) as traceparent:
            assert is_traceparent(traceparent)
    with pytest.raises(ValueError, match="as it was"), tracing.span("x", None):
        raise ValueError("as it was")


def test_spans_are_lines_of_one_trace(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    tracing = Tracing("intake", file)
    with (
        tracing.span("outer", PARENT, case="c1", none=None) as outer,
        tracing.span("inner", outer, n=2) as inner,
    ):
        assert is_traceparent(inner)
    with pytest.raises(ValueError, match=SECRET), tracing.span("failing", None):
        raise ValueError(SECRET)
    tracing.close()
    text = file.read_text()
    first, second, third = [json.loads(line) for line in text.splitlines()]
    assert (first["name"], second["name"], third["name"]) == ("inner", "outer", "failing")
    assert first["trace_id"] == second["trace_id"] == PARENT[3:35] != third["trace_id"]
    assert first["parent_span_id"] == second["span_id"] == outer[36:52]
    assert second["parent_span_id"] == PARENT[36:52]
    assert third["parent_span_id"] is None
    assert (first["attributes"], second["attributes"]) == ({"n": 2}, {"case": "c1"})
    assert (first["status"], third["status"]) == ("unset", "error")
    assert first["service"] == "intake"
    assert second["start"] <= first["start"] <= first["end"] <= second["end"]
    assert SECRET not in text


def test_two_processes_may_append_to_one_file(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    for service in ("intake", "routing"):
        tracing = Tracing(service, file)
        with tracing.span("x", None):
            pass
        tracing.close()
    assert [json.loads(line)["service"] for line in file.read_text().splitlines()] == ["intake", "routing"]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        (PARENT, True),
        ("", False),
        (PARENT.upper(), False),
        (PARENT.replace("00-", "ff-", 1), False),
        ("00-" + "0" * 32 + "-b7ad6b7169203331-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-zzzzzzzzzzzzzzzz-01", False),
        ("00-0af7651916cd43dd8448eb211c80319c-+7ad6b716920333 -01", False),
    ],
)
def test_a_traceparent_is_known_by_its_form(text: str, valid: bool) -> None:
    assert is_traceparent(text) == valid


def test_fresh_traceparents_differ() -> None:
    found = {fresh_traceparent() for _ in range(100)}
    assert len(found) == 100
    assert all(is_traceparent(text) for text in found)


def test_metrics_are_in_a_registry_of_their_own() -> None:
    metrics, other = Metrics(), Metrics()
    metrics.request_done("POST", "/contacts", 201, 0.02)
    metrics.relay_backlog(7)
    metrics.relay_published(3)
    metrics.records_processed("routing", "lofte.intake", 5)
    metrics.unknown_type("routing", "lofte.intake")
    metrics.message_held("routing", "lofte.intake")
    metrics.held_messages(1)
    metrics.consumer_lag("routing", "lofte.intake", 2, 40)
    metrics.timer_fired(-0.001)
    metrics.group_appended()
    text = metrics.exposition().decode()
    for line in (
        'lofte_http_seconds_count{method="POST",route="/contacts",status="201"} 1.0',
        "lofte_relay_backlog 7.0",
        "lofte_relay_published_total 3.0",
        'lofte_consumed_total{group="routing",topic="lofte.intake"} 5.0',
        'lofte_unknown_types_total{group="routing",topic="lofte.intake"} 1.0',
        'lofte_held_total{group="routing",topic="lofte.intake"} 1.0',
        "lofte_held_messages 1.0",
        'lofte_consumer_lag{group="routing",partition="2",topic="lofte.intake"} 40.0',
        "lofte_timer_lateness_seconds_sum 0.0",
        "lofte_append_groups_total 1.0",
    ):
        assert line in text
    assert "lofte_relay_backlog 0.0" in other.exposition().decode()
