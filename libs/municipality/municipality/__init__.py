"""What a municipality writes down about itself: owners, topics, routing rules, promise policies, calendars.

One YAML file per municipality, named by its code. Every service mounts the folder, reads it once at start with
`read_folder` and takes the part that it needs. A wrong file says everything that is wrong with it, each fault
with its line.
"""

from municipality.book import WrittenBook
from municipality.calendar import WEEKDAYS, YEARS, Calendar, Weekday
from municipality.conditions import Channel, CitizenKind, PolicyCondition, RuleCondition, covers
from municipality.document import Fault, MunicipalityFileError
from municipality.hours import OpenHours
from municipality.ladder import DEFAULT_LADDER, LadderStep, StepTime
from municipality.model import (
    Figures,
    Municipality,
    Owner,
    Policy,
    PromisedTime,
    Promises,
    Routing,
    Rule,
    Topic,
)
from municipality.notices import Contact, Notices, Text, shipped_texts
from municipality.reading import read_file, read_folder, read_text
from municipality.statutory import Statutory, StatutoryStep

__all__ = [
    "DEFAULT_LADDER",
    "WEEKDAYS",
    "YEARS",
    "Calendar",
    "Channel",
    "CitizenKind",
    "Contact",
    "Fault",
    "Figures",
    "LadderStep",
    "Municipality",
    "MunicipalityFileError",
    "Notices",
    "OpenHours",
    "Owner",
    "Policy",
    "PolicyCondition",
    "PromisedTime",
    "Promises",
    "Routing",
    "Rule",
    "RuleCondition",
    "Statutory",
    "StatutoryStep",
    "StepTime",
    "Text",
    "Topic",
    "Weekday",
    "WrittenBook",
    "covers",
    "read_file",
    "read_folder",
    "read_text",
    "shipped_texts",
]
