"""HTTP in, beside contacts: what the departments' own systems say of a citizen's matters, and the keys to seal to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from chassis.auth import Principal
from chassis.errors import NotFound
from chassis.http import allow
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, StringConstraints

from intake.api import Front, sees
from intake.matters import MatterShown, find_matters
from intake.unsealing import SealingKeys

CitizenRef = Annotated[str, StringConstraints(max_length=64)]


class Matter(BaseModel):
    """Where a matter stands. `source` names the system that says so; `next_step` may be told to the citizen."""

    matter: str
    source: str
    owner: str
    status: str
    next_step: str | None
    expected_at: datetime | None
    reported_at: datetime


def routes(front: Front, keys: SealingKeys) -> Sequence[ControllerRouterHandler]:
    """What is read of citizens, and the public keys."""

    @get("/citizens/{citizen_ref:str}/matters", **allow("guide", "handler", "head", "robot", "auditor"))
    async def get_matters(citizen_ref: CitizenRef, principal: NamedDependency[Principal]) -> list[Matter]:
        """The matters of a citizen, the latest reported first; a department sees its own. Every reading is kept."""
        municipality = front.municipalities.get(principal.municipality)
        if municipality is None:
            raise NotFound("this municipality is not served here")
        await front.accesses.note(principal, f"matters of citizen {citizen_ref}")
        found = await find_matters(front.desk, principal.municipality, citizen_ref)
        return [_shown(matter) for matter in found if sees(principal, matter.report.owner, municipality)]

    @get("/keys", opt={"public": True})
    async def get_keys() -> Response[dict[str, Any]]:
        """The public keys (JWKS) that personal fields of inbound messages are sealed to; take the first."""
        return Response(keys.published(), headers={"Cache-Control": "max-age=60"})

    return [get_matters, get_keys]


def _shown(matter: MatterShown) -> Matter:
    report = matter.report
    return Matter(
        matter=report.matter,
        source=report.source,
        owner=report.owner,
        status=report.status,
        next_step=matter.next_step,
        expected_at=report.expected_at,
        reported_at=report.reported_at,
    )
