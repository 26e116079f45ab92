"""What casework tells: what an owner did with a case. Free text stays behind `dataref`."""

from typing import ClassVar

from pydantic import Field

from lofte_events.contract import Contract, Imported, Moment, OwnerId


class _Act(Contract):
    """What every act of casework says: who did it, and under which route and promise."""

    owner: OwnerId
    by: str = Field(description="Who acted: the subject of the token")
    route_number: int = Field(ge=1, description="The route under which it was done, from 1")
    promise_number: int = Field(ge=1, description="Which of the case's promises it is about")


class CaseClaimed(_Act):
    """A handler took the case."""

    TYPE: ClassVar[str] = "casework.case-claimed.v1"

    claimed_at: Moment = Field(description="When it was taken")


class NoteAdded(_Act):
    """Somebody wrote a note; the text is read from `dataref`."""

    TYPE: ClassVar[str] = "casework.note-added.v1"

    note_id: str = Field(description="Id of the note")
    added_at: Moment = Field(description="When it was written")
    dataref: str = Field(description="Where those allowed read the text")


class CitizenContacted(_Act):
    """Somebody tried to get back to the citizen."""

    TYPE: ClassVar[str] = "casework.citizen-contacted.v1"

    outcome: str = Field(
        description="reached, no_answer, busy, voicemail, wrong_number, refused, answered_in_writing; open"
    )
    occurred_at: Moment = Field(description="When it happened")


class CaseAwaitingCitizen(_Act):
    """Nothing can be done before the citizen answers: the promise's clock stands. Followed by one CaseResumed."""

    TYPE: ClassVar[str] = "casework.case-awaiting-citizen.v1"

    reason: str = Field(description="awaiting_citizen, time_chosen_by_citizen; open")
    occurred_at: Moment = Field(description="Since when")
    until: Moment | None = Field(default=None, description="No longer than this")


class CaseResumed(Contract):
    """The waiting for the citizen is over. Every CaseAwaitingCitizen is followed by one, whatever ends it."""

    TYPE: ClassVar[str] = "casework.case-resumed.v1"

    owner: OwnerId
    route_number: int = Field(ge=1, description="The route under which it goes on")
    promise_number: int = Field(ge=1, description="Which of the case's promises it is about")
    cause: str = Field(description="contact, request, forward, return, resolve, withdraw; open")
    by: str | None = Field(default=None, description="Who ended it; null: a contact")
    contact_id: str | None = Field(default=None, description="The contact that ended it")
    resumed_at: Moment = Field(description="When it was over; never before it began")


class CitizenAskedAgain(Contract):
    """A further contact about an open case that was not waiting for one."""

    TYPE: ClassVar[str] = "casework.citizen-asked-again.v1"

    owner: OwnerId
    route_number: int = Field(ge=1, description="The route under which it goes on")
    promise_number: int = Field(ge=1, description="Which of the case's promises it is about")
    contact_id: str = Field(description="The contact")
    asked_at: Moment = Field(description="When the contact was received")


class CaseForwarded(_Act):
    """The owner passed the case on; routing decides to whom."""

    TYPE: ClassVar[str] = "casework.case-forwarded.v1"

    hand_over_number: int = Field(ge=1, description="1 at first, +1 at every forward or return of the case")
    to_topic: str | None = Field(default=None, description="The topic that it is about, as the owner sees it")
    to_owner: OwnerId | None = Field(default=None, description="The owner that it is meant for")
    asked_at: Moment = Field(description="When the citizen asked what is now passed on")
    forwarded_at: Moment = Field(description="When it was passed on")


class CaseReturned(_Act):
    """A department sent the case back."""

    TYPE: ClassVar[str] = "casework.case-returned.v1"

    hand_over_number: int = Field(ge=1, description="1 at first, +1 at every forward or return of the case")
    reason_code: str = Field(
        description="wrong_owner, information_missing, could_have_been_answered, not_municipal; open"
    )
    asked_at: Moment = Field(description="When the citizen asked what is now sent back")
    returned_at: Moment = Field(description="When it was sent back")


class CaseResolved(_Act):
    """The citizen has the answer."""

    TYPE: ClassVar[str] = "casework.case-resolved.v1"

    minutes: int = Field(ge=0, description="Minutes of work, as told by who resolved it")
    occurred_at: Moment = Field(description="When the citizen had the answer")
    dataref: str = Field(description="Where those allowed read the answer")
    imported: Imported = False


class CaseWithdrawn(_Act):
    """The case is closed and needs no answer any more."""

    TYPE: ClassVar[str] = "casework.case-withdrawn.v1"

    reason: str = Field(description="cancelled, duplicate, not_municipal; open")
    occurred_at: Moment = Field(description="When it was closed")
    imported: Imported = False


class CaseReopened(Contract):
    """A resolved case is open again: a citizen came back, or somebody saw that it was not done. It is no act."""

    TYPE: ClassVar[str] = "casework.case-reopened.v1"

    owner: OwnerId
    route_number: int = Field(ge=1, description="The route under which it goes on")
    promise_number: int = Field(ge=1, description="+1 where the reopening owes a new promise")
    owes_promise: bool = Field(
        description="The last resolution is more than 30 days old: a new promise is due"
    )
    cause: str = Field(description="contact, request; open")
    contact_id: str | None = Field(default=None, description="The contact that reopened it")
    by: str | None = Field(default=None, description="Who asked: the subject of the token")
    topic: str | None = Field(default=None, description="What the case is about")
    asked_at: Moment = Field(description="When the citizen asked again, or the request came")
    channel: str | None = Field(
        default=None, description="Of the contact that reopened it; on request, of the one that opened it"
    )
    citizen_kind: str | None = Field(default=None, description="The same: person, business, anonymous; open")
    reopened_at: Moment = Field(description="When it was open again")
