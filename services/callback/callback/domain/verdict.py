"""Why a promise counts as it does: sentences that a clerk can check against the entries of its ledger."""

from datetime import datetime

from callback.domain.events import PromiseMade
from callback.domain.promise import Promise


def verdict(promise: Promise) -> str:
    """How the promise stands, and by which fact and rule."""
    terms = promise.terms
    if terms is None:
        return _unpromised(promise)
    due = _told(terms.due_at)
    if promise.withdrawn is not None:
        withdrawn = promise.withdrawn
        return f"Withdrawn at {_told(withdrawn.withdrawn_at)}, reason {withdrawn.reason}: neither kept nor broken by that."
    if promise.kept is not None:
        kept = promise.kept
        return f"Kept: {_act(kept.how)} by {kept.owner} at {_told(kept.kept_at)}, not later than the promised time {due}."
    if promise.broken is not None:
        return _broken(promise, terms)
    return f"Open: promised before {due}; nothing is known that keeps, breaks or withdraws it."


def _broken(promise: Promise, terms: PromiseMade) -> str:
    assert promise.broken is not None  # noqa: S101 - asked by `verdict` alone
    broken = promise.broken
    text = (
        f"Broken as of {_told(broken.broken_at)}, answerable {broken.owner}: judged at {_told(broken.judged_at)}, when all that "
        f"had been told up to {_told(terms.judge_at)} was read and none of it answered the citizen in time"
    )
    if broken.imported:
        text = f"Broken as of {_told(broken.broken_at)}: so the system told from which the case was imported"
    late = promise.answered_late
    if late is None:
        return f"{text}. The citizen is still owed the answer."
    return f"{text}. Answered late: {_act(late.how)} by {late.owner} at {_told(late.answered_at)}; that uncounts nothing."


def _unpromised(promise: Promise) -> str:
    if promise.conversation_ended:
        return "Nothing was promised: the case was solved while a guide was still in the conversation."
    return "Nothing has been promised yet."


def _act(how: str) -> str:
    match how:
        case "resolved":
            return "the case was resolved"
        case "answered_in_writing":
            return "the citizen was answered in writing"
        case "imported":
            return "the citizen was answered, as the system tells from which the case was imported"
        case _:
            return "the citizen was reached"


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
