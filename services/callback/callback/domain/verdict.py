"""Why a promise counts as it does: sentences that a clerk can check against the entries of its ledger."""

from datetime import datetime

from callback.domain.promise import Clock, Promise


def verdict(promise: Promise) -> str:
    """How the promise stands, and by which fact and rule."""
    clock = promise.clock
    if promise.terms is None or clock is None:
        if promise.conversation_ended:
            return "Nothing was promised: the case was solved while a guide was still in the conversation."
        return "Nothing has been promised yet."
    return f"{_end(promise, clock)}{_moved(promise, clock)}"


def _end(promise: Promise, clock: Clock) -> str:
    due = told(clock.due_at)
    if promise.withdrawn is not None:
        withdrawn = promise.withdrawn
        breach = f" It had been broken as of {told(promise.broken.broken_at)}." if promise.broken else ""
        at = told(withdrawn.withdrawn_at)
        return f"Withdrawn at {at}, reason {withdrawn.reason}: neither kept nor broken by that.{breach}"
    if promise.kept is not None:
        kept = promise.kept
        return f"Kept: {_act(kept.how)} by {kept.owner} at {told(kept.kept_at)}, not later than the promised time {due}."
    if promise.broken is not None:
        return _broken(promise, clock)
    if promise.paused is not None:
        paused = promise.paused
        return (
            f"Paused since {told(paused.paused_at)}, reason {paused.reason}, until {told(paused.limit_at)} at the latest: "
            f"the time {due} stands still and moves when the waiting is over."
        )
    return f"Open: promised before {due}; nothing is known that keeps, breaks or withdraws it."


def _broken(promise: Promise, clock: Clock) -> str:
    assert promise.broken is not None  # noqa: S101 - asked by `_end` alone
    broken = promise.broken
    if broken.imported:
        text = f"Broken as of {told(broken.broken_at)}: so the system told from which the case was imported"
    else:
        text = (
            f"Broken as of {told(broken.broken_at)}, answerable {broken.owner}: judged at {told(broken.judged_at)}, when all "
            f"that had been told up to {told(clock.judge_at)} was read and none of it answered the citizen in time"
        )
    late = promise.answered_late
    if late is None:
        return f"{text}. The citizen is still owed the answer."
    return f"{text}. Answered late: {_act(late.how)} by {late.owner} at {told(late.answered_at)}; that uncounts nothing."


def _moved(promise: Promise, clock: Clock) -> str:
    """What was said first stays on record."""
    terms = promise.terms
    if terms is None or not clock.moves:
        return ""
    times = "once" if clock.moves == 1 else f"{clock.moves} times"
    return f" First promised before {told(terms.due_at)}; moved {times}, each move with its entry."


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


def told(moment: datetime) -> str:
    """A moment as sentences say it."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
