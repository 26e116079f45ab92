"""What a service's command line does once and ends: its API document, its log sent again, its views built anew."""

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from chassis.database import translating
from chassis.errors import LofteError
from chassis.http.app import api_document
from chassis.outbox import MongoOutbox
from chassis.rebuild import rebuild
from chassis.republish import republish
from chassis.runtime import Build, Parts, Runtime, S, make_runtime
from chassis.serving import make_consumers, prepare

Command = Callable[[Runtime[Any], Parts], Awaitable[None]]


async def run(name: str, settings: S, build: Build[S], command: Command) -> int:
    """Do one command; answers the exit code. What cannot be done is said in a sentence: 1 where it may help to try
    again, 2 where something has to be changed first."""
    runtime = make_runtime(name, settings)
    try:
        await command(runtime, build(runtime))
    except (LofteError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1 if isinstance(error, LofteError) and error.retryable else 2
    finally:
        await runtime.close()
    return 0


async def print_document(runtime: Runtime[Any], parts: Parts) -> None:
    """The OpenAPI document, the same every time."""
    sys.stdout.write(json.dumps(api_document(runtime, parts), indent=2, sort_keys=True) + "\n")


async def prepare_database(runtime: Runtime[Any], parts: Parts) -> None:
    """All indexes, so that a service that starts finds them."""
    with translating():
        await prepare(runtime, parts)
    _tell(f"{runtime.settings.database}: indexes are there")


async def republish_log(runtime: Runtime[Any], parts: Parts) -> None:
    """The whole log again, with the same ids."""
    if parts.publish is None:
        raise ValueError(f"{runtime.name} publishes nothing")
    sent = await republish(
        MongoOutbox(runtime.store.commits, runtime.clock),
        runtime.broker,
        runtime.clock,
        prefix=runtime.settings.topic_prefix,
        service=runtime.name,
        to_contracts=parts.publish,
        progress=lambda commits, records: _tell(f"{commits} commits read, {records} records sent"),
    )
    _tell(f"done: {sent} records")


async def rebuild_views(
    runtime: Runtime[Any], parts: Parts, names: Sequence[str], *, republished: bool
) -> None:
    """The views of these names, or all, one after the other."""
    known = {view.name: view for view in parts.views}
    unknown = sorted(set(names) - known.keys())
    if unknown or not known:
        raise ValueError(
            f"{runtime.name}: no view {', '.join(unknown) or 'at all'}; there are: {', '.join(known) or 'none'}"
        )
    await runtime.held.prepare()
    for name in names or known:
        await known[name].prepare()
        await rebuild(
            known[name],
            broker=runtime.broker,
            consumers=lambda subscriptions: make_consumers(runtime, subscriptions, lasting=False),
            held=runtime.held,
            prefix=runtime.settings.topic_prefix,
            clock=runtime.clock,
            tell=_tell,
            republished=republished,
        )


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
