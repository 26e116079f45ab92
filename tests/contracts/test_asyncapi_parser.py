"""The official parser accepts the AsyncAPI document, and finds in it what the catalogue holds.

It is an npm package, installed once per clone by its lock file. Node is the machine's where it has one (18 or newer, with
npm); else the one that uv.lock names, in an environment of its own.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from lofte_events import CONTRACTS
from lofte_local.paths import CLONE

from docs.generate import papers

pytestmark = pytest.mark.node

CHECK = Path(__file__).parent / "asyncapi"
WARNING = 1  # of the parser's severities; 0 is an error, 2 and 3 are advice
ON_FILE = papers.API / "asyncapi.json"


def node_folder() -> Path:
    """Where `node` and `npm` are."""
    if shutil.which("npm") and (found := shutil.which("node")):
        return Path(found).parent
    environment = CLONE / ".local" / "node"
    run(
        [
            CLONE / ".tools/bin/uv",
            "sync",
            "--quiet",
            "--frozen",
            "--only-group",
            "node",
            "--no-install-workspace",
        ],
        UV_PROJECT_ENVIRONMENT=str(environment),
    )
    return environment / "bin"


def run(command: list[str | Path], folder: Path = CLONE, **variables: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.exit(
            f"{command[0]} could not install or run what the tests marked node need (Node 18 or newer with npm; a "
            f"package registry for both pip and npm): {done.stderr[-1000:]}",
            returncode=1,
        )
    return done.stdout


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Mapping[str, Any]]:
    """What the official parser says of the document on file, and of one that is broken; asked once, for it starts slowly."""
    node, lock = node_folder(), CHECK / "package-lock.json"
    path = f"{node}{os.pathsep}{os.environ['PATH']}"
    folder = CLONE / ".local" / f"asyncapi-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", lock.name, ".npmrc"):
            shutil.copy(CHECK / name, folder)
        run([node / "npm", "ci", "--silent"], folder, PATH=path)
        (folder / "installed").touch()
    broken = on_file()
    broken["operations"]["send_intake"]["channel"]["$ref"] = "#/channels/nowhere"
    written = tmp_path_factory.mktemp("asyncapi") / "broken.json"
    written.write_text(json.dumps(broken), encoding="utf-8")
    found: Sequence[Mapping[str, Any]] = json.loads(
        run([node / "node", CHECK / "check.mjs", folder, ON_FILE, written], PATH=path)
    )
    return found


def faults(told: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['path']}: {one['code']}: {one['message']}"
        for one in told["diagnostics"]
        if one["severity"] <= WARNING
    ]


def on_file() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ON_FILE.read_text("utf-8"))
    return found


def test_the_official_parser_accepts_the_document_and_finds_all_in_it(
    told: Sequence[Mapping[str, Any]],
) -> None:
    document, (good, _) = on_file(), told
    assert faults(good) == []
    assert good["valid"]
    assert set(good["channels"]) == {channel["address"] for channel in document["channels"].values()}
    assert set(good["messages"]) >= set(CONTRACTS)


def test_the_parser_would_tell_what_is_wrong(told: Sequence[Mapping[str, Any]]) -> None:
    _, broken = told
    assert not broken["valid"]
    assert any("nowhere" in fault for fault in faults(broken))
