"""What callback tells: what was promised, that it falls due, and how it ended."""

from typing import ClassVar

from pydantic import Field

from lofte_events.contract import Contract, Imported, Moment, OwnerId


class _OfPromise(Contract):
    promise_number: int = Field(ge=1, description="Which of the case's promises, from 1")
    owner: OwnerId
    due_at: Moment = Field(
        description="Before this time we get back to the citizen; PromiseResumed, PromiseRenewed and PromiseReopened alone move it"
    )
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

    stage: str = Field(description="reminder, due, overdue, delay (the citizen alone is told); open")
    step: int = Field(
        ge=0, description="Step of the overdue ladder, from 1; before it which of its kind, from 0"
    )
    to: str = Field(description="The first of `receivers`; open")
    stage_at: Moment = Field(description="When the stage was reached")
    fired_at: Moment = Field(description="When it was told: later than the stage after an outage")
    skipped: tuple[str, ...] = Field(
        default=(), description="Stages passed during an outage: recorded, not sent"
    )
    receivers: tuple[str, ...] = Field(
        default=(),
        description="Who is told: handler, head_of_unit, head_of_department, contact_centre_head, citizen; open. Empty in older facts: `to` alone",
    )
    delay_reason: str | None = Field(
        default=None,
        description="Why, for a citizen who is told: late, moved (another owner has the case now); open",
    )
    expected_at: Moment | None = Field(
        default=None, description="For a citizen who is told: when an answer is expected now; no promise"
    )
    ahead_of: Moment | None = Field(
        default=None,
        description="For a citizen who is told: the time that this comes before, since no text message goes out in the night",
    )


class PromisePaused(_OfPromise):
    """Nothing can be done before the citizen answers: the clock stands. `due_at` is the time that held until then."""

    TYPE: ClassVar[str] = "callback.promise-paused.v1"

    paused_at: Moment = Field(description="Since when the clock stands")
    reason: str = Field(description="awaiting_citizen, time_chosen_by_citizen; open")
    limit_at: Moment = Field(description="The clock runs again at this time at the latest")


class _Moved(_OfPromise):
    due_before: Moment = Field(description="The time that held before")


class PromiseResumed(_Moved):
    """The clock runs again, with the time that was left and thirty open minutes at the least."""

    TYPE: ClassVar[str] = "callback.promise-resumed.v1"

    resumed_at: Moment = Field(description="Since when the clock runs again")
    cause: str = Field(description="contact, request, forward, return, resolve, withdraw, limit; open")


class PromiseRenewed(_Moved):
    """Another time was agreed with the citizen while the one before held; it ends a pause. The first promise stays on
    record."""

    TYPE: ClassVar[str] = "callback.promise-renewed.v1"

    renewed_at: Moment = Field(description="When it was noted")
    agreed_at: Moment = Field(description="When it was agreed with the citizen, as it counts")
    how: str = Field(description="The channel on which it was agreed: phone, email, and so on; open")
    reason: str = Field(description="more_time_needed, citizen_asked, owner_away; open")
    by: str = Field(description="Who renewed it: the subject of the token")


class PromiseReopened(_Moved):
    """The citizen asked again within 30 days after the promise was withdrawn: it is owed again, with the time that was
    left and thirty open minutes at the least."""

    TYPE: ClassVar[str] = "callback.promise-reopened.v1"

    reopened_at: Moment = Field(description="Since when: when the citizen asked again")


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
    reason: str = Field(description="tried, cancelled, duplicate, not_municipal; open")
    by: str | None = Field(default=None, description="Who withdrew it; null: a rule, or another system")


class StatutoryStageReached(Contract):
    """A time that the Administrative Procedure Act sets for a matter is over, or about to be, and nobody has decided. It
    says nothing of a promise."""

    TYPE: ClassVar[str] = "callback.statutory-stage-reached.v1"

    owner: OwnerId | None = Field(default=None, description="Who has the case now; null: nobody yet")
    stage: str = Field(
        description="request_possible (the party may ask in writing that the matter is decided), decision_due, decision_overdue (that request is to be answered); open"
    )
    step: int = Field(ge=0, description="Which of its kind, from 0")
    due_at: Moment = Field(description="Before this time the matter, or the request, is to be decided")
    stage_at: Moment = Field(description="When the stage was reached")
    fired_at: Moment = Field(description="When it was told: later than the stage after an outage")
    receivers: tuple[str, ...] = Field(
        description="Who is told: handler, head_of_unit, head_of_department, contact_centre_head; open"
    )
    skipped: tuple[str, ...] = Field(
        default=(), description="Stages passed during an outage: recorded, not sent"
    )


class _OfNotice(_OfPromise):
    notice_id: str = Field(description="The same for every attempt")
    stage: str = Field(description="Of which stage: reminder, due, overdue, delay; open")
    step: int = Field(ge=0, description="Of which step")
    receiver: str = Field(
        description="handler, head_of_unit, head_of_department, contact_centre_head, citizen; open"
    )
    channel: str = Field(description="email, sms, webhook, none (no way was found); open")
    attempts: int = Field(ge=0, description="How often it was tried")


class NoticeSent(_OfNotice):
    """A notice about a promise went out: a mail server, a provider or a system took it; `owner` is who has the case now."""

    TYPE: ClassVar[str] = "callback.notice-sent.v1"

    sent_at: Moment = Field(description="When it was taken")


class NoticeFailed(_OfNotice):
    """A notice about a promise did not go out; `owner` is who has the case now.

    Told when it was tried for long enough, or cannot be sent at all. One that is replayed may still be sent.
    """

    TYPE: ClassVar[str] = "callback.notice-failed.v1"

    failed_at: Moment = Field(description="When nobody tried any more")
    reason: str = Field(
        description="no-receiver, not-configured, erased, no-address, refused, not-reached, or an answer such as `answered 503`; open"
    )
