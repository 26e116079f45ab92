"""Builds and runs routing."""

from chassis.consuming import Subscription, deciding
from chassis.service import Parts, Runtime, main
from municipality import Municipality, read_folder

from routing import api, consumers, publisher
from routing.domain import Rule, RuleBook, Topic
from routing.handlers import Router, decider
from routing.settings import RoutingSettings


def build(runtime: Runtime[RoutingSettings]) -> Parts:
    """Everything that routing is made of."""
    municipalities = read_folder(runtime.settings.municipalities)
    books = {code: rule_book(municipality) for code, municipality in municipalities.items()}
    rules = decider()
    router = Router(runtime.store, runtime.clock, books, rules)
    return Parts(
        title="Löfte routing",
        routes=api.routes(municipalities, books),
        publish=lambda commit: publisher.to_contracts(rules, commit),
        subscriptions=[
            Subscription(
                "routing",
                ("intake", "casework"),
                deciding(lambda message: consumers.react(router, message)),
            )
        ],
    )


def rule_book(municipality: Municipality) -> RuleBook:
    """The rules as the domain reads them."""
    owners = {owner: municipality.department_of(owner) for owner in municipality.owners}
    return RuleBook(
        version=municipality.routing.version,
        fallback=municipality.routing.fallback,
        rules=[
            Rule(
                name=rule.name,
                to=rule.to,
                because=rule.because,
                topic=rule.when.topic,
                menu_choice=rule.when.menu_choice,
                channels=rule.when.channel,
                citizen_kind=rule.when.citizen_kind,
            )
            for rule in municipality.routing.rules
        ],
        topics={topic.id: Topic(topic.group, topic.department) for topic in municipality.topics.values()},
        departments={owner: department for owner, department in owners.items() if department is not None},
    )


def run() -> None:
    """`python -m routing`."""
    main("routing", RoutingSettings, build)
