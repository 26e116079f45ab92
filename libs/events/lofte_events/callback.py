"""What callback tells: what was promised, that it falls due, and how it ended."""

from typing import ClassVar

from pydantic import Field

from lofte_events.contract import Contract, Imported, Moment, OwnerId


class _OfPromise(Contract):
    promise_number: int = Field(ge=1, description="Which of the case's promises, from 1")
    owner: OwnerId
    due_at: Moment = Field(description="Before this time we get back to the citizen; it never changes")
    imported: Imported = False


class PromiseMade(_OfPromise):
    """We get back to you before `due_at`; `owner` is who promised.

    Told when a written contact is routed, or one with an agreed time; when a live one goes to a department or a person or
    its limit has passed; and when a reopening owes one.
    """

    TYPE: ClassVar[str] = "callback.promise-made.v1"

    policy: str = Field(description="Name of the policy that says how long it may take")
    policy_version: int = Field(description="Version of the municipality's policies")
    from_at: Moment = Field(description="When the clock started: when the citizen asked")
    made_at: Moment = Field(description="When it was made")


class CallbackDue(_OfPromise):
    """A stage of the promise was reached and nobody has got back to the citizen; `owner` is who has the case now."""

    TYPE: ClassVar[str] = "callback.callback-due.v1"

    stage: str = Field(description="reminder, due, overdue; open")
    step: int = Field(ge=0, description="Step of the overdue ladder; 0 before it")
    to: str = Field(description="handler, head_of_unit, contact_centre_head; open")
    stage_at: Moment = Field(description="When the stage was reached")
    fired_at: Moment = Field(description="When it was told: later than the stage after an outage")
    skipped: tuple[str, ...] = Field(
        default=(), description="Stages passed during an outage: recorded, not sent"
    )


class PromiseKept(_OfPromise):
    """The citizen was reached or answered in time; `owner` is who did."""

    TYPE: ClassVar[str] = "callback.promise-kept.v1"

    kept_at: Moment = Field(description="When the citizen was reached or answered")
    how: str = Field(description="reached, answered_in_writing, resolved, imported; open")


class PromiseBroken(_OfPromise):
    """The time passed and nobody had got back to the citizen; `owner` is who has the case now.

    Told when nothing that counts can still come. Counted once; nothing uncounts it.
    """

    TYPE: ClassVar[str] = "callback.promise-broken.v1"

    broken_at: Moment = Field(description="Equal to due_at, however late it was judged")
    judged_at: Moment = Field(description="When it was sure")


class PromiseAnsweredLate(_OfPromise):
    """After the promise was broken the citizen was reached or answered; `owner` is who did.

    The duty is done, the promise stays broken.
    """

    TYPE: ClassVar[str] = "callback.promise-answered-late.v1"

    answered_at: Moment = Field(description="When the citizen was reached or answered")
    how: str = Field(description="reached, answered_in_writing, resolved, imported; open")


class PromiseWithdrawn(_OfPromise):
    """Nobody owes the citizen anything any more, and nobody has answered: neither kept nor broken by that."""

    TYPE: ClassVar[str] = "callback.promise-withdrawn.v1"

    withdrawn_at: Moment = Field(description="When nothing was owed any more")
    reason: str = Field(description="tried, cancelled; open")
    by: str | None = Field(default=None, description="Who withdrew it; null: a rule, or another system")
