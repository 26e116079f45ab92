"""Replay: held messages are handled again, in order, in the consumer that owns their partition."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chassis.clock import Clock
from chassis.held import HeldMessages, raw_of
from chassis.reacting import Parse, Reaction, attempt, order_of, read_message, reason_of

_ROUNDS = 20


async def replay(
    wanted: Mapping[str, Any],
    owns: Callable[[str, int], bool],
    *,
    reaction: Reaction,
    parse: Parse,
    held: HeldMessages,
    clock: Clock,
) -> None:
    """Replay a lane, or a message without a key, that was asked for, if this consumer owns its partition. Called
    between batches.

    Raises:
        Unavailable: the database is away; what was asked for stays asked for.
    """
    if not owns(wanted["topic"], wanted["partition"]):
        return
    if wanted["key"] is None:
        await _replay([wanted], reaction, parse, held, clock)
        return
    group, lane = wanted["group"], (wanted["topic"], wanted["key"])
    for _ in range(_ROUNDS):
        if not await _replay(await held.waiting(group, lane), reaction, parse, held, clock):
            return
        if await held.release(group, lane):
            return


async def _replay(
    messages: Sequence[Any], reaction: Reaction, parse: Parse, held: HeldMessages, clock: Clock
) -> bool:
    """In order, up to the first that fails."""
    for document in messages:
        raw = raw_of(document)
        key = order_of(raw)
        try:
            message = read_message(raw, parse)
            failures = (await attempt(reaction, {key: [message]}, clock))[0] if message else {}
        except ValueError as error:
            failures = {key: error}
        if failures:
            await held.failed_again(document, reason_of(failures[key]))
            return False
        await held.replayed(document)
    return True
