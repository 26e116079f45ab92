"""Builds and runs intake."""

from chassis.access import AccessLog
from chassis.rebuild import LiveView
from chassis.sealing import KeyRing
from chassis.service import Parts, Runtime, main
from municipality import read_folder

from intake import api, publisher, views
from intake.handlers import Desk, decider
from intake.settings import IntakeSettings

_PACE = 0.1
"""Real seconds: route and promise of a contact mostly come within, and are one write."""


def build(runtime: Runtime[IntakeSettings]) -> Parts:
    """Everything that intake is made of."""
    rules = decider()
    keys = KeyRing(runtime.database, runtime.settings.master_key.get_secret_value(), runtime.clock)
    desk = Desk(runtime.store, runtime.clock, keys, rules)
    outcomes = LiveView(
        runtime.database, "intake", views.NAME, views.SERVICES, views.project, pace=_PACE, crash=runtime.crash
    )
    accesses = AccessLog(runtime.database, runtime.clock)
    front = api.Front(desk, read_folder(runtime.settings.municipalities), lambda: outcomes.rows, accesses)
    return Parts(
        title="Löfte intake",
        routes=api.routes(front),
        publish=lambda commit: publisher.to_contracts(rules, commit),
        views=[outcomes],
    )


def run() -> None:
    """`python -m intake`."""
    main("intake", IntakeSettings, build)
