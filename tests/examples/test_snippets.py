"""Every Python block of README and how-to guides is a file of `examples`, which has its test, or is run here."""

import asyncio
import re
import sys
from pathlib import Path

import pytest
from chassis.testing.waiting import eventually

from tests.harness.people import Person, contact
from tests.harness.running import System

ROOT = Path(__file__).parents[2]
FRAGMENTS = {"docs/how-to/add-an-event-field.md"}  # single lines, to be put into files of ours
PAPERS = [ROOT / "README.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]


def blocks(paper: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", paper.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def test_what_the_guides_show_is_what_the_examples_are() -> None:
    examples = {path.read_text("utf-8") for path in (ROOT / "examples").rglob("*.py")}
    strangers = [
        (str(paper.relative_to(ROOT)), block.splitlines()[0])
        for paper in PAPERS[1:]
        if str(paper.relative_to(ROOT)) not in FRAGMENTS
        for block in blocks(paper)
        if block not in examples
    ]
    assert strangers == []
    assert any(blocks(paper) for paper in PAPERS[1:])


def test_the_readme_makes_a_record() -> None:
    _, making = blocks(ROOT / "README.md")
    assert "parse(headers, value)" in making
    exec(making, {})


@pytest.mark.system
async def test_the_readme_reads_the_topics(system: System, guide: Person, tmp_path: Path) -> None:
    told = await guide.report(contact("letter", "city.building-permit"))
    consuming, _ = blocks(ROOT / "README.md")
    here = consuming.replace("127.0.0.1:8150", system.kafka_address).replace(
        '"lofte.callback"', f'"{system.topic("callback")}"'
    )
    assert here.count(system.kafka_address) == here.count(system.topic("callback")) == 1
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-u",
            "-c",
            here.replace("my-system", f"{system.stack.topic_prefix}.readme"),
            stdout=output,
        )
    try:
        await eventually(lambda: f"0581 {told['case_id']} before" in said.read_text("utf-8"), 30)
    finally:
        process.kill()
        await process.wait()
