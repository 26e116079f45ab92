"""Builds webhooks; the only file here that knows all the others."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from chassis.consuming import Subscription
from chassis.reacting import Pace
from chassis.runtime import Parts, Runtime
from chassis.sealing import KeyRing
from municipality import Municipality

from callback.outgoing.held import HeldDeliveries
from callback.outgoing.targets import Targets
from callback.settings import CallbackSettings
from callback.webhooks import api
from callback.webhooks.subscriptions import NAMES, Subscriptions

_PACE = Pace(0.1, 1.0)
"""Who is told by HTTP learns of it a second later at most; a case's first facts are then one write."""
LEASE_BEYOND = 30.0
"""Seconds that a claimed case stays claimed, beyond two deliveries that take as long as they may."""


def with_webhooks(
    parts: Parts,
    runtime: Runtime[CallbackSettings],
    towns: Mapping[str, Municipality],
    gives_way: Callable[[], bool],
) -> Parts:
    """Callback's parts and those of webhooks: routes for the role api, all else for the role webhooks, whose reader
    gives way to more urgent work of the process."""
    settings = runtime.settings
    subscriptions = Subscriptions(
        runtime.database,
        KeyRing(runtime.database, settings.master_key.get_secret_value(), runtime.clock),
        runtime.clock,
        runtime.clock.real_now,
        timedelta(seconds=settings.webhook_overlap),
    )
    targets = Targets(settings.webhook_networks, plain=settings.environment == "development")
    registry = api.Registry(subscriptions, HeldDeliveries(runtime.database, NAMES), targets, towns)
    parts = replace(
        parts,
        routes=[*parts.routes, *api.routes(registry)],
        prepare=[*parts.prepare, subscriptions.prepare],
    )
    if "webhooks" in settings.roles:
        return _with_role(parts, runtime, subscriptions, targets, replace(_PACE, gives_way=gives_way))
    return parts


def _with_role(
    parts: Parts,
    runtime: Runtime[CallbackSettings],
    subscriptions: Subscriptions,
    targets: Targets,
    pace: Pace,
) -> Parts:
    # Here, so that only a process with this role loads what it alone needs.
    from callback.outgoing.deliveries import Deliveries
    from callback.outgoing.lanes import Lanes
    from callback.outgoing.metrics import SendingMetrics
    from callback.outgoing.sending import Sending
    from callback.outgoing.standing import Standing
    from callback.outgoing.targets import Sender
    from callback.webhooks import consumers
    from callback.webhooks.posting import Posting

    settings, clock = runtime.settings, runtime.clock
    deliveries = Deliveries(runtime.database, NAMES, clock.real_now)
    lanes = Lanes(
        runtime.database,
        deliveries,
        settings.replica,
        clock.real_now,
        lease=2 * settings.webhook_patience + LEASE_BEYOND,
    )
    sender = Sender(targets, patience=settings.webhook_patience, now=lambda: clock.real_now().timestamp())
    posting = Posting(subscriptions, sender.post, lambda: clock.real_now().timestamp())
    sending = Sending(
        deliveries,
        lanes,
        Standing(runtime.database, NAMES, clock.real_now),
        posting.open,
        clock,
        settings.webhook_pauses,
        SendingMetrics(runtime.metrics.registry, "webhook", "delivery", "Deliveries"),
        runtime.crash,
        tidy=subscriptions.purge,
    )
    telling = consumers.Telling(subscriptions, deliveries, runtime.database[consumers.CASES], runtime.crash)
    subscription = Subscription(
        consumers.GROUP, consumers.SERVICES, telling.reaction, pace=pace, role="webhooks"
    )
    return replace(
        parts,
        subscriptions=[*parts.subscriptions, subscription],
        loops={**parts.loops, "webhooks": [sending.run, sending.watch]},
        prepare=[*parts.prepare, deliveries.prepare],
    )
