"""What other systems tell Löfte, on `{prefix}.inbound.{municipality}`; and what of it is refused, on `rejected`.

Nothing personal is told in clear: it goes into `sealed`, a compact JWE for a key that intake publishes at `GET /keys`
(ECDH-ES+A256KW, A256GCM, the key's `kid` in the header). Its plain text is the JSON of SealedContact or SealedMatter.
"""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lofte_events.contract import AnyContract, Moment, MunicipalityCode, OwnerId
from lofte_events.envelope import Envelope, Headers
from lofte_events.intake import Reachable

SEALED_WITH = ("ECDH-ES+A256KW", "A256GCM")
"""The only `alg` and `enc` that are opened."""

Sealed = Annotated[
    str,
    Field(
        description="Compact JWE for the first key of intake's GET /keys",
        json_schema_extra={"contentMediaType": "application/jose"},
    ),
]


class _Sealing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SealedCitizen(_Sealing):
    """Whoever contacts us. `kind`: person, business, anonymous."""

    kind: str = Field(description="person, business, anonymous; no other word is taken")
    name: str | None = Field(default=None, description="One line")
    phone: str | None = Field(default=None, description="With its area code; brought into normal form")
    email: str | None = Field(default=None, description="Brought into normal form")


class SealedContact(_Sealing):
    """The plain text of a contact's `sealed`. `municipality` is said again inside, so that it opens nowhere else."""

    municipality: MunicipalityCode
    citizen: SealedCitizen
    subject: str = Field(description="What it is about, in a few words")
    text: str | None = Field(default=None, description="What was said or written, at most 64 KiB")


class SealedMatter(_Sealing):
    """The plain text of a matter's `sealed`: how the citizen is known to us, and what is to be done next."""

    municipality: MunicipalityCode
    phone: str | None = Field(default=None, description="A number that the citizen has contacted us from")
    email: str | None = Field(default=None, description="An address of the same kind")
    next_step: str | None = Field(default=None, description="One line that may be read out to the citizen")


class Submission(AnyContract):
    """What another system tells. Unknown fields are refused here: they could be personal."""

    model_config = ConfigDict(extra="forbid")

    TOPIC: ClassVar[str] = "inbound.{municipality}"


class ContactSubmitted(Submission):
    """Somebody contacted the municipality, and another system took it down. Limits are those of POST /contacts."""

    TYPE: ClassVar[str] = "inbound.contact-submitted.v1"

    channel: str = Field(
        description="phone, email, chat, social, visit, web, letter, system; no other word is taken"
    )
    sealed: Sealed
    topic: str | None = Field(default=None, description="What it is about, by the municipality's file")
    menu_choice: int | None = Field(default=None, ge=1, le=5, description="The choice in the phone menu")
    asked_for: OwnerId | None = Field(
        default=None, description="The owner whom the citizen asked for by name"
    )
    occurred_at: Moment | None = Field(default=None, description="At most 30 days back; else the acceptance")
    live: bool | None = Field(default=None, description="A guide is in the conversation")
    case_id: str | None = Field(default=None, description="The case that it is about; None opens a new one")
    agreed_due_at: Moment | None = Field(
        default=None, description="Before when an answer was agreed with the citizen; null: policy says it"
    )
    reachable: tuple[Reachable, ...] | None = Field(
        default=None, description="When the citizen can be reached, as they said; null: at any time"
    )


class MatterStatusReported(Submission):
    """Where a matter stands in a department's own system. The newest by `reported_at` holds.

    The citizen is named by `citizen_ref`, if ContactReceived told it, or inside `sealed` by phone or e-mail; or both.
    """

    TYPE: ClassVar[str] = "inbound.matter-status-reported.v1"

    matter: str = Field(
        pattern=r"^[A-Za-z0-9ÅÄÖåäö][A-Za-z0-9ÅÄÖåäö./:_-]{0,99}$",
        description="Its reference in the system that `source` names; never a personal number",
        examples=["BYGG-2026-000123"],
    )
    owner: OwnerId = Field(description="The department that handles it; others' handlers do not see it")
    status: str = Field(
        pattern=r"^[a-z][a-z0-9-]{0,59}$",
        description="received, in-progress, waiting-for-citizen, decided, closed; open",
    )
    reported_at: Moment = Field(description="When it was so, by the sender's clock")
    expected_at: Moment | None = Field(default=None, description="When the next step is expected")
    citizen_ref: str | None = Field(
        default=None, pattern=r"^[0-9a-f-]{36}$", description="Whose it is, as ContactReceived told it"
    )
    sealed: Sealed | None = None


class MessageRejected(AnyContract):
    """A message on an inbound topic was refused and has had no effect. Mended, it may be sent again."""

    TYPE: ClassVar[str] = "inbound.message-rejected.v1"
    TOPIC: ClassVar[str] = "rejected.{municipality}"

    reason: str = Field(
        description="unreadable, too-large, unknown-type, wrong-municipality, clear-personal-data, unknown-field, "
        "invalid-field, unknown-key, wrong-algorithm, unreadable-seal, id-reused; open"
    )
    field: str | None = Field(default=None, description="Which attribute or field; never its value")
    detail: str | None = Field(default=None, description="What is wrong with it")
    message_source: str | None = Field(
        default=None, description="The message's `source`, if it could be read"
    )
    message_id: str | None = Field(default=None, description="The message's `id`, if it could be read")
    topic: str = Field(description="Where the message lies")
    partition: int = Field(description="Where in the topic")
    offset: int = Field(description="Where in the partition")
    rejected_at: Moment = Field(description="When it was refused")


def to_message(
    submission: Submission,
    *,
    message_id: str,
    source: str,
    municipality: str,
    time: datetime,
) -> tuple[Headers, bytes]:
    """Headers and value of a submission in binary mode.

    `source` names the sending system, `message_id` the message: visible ASCII, at most 200 characters, neither ever personal.
    The same pair is the same message, however often it is sent.
    """
    envelope = Envelope(
        id=message_id,
        type=submission.TYPE,
        source=source,
        subject=None,
        time=time,
        sequence=1,
        municipality=municipality,
    )
    return envelope.headers(), submission.model_dump_json(exclude_none=True).encode()
