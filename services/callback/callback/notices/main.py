"""Builds notices; the only file here that knows all the others."""

from collections.abc import Mapping
from dataclasses import replace

from chassis.consuming import Subscription, deciding
from chassis.runtime import Parts, Runtime
from municipality import Municipality

from callback.handlers import Promises
from callback.notices import api
from callback.notices.targets import NAMES
from callback.outgoing.held import HeldDeliveries
from callback.settings import CallbackSettings

LEASE_BEYOND = 30.0
"""Seconds that a claimed notice stays claimed, beyond two attempts that take as long as they may."""
_PATIENT_STEPS = 6
"""Connecting, greeting, signing in, sender, receiver, body: each may take as long."""


def with_notices(
    parts: Parts, runtime: Runtime[CallbackSettings], promises: Promises, towns: Mapping[str, Municipality]
) -> Parts:
    """Callback's parts and those of notices: routes for the role api, all else for the role notices."""
    parts = replace(parts, routes=[*parts.routes, *api.routes(HeldDeliveries(runtime.database, NAMES))])
    return _with_role(parts, runtime, promises, towns) if "notices" in runtime.settings.roles else parts


def _with_role(
    parts: Parts, runtime: Runtime[CallbackSettings], promises: Promises, towns: Mapping[str, Municipality]
) -> Parts:
    # Here, so that only a process with this role loads what it alone needs.
    from callback.notices import consumers
    from callback.notices.metrics import NoticeMetrics
    from callback.notices.posting import Posting
    from callback.notices.setting_up import reaching_of, ways_of
    from callback.notices.targets import Targets
    from callback.outgoing.deliveries import Deliveries
    from callback.outgoing.lanes import Lanes
    from callback.outgoing.metrics import SendingMetrics
    from callback.outgoing.sending import Sending
    from callback.outgoing.standing import Standing

    settings, clock, database = runtime.settings, runtime.clock, runtime.database
    deliveries = Deliveries(database, NAMES, clock.real_now)
    lease = 2 * _PATIENT_STEPS * settings.notice_patience + LEASE_BEYOND
    metrics = NoticeMetrics(runtime.metrics.registry)
    ways, reaching = ways_of(settings, clock), reaching_of(settings, clock)
    posting = Posting(promises, towns, ways, reaching, metrics, runtime.crash)
    sending = Sending(
        deliveries,
        Lanes(database, deliveries, settings.replica, clock.real_now, lease=lease),
        Standing(database, NAMES, clock.real_now),
        posting.open,
        clock,
        settings.notice_pauses,
        SendingMetrics(runtime.metrics.registry, "notice", "notice", "Notices"),
        runtime.crash,
        gave_up=posting.fail,
    )
    telling = consumers.Telling(runtime.store, clock, towns, deliveries, Targets(database), metrics)
    subscription = Subscription(consumers.GROUP, consumers.SERVICES, deciding(telling.react), role="notices")
    return replace(
        parts,
        subscriptions=[*parts.subscriptions, subscription],
        loops={**parts.loops, "notices": [sending.run, sending.watch]},
        prepare=[*parts.prepare, deliveries.prepare],
    )
