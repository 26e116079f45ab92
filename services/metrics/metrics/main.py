"""Builds and runs metrics."""

from chassis.consuming import Subscription
from chassis.service import Parts, Runtime, main
from chassis.views import View
from municipality import read_folder

from metrics import api, views
from metrics.settings import MetricsSettings


def build(runtime: Runtime[MetricsSettings]) -> Parts:
    """Everything that metrics is made of."""
    facts = runtime.database["facts_v1"]

    async def prepare() -> None:
        await facts.create_indexes(views.INDEXES)

    return Parts(
        title="Löfte metrics",
        routes=api.routes(api.Statistics(read_folder(runtime.settings.municipalities), lambda: facts)),
        subscriptions=[
            Subscription(
                "metrics.facts.v1", views.SERVICES, View(facts, views.project, crash=runtime.crash).reaction
            )
        ],
        prepare=[prepare],
    )


def run() -> None:
    """`python -m metrics`."""
    main("metrics", MetricsSettings, build)
