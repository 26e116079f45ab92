"""What intake tells: contacts came in."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lofte_events.contract import Contract, Moment, OwnerId

_CLOCK = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


class History(BaseModel):
    """What another system knew of a contact that was imported. Its own times count, however late they are told."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    outcome: str = Field(description="answered, withdrawn, open; open")
    routed_to: OwnerId | None = Field(default=None, description="Who owned the case there")
    promise_due_at: Moment | None = Field(default=None, description="What was promised there; null: nothing")
    answered_at: Moment | None = Field(default=None, description="When the citizen was answered there")
    closed_at: Moment | None = Field(default=None, description="When it was closed there")


class Reachable(BaseModel):
    """When somebody can be reached, by the municipality's wall clock."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    days: tuple[str, ...] = Field(description="mon, tue, wed, thu, fri, sat, sun; open")
    after: str = Field(
        default="00:00", pattern=_CLOCK, description="Not before this time of day", examples=["15:00"]
    )
    before: str = Field(
        default="24:00", pattern=_CLOCK, description="Not after this time of day", examples=["18:30"]
    )


class ContactReceived(Contract):
    """A person or a business contacted the municipality once, on one channel."""

    TYPE: ClassVar[str] = "intake.contact-received.v1"

    contact_id: str = Field(description="Id of the contact")
    case_reference: str = Field(
        description="Short code of the case, made to be read aloud", examples=["DLU5-7D99"]
    )
    opens_case: bool = Field(description="False for a further contact about a case that exists")
    channel: str = Field(description="phone, email, chat, social, visit, web, letter, system; open")
    citizen_kind: str = Field(description="person, business, anonymous; open")
    citizen_ref: str | None = Field(
        default=None,
        description="Random reference of the citizen, resolved by intake alone; null where no phone or e-mail was left",
    )
    topic: str | None = Field(default=None, description="What it is about, where that is known")
    menu_choice: int | None = Field(default=None, ge=1, le=5, description="The choice in the phone menu")
    asked_for: OwnerId | None = Field(
        default=None, description="The owner whom the citizen asked for by name"
    )
    live: bool = Field(description="A guide is in the conversation: nothing has been promised yet")
    received_at: Moment = Field(
        description="When the citizen contacted us: every clock of the case starts here"
    )
    accepted_at: Moment = Field(description="When intake took it down")
    dataref: str = Field(description="Where those allowed read the details", examples=["/contacts/0199..."])
    history: History | None = Field(
        default=None, description="The contact was imported: what the other system knew of it"
    )
    agreed_due_at: Moment | None = Field(
        default=None, description="Before when an answer was agreed with the citizen; null: policy says it"
    )
    reachable: tuple[Reachable, ...] = Field(
        default=(), description="When the citizen can be reached, as they said; none: at any time"
    )
