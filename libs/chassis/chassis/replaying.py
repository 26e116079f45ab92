"""Replay: held messages are handled again, in order, in the consumer that owns their partition."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from chassis.clock import Clock
from chassis.held import HeldMessages, raw_of
from chassis.reacting import Parse, Reaction, attempt, order_of, read_message, reason_of

_ROUNDS = 20


async def replay_wanted(
    group: str,
    owns: Callable[[str, int], bool],
    *,
    turn: AbstractAsyncContextManager[Any],
    reaction: Reaction,
    parse: Parse,
    held: HeldMessages,
    clock: Clock,
) -> None:
    """Replay what was asked for and lies in a partition that this consumer owns.

    `turn` is taken for each lane alone: batches are handled between two, however much there is to replay.

    Raises:
        Unavailable: the database is away; what was asked for stays asked for.
    """
    for pile in await held.wanted(group):
        async with turn:
            if not owns(pile["topic"], pile["partition"]):
                continue
            if pile["key"] is None:
                await _replay([pile], reaction, parse, held, clock)
                continue
            lane = (pile["topic"], pile["key"])
            for _ in range(_ROUNDS):
                if not await _replay(await held.waiting(group, lane), reaction, parse, held, clock):
                    break
                if await held.release(group, lane):
                    break


async def _replay(
    messages: Sequence[dict[str, Any]], reaction: Reaction, parse: Parse, held: HeldMessages, clock: Clock
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
