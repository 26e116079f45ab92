"""Builds and runs metrics."""

from chassis.reacting import Pace
from chassis.rebuild import LiveView
from chassis.service import Parts, Runtime, main
from municipality import read_folder

from metrics import api, views
from metrics.settings import MetricsSettings

_PACE = Pace(0.5, 1.0)
"""Most of what happens to a case at first is then one write."""


def build(runtime: Runtime[MetricsSettings]) -> Parts:
    """Everything that metrics is made of."""
    facts = LiveView(
        runtime.database,
        "metrics",
        views.NAME,
        views.SERVICES,
        views.project,
        indexes=views.INDEXES,
        pace=_PACE,
        crash=runtime.crash,
    )
    return Parts(
        title="Löfte metrics",
        routes=api.routes(api.Statistics(read_folder(runtime.settings.municipalities), lambda: facts.rows)),
        views=[facts],
    )


def run() -> None:
    """`python -m metrics`."""
    main("metrics", MetricsSettings, build)
