"""`make test-import FILE=...`: the whole file, stopped by kill -9 and gone on with, counted; exported, imported elsewhere
and counted again. The file has the columns of the Citizens' Service Bureau; `count.py` says what it says."""

import json
import resource
import time
import uuid
from pathlib import Path

import pytest

from tests.importing.steps import (
    AGAIN,
    CODE,
    counted,
    cpu_seconds,
    draft,
    equal_to,
    import_killed,
    lofte,
    reader_of,
    town,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]


async def test_the_whole_file_counts_as_it_counts_itself(
    pytestconfig: pytest.Config, tmp_path: Path, kafka_address: str, mongo_uri: str
) -> None:
    file = pytestconfig.getoption("--file")
    assert file is not None, "say which: make test-import FILE=..."
    drafted = draft(file.resolve(), tmp_path / "drafts", zone=pytestconfig.getoption("--zone"))
    expected = counted(drafted)
    rows = expected["none"][""]["contacts"]
    async with town(drafted, f"w{uuid.uuid4().hex[:10]}", kafka=kafka_address, mongo=mongo_uri) as system:
        before, began = cpu_seconds(system), time.monotonic()
        killed_at = import_killed(drafted, system, rows=rows // 3)
        lofte(*drafted.importing(system)[3:])
        took = time.monotonic() - began
        told = await equal_to(expected, reader_of(system), seconds=300)
        services = cpu_seconds(system) - before
        importer = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"\n{json.dumps(told['none'][''], indent=1)}")
        print(f"killed after row {killed_at}; {rows / took * 60:,.0f} rows a minute until accepted")
        print(f"services {services / rows * 1000:.2f} s CPU a thousand rows, until all is counted")
        print(f"importer, draft and services' start {importer.ru_utime + importer.ru_stime:.0f} s CPU in all")
        out = tmp_path / "export"
        stack = ("--data-dir", system.stack.folder)
        lofte("export", "--municipality", CODE, "--to", out, *stack)
        mapping = out / "mapping.yaml"
        mapping.write_text(mapping.read_text("utf-8").replace(f'"{CODE}"', f'"{AGAIN}"'), "utf-8")
        lofte("import", out / "cases.csv", "--mapping", mapping, *stack)
        await equal_to(told, reader_of(system, AGAIN), seconds=300)
