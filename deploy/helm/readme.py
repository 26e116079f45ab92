"""Writes the chart's README.md from the comments of values.yaml: `python deploy/helm/readme.py`. A test compares them."""

from collections.abc import Iterator
from pathlib import Path

CHART = Path(__file__).parent / "lofte"

HEAD = """# The Löfte chart

Five services from one set of templates; Kafka, MongoDB and the OIDC issuer are yours.
[How to install it](../../../docs/how-to/install-on-kubernetes.md) goes step by step. This file is made of the comments in
`values.yaml` by `deploy/helm/readme.py`.

Passwords and keys are named, never given: each is a Secret of yours. What the schema does not know is refused, so a value
in clear is too; nothing here can turn on development mode, its clock or its issuer.

| value | meaning | default |
|---|---|---|
"""


def rows(lines: list[str]) -> Iterator[str]:
    """One row for each value that has no values under it."""
    path: list[str] = []
    said: list[str] = []
    for line in lines:
        text = line.strip()
        if not text:
            said = []
        elif text.startswith("#"):
            said.append(text[1:].strip())
        else:
            depth = (len(line) - len(line.lstrip())) // 2
            name, _, value = text.partition(":")
            path = [*path[:depth], name]
            if value.strip():
                yield f"| `{'.'.join(path)}` | {' '.join(said)} | `{value.strip()}` |"
            said = []


def readme() -> str:
    """The README as it should be."""
    lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
    return HEAD + "\n".join(rows(lines)) + "\n"


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
