"""A service of one file: a note is posted, relayed, consumed and shown. Run by test_service as a process."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chassis.auth import Principal
from chassis.commit import Codec, Commit
from chassis.consuming import Message
from chassis.errors import NotYetVisible, StartRefused
from chassis.handling import Decider, Decision, handle
from chassis.http import Line, RequestModel, allow, prefer_wait, request_cause
from chassis.rebuild import LiveView
from chassis.service import Parts, Runtime, main
from chassis.settings import ServiceSettings
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from lofte_events import Contract, NoteAdded


class Note(RequestModel):
    case_id: Line
    text: Line


@dataclass(frozen=True)
class NoteWritten:
    case_id: str


DECIDER: Decider[int, NoteWritten] = Decider(0, lambda state, event: state + 1, Codec([NoteWritten]))


def to_contracts(commit: Commit) -> Sequence[Contract | None]:
    return [
        NoteAdded(
            case_id=commit.correlation_id,
            owner="group.all",
            by=commit.cause.actor,
            route_number=1,
            promise_number=1,
            note_id=event.id,
            added_at=datetime(2026, 3, 2, tzinfo=UTC),
            dataref="/notes",
        )
        for event in commit.events
    ]


def count(body: dict[str, Any] | None, message: Message) -> dict[str, Any] | None:
    return {"notes": (body or {"notes": 0})["notes"] + 1}


def build(runtime: Runtime) -> Parts:
    counts = LiveView(runtime.database, runtime.settings.topic_prefix, "counts", ["casework"], count)

    @post("/notes", **allow("guide", headers=("Prefer",)))
    async def add_note(
        request: Request[Any, Any, Any], principal: NamedDependency[Principal], data: JSONBody[Note]
    ) -> dict[str, Any]:
        if data.text == "bug":
            raise ValueError(data.text)
        done = await handle(
            runtime.store,
            DECIDER,
            runtime.clock,
            municipality=principal.municipality,
            stream=f"{principal.municipality}.note-{data.case_id}",
            correlation_id=data.case_id,
            cause=await request_cause(request, principal),
            decide=lambda state, attempt: Decision([NoteWritten(data.case_id)]),
        )
        await asyncio.sleep(prefer_wait(request))
        return {"version": done.version}

    @get("/notes/{case_id:str}", **allow("guide"))
    async def get_count(case_id: FromPath[str], principal: NamedDependency[Principal]) -> dict[str, Any]:
        key = f"{principal.municipality}.{case_id}"
        found = await counts.rows.find_one({"_id": key}, {"_id": 0, "notes": 1})
        if found is None:
            raise NotYetVisible("nothing is known of this case yet")
        return found

    async def tick() -> None:
        while True:
            await runtime.clock.sleep(0.05)
            await runtime.database["ticks"].update_one(
                {"_id": "tick"}, {"$inc": {"n": 1}, "$set": {"sure": runtime.correction.sure}}, upsert=True
            )

    async def dying() -> None:
        raise ValueError("a loop that dies")

    async def refuse() -> None:
        if runtime.settings.topic_prefix == "refused":
            raise StartRefused("0123.yaml: version: is not what it was; raise it")

    return Parts(
        title="Notes",
        prepare=[refuse],
        routes=[add_note, get_count],
        publish=to_contracts,
        views=[counts],
        loops={"timers": [dying, tick]},
    )


if __name__ == "__main__":
    main("casework", ServiceSettings, build)
    sys.exit(0)
