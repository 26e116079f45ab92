"""HTTP in, beside contacts: what the departments' own systems say of a citizen's matters, and the keys to seal to."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from chassis.auth import Principal
from chassis.errors import NotAllowed, NotFound
from chassis.http import allow, example
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler
from pydantic import BaseModel, Field, StringConstraints

from intake.api import Front, sees
from intake.matters import MatterShown, find_matters
from intake.reach import reach_of
from intake.unsealing import SealingKeys

CitizenRef = Annotated[str, StringConstraints(max_length=64)]
CaseId = Annotated[str, StringConstraints(max_length=64)]
_CHANNELS = r"^(email|sms)(,(email|sms))?$"


class Matter(BaseModel):
    """Where a matter stands. `source` names the system that says so; `next_step` may be told to the citizen."""

    model_config = example(
        matter="BYGG-2026-000123",
        source="https://permits.example.se",
        owner="department.building",
        status="waiting-for-citizen",
        next_step="Skicka in en situationsplan.",
        expected_at="2026-03-16T11:00:00Z",
        reported_at="2026-03-02T07:30:00Z",
    )

    matter: str
    source: str
    owner: str
    status: str
    next_step: str | None
    expected_at: datetime | None
    reported_at: datetime


class Reached(BaseModel):
    """How to reach the citizen of a case: one of the channels asked for and its address, or why there is none."""

    model_config = example(
        case_reference="7H3K9MW",
        channel="email",
        address="signe@example.se",
        reason=None,
    )

    case_reference: str
    channel: str | None
    address: str | None
    reason: str | None = Field(description="erased, no-address; null where there is an address")


class SealingKey(BaseModel):
    """A public key as RFC 7517 writes it."""

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str = Field(description="With A256GCM; no other pair is opened")


class SealingKeySet(BaseModel):
    """A JWKS; whoever seals takes the first key, all of them open."""

    model_config = example(
        keys=[
            {
                "kty": "EC",
                "crv": "P-256",
                "x": "weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ",
                "y": "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck",
                "kid": "2026-03",
                "use": "enc",
                "alg": "ECDH-ES+A256KW",
            }
        ]
    )

    keys: list[SealingKey]


def routes(front: Front, keys: SealingKeys) -> Sequence[ControllerRouterHandler]:
    """What is read of citizens, and the public keys."""

    @get(
        "/citizens/{citizen_ref:str}/matters",
        **allow("guide", "handler", "head", "robot", "auditor", refuses=(NotFound,)),
    )
    async def get_matters(citizen_ref: CitizenRef, principal: NamedDependency[Principal]) -> list[Matter]:
        """The matters of a citizen, the latest reported first; a department sees its own. Every reading is kept."""
        municipality = front.municipalities.get(principal.municipality)
        if municipality is None:
            raise NotFound("this municipality is not served here")
        await front.accesses.note(principal, f"matters of citizen {citizen_ref}")
        found = await find_matters(front.desk, principal.municipality, citizen_ref)
        return [_shown(matter) for matter in found if sees(principal, matter.report.owner, municipality)]

    @get("/cases/{case_id:str}/reach", **allow("system", refuses=(NotFound,)))
    async def get_reach(
        case_id: CaseId,
        principal: NamedDependency[Principal],
        channels: Annotated[
            str,
            QueryParameter(
                description="Those that can be used: email, sms, comma between", pattern=_CHANNELS
            ),
        ],
    ) -> Reached:
        """How to reach the citizen of a case. Every reading is kept: it is for sending a notice, and for nothing else."""
        if principal.department is not None:
            raise NotAllowed("a department reads contacts of its own cases; this is for notices of all")
        found = await reach_of(front.desk, principal.municipality, case_id, channels.split(","))
        if found is None:
            raise NotFound("no such case in this municipality")
        await front.accesses.note(principal, f"reach of case {case_id}")
        return Reached(
            case_reference=found.case_reference,
            channel=found.channel,
            address=found.address,
            reason=found.reason,
        )

    @get("/keys", opt={"public": True, "tells": ("Cache-Control",)})
    async def get_keys() -> Response[SealingKeySet]:
        """The public keys (JWKS) that personal fields of inbound messages are sealed to; take the first."""
        return Response(
            SealingKeySet.model_validate(keys.published()), headers={"Cache-Control": "max-age=60"}
        )

    return [get_matters, get_reach, get_keys]


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
