"""The stack as a person meets it: the command line, real servers, the five services."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from lofte_local.ports import free_base_port
from lofte_local.settings import SERVICES


def lofte(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "lofte_local", *arguments], capture_output=True, text=True, timeout=200
    )


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    base_port = free_base_port(len(SERVICES))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base_port + 3))
        taken.listen()
        outcome = lofte("up", "--detach", "--base-port", str(base_port), "--data-dir", str(tmp_path / "s"))
    assert outcome.returncode == 1
    assert str(base_port + 3) in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert not list(tmp_path.rglob("*.pid"))


@pytest.mark.parametrize(
    "command", ["status", "story x", "held", "token --role guide --municipality 0581", "logs intake"]
)
def test_without_a_stack_each_command_says_how_to_get_one(tmp_path: Path, command: str) -> None:
    outcome = lofte(*command.split(), "--data-dir", str(tmp_path))
    assert outcome.returncode == 1
    assert "./lofte up" in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.system
def test_up_status_and_down(tmp_path: Path) -> None:
    base_port = free_base_port(len(SERVICES))
    named = ["--base-port", str(base_port), "--data-dir", str(tmp_path / "a stack")]
    try:
        outcome = lofte("up", "--detach", *named)
        assert outcome.returncode == 0, outcome.stderr
        shown = lofte("status", "--json", *named)
        assert shown.returncode == 0, shown.stdout
        state = json.loads(shown.stdout)
        assert list(state["services"]) == list(SERVICES)
        for number, service in enumerate(SERVICES, start=1):
            assert state["services"][service]["url"] == f"http://127.0.0.1:{base_port + number}"
            assert state["services"][service]["ready"]
            assert httpx.get(f"{state['url']}/api/{service}").status_code == 200
        assert "Is everything well?" in httpx.get(state["url"]).text
        token = lofte("token", "--role", "admin", "--municipality", "0581", *named).stdout.strip()
        url = state["services"]["intake"]["url"]
        assert httpx.get(f"{url}/held").status_code == 401
        assert httpx.get(f"{url}/held", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert "Nothing is held." in lofte("held", *named).stdout
    finally:
        assert lofte("down", *named).returncode == 0
    assert lofte("status", *named).returncode == 1
    assert not list(tmp_path.rglob("*.pid"))
