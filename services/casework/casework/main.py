"""Builds and runs casework."""

from chassis.access import AccessLog
from chassis.consuming import Subscription, deciding
from chassis.reacting import Pace
from chassis.rebuild import LiveView
from chassis.sealing import KeyRing
from chassis.service import Parts, Runtime, main
from municipality import read_folder

from casework import api, consumers, publisher, views
from casework.handlers import Cases, decider
from casework.settings import CaseworkSettings

_PACE = Pace(0.03, 0.12)
"""Handlers look at their lists; what a contact begins with is mostly one write there, or two."""


def build(runtime: Runtime[CaseworkSettings]) -> Parts:
    """Everything that casework is made of."""
    rules = decider()
    keys = KeyRing(runtime.database, runtime.settings.master_key.get_secret_value(), runtime.clock)
    cases = Cases(runtime.store, runtime.clock, keys, rules)
    rows = LiveView(
        runtime.database,
        "casework",
        views.NAME,
        views.SERVICES,
        views.project,
        indexes=views.INDEXES,
        pace=_PACE,
        crash=runtime.crash,
    )
    accesses = AccessLog(runtime.database, runtime.clock)
    return Parts(
        title="Löfte casework",
        routes=api.routes(
            api.Office(cases, read_folder(runtime.settings.municipalities), lambda: rows.rows, accesses)
        ),
        publish=lambda commit: publisher.to_contracts(rules, commit),
        subscriptions=[
            Subscription(
                "casework",
                ("intake", "routing"),
                deciding(lambda message: consumers.react(cases, message)),
            ),
        ],
        views=[rows],
    )


def run() -> None:
    """`python -m casework`."""
    main("casework", CaseworkSettings, build)
