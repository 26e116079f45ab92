"""An engine is used only when it answers and has the image; it is asked one question, and never to fetch anything."""

import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.harness.containers import KAFKA, MONGO, engine_with


class Engine(socketserver.ThreadingUnixStreamServer):
    """Has the image of MongoDB; notes what it is asked."""

    daemon_threads = True

    def __init__(self, path: Path) -> None:
        self.asked: list[str] = []
        super().__init__(str(path), _handler(self))


def _handler(engine: Engine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            engine.asked.append(f"{self.command} {self.path}")
            self.send_response(200 if MONGO in self.path else 404)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET  # noqa: N815 (the library's name)

        def log_message(self, *_: Any) -> None:
            return

    return Handler


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    path = tmp_path / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with Engine(path) as engine:
        threading.Thread(target=engine.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield engine
        engine.shutdown()


def test_an_image_that_is_there_is_used_and_one_that_is_not_is_not_fetched(
    engine: Engine, tmp_path: Path
) -> None:
    assert engine_with(MONGO) == f"unix://{tmp_path}/engine.sock"
    assert engine_with(KAFKA) is None
    assert engine.asked == [f"GET /images/{MONGO}/json", f"GET /images/{KAFKA}/json"]


@pytest.mark.parametrize("told", ["unix:///nowhere/engine.sock", "tcp://192.0.2.1:2375", "ssh://away"])
def test_without_an_engine_here_there_are_servers_of_our_own(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", told)
    assert engine_with(MONGO) is None


def test_an_engine_that_does_not_answer_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "engine.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socketserver.UnixStreamServer(str(path), BaseHTTPRequestHandler):  # listens, and nobody is at home
        assert engine_with(MONGO, within=0.1) is None
    assert engine_with(MONGO) is None  # a socket that was left behind
