"""Builds and runs callback."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from chassis.consuming import Subscription, deciding
from chassis.lease import Lease, MongoLeases
from chassis.reacting import Pace
from chassis.rebuild import LiveView
from chassis.scanning import MongoTimerScan
from chassis.service import Parts, Runtime, main
from chassis.watermarks import Barrier, WatermarkReader
from municipality import WrittenBook, read_folder
from prometheus_client import Gauge

from callback import api, consumers, publisher, views
from callback.books import policy_book, publish_books
from callback.domain import PolicyBooks
from callback.handlers import Promises, decider
from callback.notices.main import with_notices
from callback.settings import CallbackSettings
from callback.timers import TimerLoop
from callback.webhooks.main import with_webhooks

DECIDES_ON = ("intake", "routing", "casework")
"""What the promises hear; a breach is judged only when all of them have been heard."""
GROUP = "callback"
"""Who decides: what this group has read or holds says what can be judged; its views' groups have no part in it."""

_VIEW_PACE = Pace(0.25, 1.0)
"""One promise is read from its stream, always current; only the lists lag."""

_AT_RISK_WITHIN = timedelta(hours=1)
_COUNT_EVERY = 15.0


def build(runtime: Runtime[CallbackSettings]) -> Parts:
    """Everything that callback is made of."""
    settings, clock = runtime.settings, runtime.clock
    municipalities = read_folder(settings.municipalities)
    rules = decider()
    written = {code: WrittenBook.of(municipality) for code, municipality in municipalities.items()}
    books = {code: PolicyBooks(policy_book(book)) for code, book in written.items()}
    promises = Promises(runtime.store, clock, books, rules)
    lease = Lease(MongoLeases(runtime.database), "timers", settings.replica, clock)
    watermarks = WatermarkReader(runtime.broker, settings.topic_prefix, clock)
    barrier = Barrier(
        watermarks, runtime.broker, clock, prefix=settings.topic_prefix, services=DECIDES_ON, group=GROUP
    )
    at_risk = Gauge(
        "lofte_promises_at_risk",
        "Open promises that fall due within an hour",
        registry=runtime.metrics.registry,
    )

    unjudged = Gauge(
        "lofte_promises_unjudged",
        "Open promises whose time and the limit on back-dating are over",
        registry=runtime.metrics.registry,
    )
    longest_limit = max((kept.current.back_dating_limit for kept in books.values()), default=timedelta())

    async def held_cases(cases: Collection[str]) -> Collection[str]:
        return {
            key.decode() for key in await runtime.held.held_keys(GROUP, [case.encode() for case in cases])
        }

    timers = TimerLoop(
        promises=promises,
        scan=MongoTimerScan(runtime.store.commits),
        lead=lease,
        clock=clock,
        sure=lambda: runtime.correction.sure,
        safe=barrier.safe,
        held_cases=held_cases,
        late=runtime.metrics.timer_fired,
        crash=runtime.crash,
    )

    def urgent() -> bool:
        return timers.behind() or runtime.backlog.is_set()

    rows = LiveView(
        runtime.database,
        "callback",
        views.NAME,
        views.SERVICES,
        views.project,
        views.key,
        indexes=views.INDEXES,
        pace=replace(_VIEW_PACE, gives_way=urgent),
        crash=runtime.crash,
    )

    async def count_open() -> None:
        while True:
            now = clock.now()
            at_risk.set(await views.open_before(rows.rows, now + _AT_RISK_WITHIN))
            unjudged.set(await views.open_before(rows.rows, now - longest_limit))
            await clock.sleep(_COUNT_EVERY)

    parts = Parts(
        title="Löfte callback",
        routes=api.routes(api.Registry(promises, municipalities, lambda: rows.rows, held_cases)),
        publish=lambda commit: publisher.to_contracts(rules, commit),
        subscriptions=[
            Subscription(
                GROUP,
                DECIDES_ON,
                deciding(lambda message: consumers.react(promises, message)),
            ),
        ],
        views=[rows],
        prepare=[lambda: publish_books(runtime.store, clock, written)],
        loops={"timers": [timers.run, lease.run, watermarks.run, barrier.run, count_open]},
    )
    parts = with_notices(parts, runtime, promises, municipalities)
    return with_webhooks(parts, runtime, municipalities, gives_way=urgent)


def run() -> None:
    """`python -m callback`."""
    main("callback", CallbackSettings, build)
