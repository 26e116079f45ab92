"""The conditions of rules and policies: what they say, when they match, and when one covers another."""

from typing import Annotated, Literal

from pydantic import BeforeValidator

from municipality.words import MenuChoice, OwnerId, Part, TopicPattern

Channel = Literal["phone", "email", "chat", "social", "visit", "web", "letter", "system"]
CitizenKind = Literal["person", "business", "anonymous"]


def covers(pattern: str, topic: str) -> bool:
    """Is `topic` the topic or a level below it? `city` covers `city.parking`; `city.park` does not."""
    return topic == pattern or topic.startswith(f"{pattern}.")


def _as_list(written: object) -> object:
    return [written] if isinstance(written, str) else written


class Condition(Part):
    """What a contact must be like: every condition written holds, nothing written matches everything. Each is compared
    with the same field of ContactReceived, exactly as the contact states it; one without the field does not match.

    `topic` is a topic or an upper level of one; `channel` is one channel or a list of which one must hold.
    """

    topic: TopicPattern | None = None
    channel: Annotated[tuple[Channel, ...] | None, BeforeValidator(_as_list)] = None
    citizen_kind: CitizenKind | None = None

    def is_like(self, *, topic: str | None, channel: str, citizen_kind: str) -> bool:
        """Does such a contact match?"""
        return (
            (self.topic is None or (topic is not None and covers(self.topic, topic)))
            and (self.channel is None or channel in self.channel)
            and (self.citizen_kind is None or self.citizen_kind == citizen_kind)
        )

    def takes_in(self, other: "Condition") -> bool:
        """Does this match whatever `other` matches?"""
        return (
            (self.topic is None or (other.topic is not None and covers(self.topic, other.topic)))
            and (
                self.channel is None
                or (other.channel is not None and set(other.channel) <= set(self.channel))
            )
            and self.citizen_kind in (None, other.citizen_kind)
        )


class RuleCondition(Condition):
    """When a routing rule matches."""

    menu_choice: MenuChoice | None = None

    def matches(self, *, topic: str | None, menu_choice: int | None, channel: str, citizen_kind: str) -> bool:
        return self.menu_choice in (None, menu_choice) and self.is_like(
            topic=topic, channel=channel, citizen_kind=citizen_kind
        )

    def covers(self, other: "RuleCondition") -> bool:
        """Does this match whatever `other` matches? Then a rule with `other` below it is never reached."""
        return self.menu_choice in (None, other.menu_choice) and self.takes_in(other)


class PolicyCondition(Condition):
    """When a promise policy matches: the owner who promises is `owner`, and the contact that opened the case is like
    this."""

    owner: OwnerId | None = None

    def matches(self, *, owner: str, topic: str | None, channel: str, citizen_kind: str) -> bool:
        return self.owner in (None, owner) and self.is_like(
            topic=topic, channel=channel, citizen_kind=citizen_kind
        )

    def covers(self, other: "PolicyCondition") -> bool:
        """Does this match whatever `other` matches? Then a policy with `other` below it is never reached."""
        return self.owner in (None, other.owner) and self.takes_in(other)
