"""Sending in order: many sequences at once, and of each at most one record that is not acknowledged."""

import asyncio
from collections.abc import Sequence

from chassis.broker import Producer, Record
from chassis.crash import NEVER, CrashPoints

_AT_ONCE = 100


async def send_in_order(
    producer: Producer, sequences: Sequence[Sequence[Record]], crash: CrashPoints = NEVER
) -> tuple[Sequence[bool], Exception | None]:
    """Send the first record of every sequence, when they are acknowledged the second, and so on.

    Answers for each sequence whether all of it is acknowledged, and the first failure: with it nothing more was
    sent, and the producer is to be closed.
    """
    complete = [not sequence for sequence in sequences]
    failure: Exception | None = None
    turn = 0
    while failure is None and not all(complete):
        sent = []
        for place, sequence in enumerate(sequences):
            if complete[place]:
                continue
            try:
                sent.append((place, await producer.send(sequence[turn])))
            except Exception as error:
                failure = error
                break
            crash.passed("sent")
            if len(sent) % _AT_ONCE == 0:
                # Others in this process want their turn, and the first of these can leave.
                await asyncio.sleep(0)
        turn += 1
        for place, future in sent:
            try:
                await future
            except Exception as error:
                failure = failure or error
                continue
            crash.passed("acknowledged")
            complete[place] = turn == len(sequences[place])
    return complete, failure
