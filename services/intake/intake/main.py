"""Builds and runs intake."""

from chassis.access import AccessLog
from chassis.consuming import Subscription, deciding
from chassis.reacting import Pace
from chassis.rebuild import LiveView
from chassis.sealing import KeyRing
from chassis.service import Parts, Runtime, main
from municipality import read_folder

from intake import api, citizens, consumers, inbound, publisher, views
from intake.handlers import Desk, decider
from intake.settings import IntakeSettings
from intake.unsealing import SealingKeys

_PACE = Pace(0.1, 0.25)
"""Route and promise of a contact mostly come within, and are one write."""


def build(runtime: Runtime[IntakeSettings]) -> Parts:
    """Everything that intake is made of."""
    rules = decider()
    keys = KeyRing(runtime.database, runtime.settings.master_key.get_secret_value(), runtime.clock)
    desk = Desk(runtime.store, runtime.clock, keys, rules)
    outcomes = LiveView(
        runtime.database, "intake", views.NAME, views.SERVICES, views.project, pace=_PACE, crash=runtime.crash
    )
    accesses = AccessLog(runtime.database, runtime.clock)
    municipalities = read_folder(runtime.settings.municipalities)
    front = api.Front(desk, municipalities, lambda: outcomes.rows, accesses)
    inbox = consumers.Inbox(front, SealingKeys(runtime.settings.inbound_keys))
    return Parts(
        title="Löfte intake",
        routes=[*api.routes(front), *citizens.routes(front, inbox.keys)],
        publish=lambda commit: publisher.to_contracts(rules, commit),
        subscriptions=[
            Subscription(
                "intake",
                [f"inbound.{code}" for code in sorted(municipalities)],
                deciding(lambda message: consumers.react(inbox, message)),
                parse=inbound.parse,
            )
        ]
        # Without a key nothing could be opened: what is told waits on its topic for one.
        if inbox.keys
        else [],
        views=[outcomes],
    )


def run() -> None:
    """`python -m intake`."""
    main("intake", IntakeSettings, build)
