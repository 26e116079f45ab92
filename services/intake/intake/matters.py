"""Load, decide, append for matters: where they stand in the departments' own systems, and whose they are.

A matter is a stream of its own, whose newest report holds. A citizen is a stream of the matters that ever named them, so
that a matter is found by citizen; whether it still is theirs, the matter says.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chassis.commit import Cause
from chassis.handling import Decider, Decision, handle
from chassis.ids import derived_id
from chassis.sealing import open_or_erased

from intake import domain
from intake.domain import MatterLinked, MatterStatusReported
from intake.handlers import Desk


@dataclass(frozen=True, slots=True)
class MatterTold:
    """What a department's system told of a matter, checked and in normal form; whose it is, by name or address."""

    source: str
    matter: str
    owner: str
    status: str
    reported_at: datetime
    expected_at: datetime | None
    citizen_ref: str | None
    phone: str | None
    email: str | None
    next_step: str | None


@dataclass(frozen=True, slots=True)
class MatterShown:
    """A matter as it stands. `next_step` is None also where its key is gone."""

    report: MatterStatusReported
    next_step: str | None


async def report_matter(
    desk: Desk, municipality: str, told: MatterTold, message_id: str, cause: Cause
) -> None:
    """Note where a matter stands, and that its citizen has it; durable when this returns.

    Raises:
        KeyReused: the message was told before, with another body.
    """
    matter_id = derived_id(municipality, told.source, told.matter, "matter")
    report = MatterStatusReported(
        matter_id=matter_id,
        source=told.source,
        message_id=message_id,
        matter=told.matter,
        owner=told.owner,
        citizen_refs=await _citizen_refs(desk, municipality, told),
        status=told.status,
        next_step=await _sealed(desk, _key_of(municipality, matter_id), told.next_step),
        expected_at=told.expected_at,
        reported_at=told.reported_at,
    )
    common: dict[str, Any] = {"municipality": municipality, "correlation_id": matter_id, "cause": cause}
    # The matter first: it knows a message that is told again with another body. Then its citizens; after a crash in
    # between the message comes again, and finds the one done and the other not.
    await handle(
        desk.store,
        _matters(desk),
        desk.clock,
        stream=_matter_stream(municipality, matter_id),
        decide=lambda matter, attempt: Decision([report]),
        **common,
    )
    link = MatterLinked(matter_id)
    for ref in report.citizen_refs:
        await handle(
            desk.store,
            _citizens(desk),
            desk.clock,
            stream=_citizen_stream(municipality, ref),
            decide=lambda known, attempt: Decision([] if matter_id in known else [link]),
            **common,
        )


async def find_matters(desk: Desk, municipality: str, citizen_ref: str) -> Sequence[MatterShown]:
    """The matters of a citizen as they stand, the latest reported first."""
    commits = await desk.store.load(municipality, _citizen_stream(municipality, citizen_ref))
    streams = [_matter_stream(municipality, matter_id) for matter_id in _citizens(desk).fold(commits)]
    loaded = await asyncio.gather(*(desk.store.load(municipality, stream) for stream in streams))
    # A matter may be another's by now: then the one whose it was hears no more of it.
    reports = [
        report
        for matter in map(_matters(desk).fold, loaded)
        if (report := matter) is not None and citizen_ref in report.citizen_refs
    ]
    reports.sort(key=domain.age, reverse=True)
    keys = await asyncio.gather(
        *(desk.keys.find(_key_of(municipality, report.matter_id)) for report in reports)
    )
    return [
        MatterShown(report, open_or_erased(key, "next_step", report.next_step))
        for report, key in zip(reports, keys, strict=True)
    ]


async def _citizen_refs(desk: Desk, municipality: str, told: MatterTold) -> tuple[str, ...]:
    # Who has not contacted us yet gets the very key, and so the name, that their first contact will find.
    addresses = [f"phone:{told.phone}"] if told.phone else []
    addresses += [f"email:{told.email}"] if told.email else []
    keys = [await desk.keys.key(desk.keys.blind_index(municipality, address)) for address in addresses]
    named = [told.citizen_ref] if told.citizen_ref else []
    return tuple(dict.fromkeys([*named, *(key.ref for key in keys)]))


async def _sealed(desk: Desk, subject: str, next_step: str | None) -> bytes | None:
    return None if next_step is None else (await desk.keys.key(subject)).seal("next_step", next_step)


def _matters(desk: Desk) -> Decider[domain.Matter, domain.Event]:
    return Decider(None, domain.evolve_matter, desk.decider.codec, inside=desk.decider.inside)


def _citizens(desk: Desk) -> Decider[frozenset[str], domain.Event]:
    return Decider(frozenset(), domain.evolve_citizen, desk.decider.codec, inside=desk.decider.inside)


def _matter_stream(municipality: str, matter_id: str) -> str:
    return f"{municipality}.matter-{matter_id}"


def _citizen_stream(municipality: str, citizen_ref: str) -> str:
    return f"{municipality}.citizen-{citizen_ref}"


def _key_of(municipality: str, matter_id: str) -> str:
    return f"{municipality}:matter:{matter_id}"
