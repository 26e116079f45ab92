"""What a day at a municipal contact centre looks like, after figures that such centres publish for a year."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

__all__ = [
    "CASES",
    "CHANNELS",
    "FIRST_CONTACT",
    "HOURS",
    "MONDAY",
    "TOPICS",
    "TopicShape",
    "Welcome",
]

MONDAY = date(2026, 3, 2)

_CASES_A_YEAR = 144_499
_WORKING_DAYS_A_YEAR = 250
CASES = round(_CASES_A_YEAR / _WORKING_DAYS_A_YEAR)

FIRST_CONTACT = 0.39
"""Published share of cases solved at first contact, over all topics."""

# 8,900 calls a month of 144,499 cases a year are 74 %.
CHANNELS: Mapping[str, float] = {
    "phone": 0.74,
    "email": 0.09,
    "web": 0.055,
    "chat": 0.045,
    "visit": 0.04,
    "social": 0.02,
    "letter": 0.005,
    "system": 0.005,
}

HOURS: Mapping[int, float] = {
    8: 0.13,
    9: 0.14,
    10: 0.13,
    11: 0.12,
    12: 0.10,
    13: 0.11,
    14: 0.10,
    15: 0.09,
    16: 0.08,
}
"""Share of the calls by hour of arrival: the peak is in the morning."""


@dataclass(frozen=True)
class TopicShape:
    """A topic's share of the cases, its share solved at first contact, and that of businesses among who asks."""

    share: float
    first_contact: float
    business: float = 0.0


# Building permits, economic aid and parking are asked about most; economic aid (64 %) and school start (85 %) have
# published shares of their own; the others are such that all together come to 39 %.
TOPICS: Mapping[str, TopicShape] = {
    "social.economic-aid": TopicShape(0.105, 0.64),
    "social.economic-aid-application": TopicShape(0.02, 0.0),
    "social.family-support": TopicShape(0.02, 0.22),
    "social.elderly-care": TopicShape(0.04, 0.31),
    "social.home-care": TopicShape(0.04, 0.33),
    "social.disability-support": TopicShape(0.02, 0.22),
    "school.start": TopicShape(0.06, 0.85),
    "school.preschool": TopicShape(0.05, 0.46),
    "school.after-school": TopicShape(0.02, 0.46),
    "school.transport": TopicShape(0.02, 0.38),
    "school.adult-education": TopicShape(0.02, 0.32),
    "city.building-permit": TopicShape(0.13, 0.26, 0.15),
    "city.planning": TopicShape(0.025, 0.20, 0.10),
    "city.environment": TopicShape(0.04, 0.26, 0.20),
    "city.parking": TopicShape(0.10, 0.39, 0.05),
    "city.streets": TopicShape(0.06, 0.36, 0.05),
    "city.waste": TopicShape(0.05, 0.46, 0.10),
    "culture.library": TopicShape(0.02, 0.52),
    "culture.sports": TopicShape(0.03, 0.50),
    "culture.associations": TopicShape(0.02, 0.42),
    "work.employment": TopicShape(0.03, 0.34),
    "work.debt-advice": TopicShape(0.02, 0.22),
    "work.politics": TopicShape(0.02, 0.40),
    "work.business-permit": TopicShape(0.04, 0.28, 0.70),
}


@dataclass(frozen=True)
class Welcome:
    """What the centre knows when a caller comes in: most press a key or name the matter, some do neither."""

    topic: float = 0.86
    menu_choice: float = 0.09
