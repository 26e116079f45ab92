"""What routing tells: who owns a case, and why."""

from typing import ClassVar

from pydantic import Field

from lofte_events.contract import Contract, Imported, Moment, OwnerId


class CaseRouted(Contract):
    """A case has an owner: the first time, and again after every forward and return."""

    TYPE: ClassVar[str] = "routing.case-routed.v1"

    route_number: int = Field(ge=1, description="1 at first, +1 at every new route")
    owner: OwnerId
    previous_owner: OwnerId | None = Field(default=None, description="Who had it before")
    topic: str | None = Field(default=None, description="What the case is about")
    department: str | None = Field(
        default=None, description="The department that owns the topic or is the owner"
    )
    cause: str = Field(description="contact, forward, return, import; open")
    hand_over_number: int | None = Field(
        default=None, description="The forward or return that this route answers"
    )
    promise_number: int = Field(
        default=1, ge=1, description="Which of the case's promises the route belongs to"
    )
    rule: str = Field(description="Name of the rule that decided")
    rule_version: int = Field(description="Version of the municipality's rules")
    reason: str = Field(description="Why, in one sentence from the rules")
    asked_at: Moment = Field(description="When the citizen asked what is routed: received_at of the contact")
    routed_at: Moment = Field(description="When it was routed")
    imported: Imported = False
