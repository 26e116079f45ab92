"""Everyday: a look-alike of a real file, as untidy, is drafted, imported, killed, resumed, and counted again."""

import csv
import json
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from lofte_events import CONTRACTS

from tests.harness.people import person
from tests.harness.running import System
from tests.importing import lookalike
from tests.importing.steps import (
    AGAIN,
    CODE,
    Drafted,
    counted,
    differences,
    done_rows,
    draft,
    equal_to,
    figures,
    import_killed,
    lofte,
    reader_of,
    town,
)

pytestmark = pytest.mark.system

TOLD = b"Container is overflowing"
OFFSETS = '  offsets: {CST: "-06:00", CDT: "-05:00"}\n'


@pytest.fixture(scope="module")
def drafted(tmp_path_factory: pytest.TempPathFactory) -> Drafted:
    """The draft counts right as it is, but for the letters of zones: those are edited in, as the guide says."""
    folder = tmp_path_factory.mktemp("import")
    file = folder / "lookalike.csv.gz"
    lookalike.write(file, lookalike.rows(80, seed=9900))
    found = draft(file, folder / "drafts", zone="America/Chicago")
    text = found.mapping.read_text("utf-8")
    found.mapping.write_text(text.replace("  ambiguous:", f"{OFFSETS}  ambiguous:"), "utf-8")
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def imported(drafted: Drafted, kafka_address: str, mongo_uri: str) -> AsyncIterator[System]:
    name = f"i{uuid.uuid4().hex[:10]}"
    async with town(drafted, name, kafka=kafka_address, mongo=mongo_uri) as running:
        import_killed(drafted, running, rows=1)
        lofte(*drafted.importing(running)[3:])
        yield running


async def test_the_figures_are_what_the_file_says(drafted: Drafted, imported: System) -> None:
    expected = counted(drafted)
    whole = expected["none"][""]
    assert min(whole.values()) > 0, "each figure has something to count"
    told = await equal_to(expected, reader_of(imported))
    assert told["none"][""]["imported"] == whole["cases"]
    year: dict[str, Any] = {"from": "2010-01-01", "to": "2011-01-01"}
    answer = await reader_of(imported).get("metrics", "/summary", **year)
    assert answer.json()["zone"] == "America/Chicago"


async def test_importing_it_again_changes_nothing(drafted: Drafted, imported: System) -> None:
    expected = counted(drafted)
    before = await equal_to(expected, reader_of(imported))
    drafted.progress.unlink()
    lofte(*drafted.importing(imported)[3:])
    assert await figures(reader_of(imported)) == before


def test_rejected_rows_are_told_by_reason_and_nothing_of_what_they_say(
    drafted: Drafted, imported: System
) -> None:
    with drafted.report.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    reasons = Counter(row["reason"] for row in rows)
    assert reasons == {"columns": 2, "time": 3, "empty": 1, "no-key": 1}
    assert len({row["row"] for row in rows}) == len(rows)
    assert "yesterday" not in drafted.report.read_text("utf-8")
    assert done_rows(drafted) > 100


async def test_what_was_open_past_its_time_is_told_of_once(drafted: Drafted, imported: System) -> None:
    head = person(imported, "head", municipality=CODE)

    async def listed(state: str) -> list[dict[str, Any]]:
        answer = await head.get("callback", "/promises", state=state, limit=200)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    await equal_to(counted(drafted), reader_of(imported))
    broken = await listed("broken")
    assert broken
    assert {row["stages_told"] for row in broken} == {1}
    ended = [row for state in ("kept", "answered-late", "withdrawn") for row in await listed(state)]
    assert {row["stages_told"] for row in ended} == {0}
    case = await head.see(broken[0]["case_id"])
    assert case.body["status"] == "open"
    resolved = await listed("kept")
    statuses = {(await head.see(row["case_id"])).body["status"] for row in resolved[:20]}
    assert "resolved" in statuses
    withdrawn = await listed("withdrawn")
    assert (await head.see(withdrawn[0]["case_id"])).body["status"] == "withdrawn"


async def test_a_whole_export_is_imported_elsewhere_to_the_same_figures(
    drafted: Drafted, imported: System, tmp_path: Path
) -> None:
    before = await equal_to(counted(drafted), reader_of(imported))
    told = ("--data-dir", imported.stack.folder)
    lofte("export", "--municipality", CODE, "--to", tmp_path, *told)
    assert not holds(tmp_path, TOLD), "personal data, unasked for"

    with (tmp_path / "events.jsonl").open(encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    assert len({(event["source"], event["id"]) for event in events}) == len(events)
    assert {event["municipality"] for event in events} == {CODE}
    assert {event["type"] for event in events} <= set(CONTRACTS)
    assert all(CONTRACTS[event["type"]].model_validate(event["data"]) for event in events)
    logged = 0
    for service in ("intake", "routing", "casework", "callback"):
        commits = imported.database(service)["commits"]
        published = {"municipality": CODE, "inside": {"$ne": True}}
        logged += len(
            {e["id"] async for c in commits.find(published) for e in c["events"]} & {e["id"] for e in events}
        )
    assert logged == len(events)

    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(mapping.read_text("utf-8").replace(f'"{CODE}"', f'"{AGAIN}"'), "utf-8")
    lofte("import", tmp_path / "cases.csv", "--mapping", mapping, *told)
    await equal_to(before, reader_of(imported, AGAIN))


async def test_an_export_holds_personal_data_when_it_is_asked_for(
    drafted: Drafted, imported: System, tmp_path: Path
) -> None:
    expected = counted(drafted)
    await equal_to(expected, reader_of(imported))
    told = ("export", "--municipality", CODE, "--data-dir", imported.stack.folder)
    lofte(*told, "--to", tmp_path, "--personal-data")
    assert holds(tmp_path, TOLD)
    accesses = imported.database("intake")["accesses"]
    read = await accesses.count_documents({"municipality": CODE, "by": "export"})
    assert read == expected["none"][""]["contacts"], "each is read once, and it is kept who did"


def holds(folder: Path, text: bytes) -> bool:
    return any(text in path.read_bytes() for path in folder.iterdir())


def test_a_mapping_that_does_not_fit_is_a_sentence(
    drafted: Drafted, imported: System, tmp_path: Path
) -> None:
    mapping = tmp_path / "m.yaml"
    mapping.write_text(drafted.mapping.read_text("utf-8").replace('"REQUESTID"', '"TICKET"'), "utf-8")
    told = drafted.importing(imported)
    told[told.index(str(drafted.mapping))] = str(mapping)
    done = subprocess.run(told, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "TICKET" in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    assert differences(counted(drafted), counted(drafted)) == []
