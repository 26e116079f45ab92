"""HTTP in: what would happen to a contact, and why."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from chassis.auth import Principal
from chassis.errors import InvalidInput
from chassis.http import Line, RequestModel, allow, example, municipality_of
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pydantic import BaseModel, Field

from routing.domain import Facts, RuleBook, route


class Question(RequestModel):
    """A contact that might come."""

    model_config = example(channel="phone", topic="city.building-permit")

    channel: Literal["phone", "email", "chat", "social", "visit", "web", "letter", "system"]
    citizen_kind: Literal["person", "business", "anonymous"] = "person"
    municipality: Line | None = None
    topic: Line | None = None
    menu_choice: Annotated[int, Field(strict=True, ge=1, le=5)] | None = None
    asked_for: Line | None = None


class Explanation(BaseModel):
    """Who would get it, by which rule of which version, and why."""

    model_config = example(
        owner="group.city",
        department="department.building",
        rule="topic-to-group",
        rule_version=1,
        reason="The answer group takes the first contact about the topic.",
    )

    owner: str
    department: str | None
    rule: str
    rule_version: int
    reason: str


def routes(
    municipalities: Mapping[str, Municipality], books: Mapping[str, RuleBook]
) -> Sequence[ControllerRouterHandler]:
    """Routing's API."""

    @post(
        "/routes/explain",
        status_code=200,
        **allow("guide", "handler", "head", "robot", "auditor", "system", "admin", keyed=False),
    )
    async def explain_route(principal: NamedDependency[Principal], data: JSONBody[Question]) -> Explanation:
        """What would happen to such a contact, and why. Nothing happens."""
        code = municipality_of(principal, data.municipality or principal.municipality)
        municipality = municipalities.get(code)
        if municipality is None:
            raise InvalidInput("municipality", f"{code} is not served here")
        topic = municipality.topic(data.topic) if data.topic is not None else None
        if data.topic is not None and topic is None:
            raise InvalidInput("topic", "no such topic in this municipality; see its file, or leave it out")
        if data.asked_for is not None and municipality.owner(data.asked_for) is None:
            raise InvalidInput(
                "asked_for", "no such owner in this municipality; write group., department. or person.{slug}"
            )
        facts = Facts(data.channel, data.citizen_kind, data.topic, data.menu_choice, data.asked_for)
        found, book = route(facts, books[code]), books[code]
        return Explanation(
            owner=found.owner,
            department=book.department_of(found.owner, data.topic),
            rule=found.rule,
            rule_version=book.version,
            reason=found.reason,
        )

    return [explain_route]
