"""One municipality, as its file says it. Built by `reading`, which also checks that what is named exists."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal, Self, cast
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationInfo, field_validator, model_validator

from municipality.calendar import Calendar
from municipality.conditions import PolicyCondition, RuleCondition
from municipality.hours import HoursOfDay, OpenHours
from municipality.ladder import DEFAULT_LADDER, LadderStep, whole_ladder
from municipality.notices import Contact, Notices, StaffRole
from municipality.statutory import Statutory
from municipality.words import (
    DepartmentId,
    GroupId,
    Line,
    MenuChoice,
    MunicipalityCode,
    OwnerId,
    Part,
    Slug,
    TopicId,
    Version,
    Zone,
)

OwnerKind = Literal["group", "department", "person"]
PromiseUnit = Literal["working_hours", "working_days", "clock_hours"]
_DAYTIME = (OpenHours(timedelta(hours=8), timedelta(hours=21)),)
_UNITS: tuple[PromiseUnit, ...] = ("working_hours", "working_days", "clock_hours")


class Owner(Part):
    """Who can own a case: an answer group, a department, or a person (a named role, not a name).

    `id` is the key in the file. Groups and departments have a `calendar`; a person has a `department` and follows
    its calendar, unless it has one of its own. `contacts`: how its people are reached by notices, by role.
    """

    id: OwnerId
    name: Line
    calendar: Slug | None = None
    department: DepartmentId | None = None
    contacts: Mapping[StaffRole, Contact] = {}

    @property
    def kind(self) -> OwnerKind:
        return cast("OwnerKind", self.id.partition(".")[0])

    @property
    def slug(self) -> str:
        return self.id.partition(".")[2]


class Topic(Part):
    """What a case is about: a leaf of the tree whose first level is the phone menu. `id` is the key in the file.

    `menu_choice`: 1 social support and care, 2 school and preschool, 3 building, streets, property and environment,
    4 culture and leisure, 5 employment, politics and business. `group` answers it, `department` owns it.
    """

    id: TopicId
    name: Line
    menu_choice: MenuChoice
    group: GroupId
    department: DepartmentId


class Rule(Part):
    """Contacts that match `when` go to the owner `to`; `because` is the reason that CaseRouted tells."""

    name: Line
    when: RuleCondition
    to: OwnerId
    because: Line


class Routing(Part):
    """Routing rules: the first that matches decides, else the answer group `fallback`.

    `version` is raised by hand at every change and told with every route.
    """

    version: Version
    fallback: GroupId
    rules: tuple[Rule, ...] = ()


class PromisedTime(Part):
    """The time that is promised; exactly one of the three is written.

    Working hours and working days count in the open hours of the owner's calendar, clock hours day and night.
    """

    working_hours: Annotated[int, Field(strict=True, ge=1, le=400)] | None = None
    working_days: Annotated[int, Field(strict=True, ge=1, le=100)] | None = None
    clock_hours: Annotated[int, Field(strict=True, ge=1, le=2400)] | None = None

    @model_validator(mode="after")
    def _says_one_time(self) -> Self:
        if sum(getattr(self, unit) is not None for unit in _UNITS) != 1:
            raise ValueError(f"must say one time; write one of {', '.join(_UNITS)}")
        return self

    @property
    def unit(self) -> PromiseUnit:
        return next(unit for unit in _UNITS if getattr(self, unit) is not None)

    @property
    def amount(self) -> int:
        """In `unit`s, at least 1."""
        return cast("int", getattr(self, self.unit))


class Policy(Part):
    """An owner who matches `when` gets back to the citizen within `promise`."""

    name: Line
    when: PolicyCondition
    promise: PromisedTime


class AttemptPlan(Part):
    """How often somebody tries to reach the citizen before a promise ends as tried: `number` times, `hours_apart`
    clock hours or more between them, on `half_days` mornings and afternoons at least; the last leaves a message."""

    number: Annotated[int, Field(strict=True, ge=1, le=20)] = 3
    hours_apart: Annotated[int, Field(strict=True, ge=0, le=168)] = 2
    half_days: Annotated[int, Field(strict=True, ge=1, le=20)] = 2

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if self.half_days > self.number:
            raise ValueError("asks for more half_days than attempts; write a number that is no smaller")
        return self


class CapacityPlan(Part):
    """How it is learnt how many promises an owner can keep in a slot of its open time: from so many whole `weeks`."""

    slot: Literal["hour", "half_day", "day"] = "half_day"
    weeks: Annotated[int, Field(strict=True, ge=4, le=52)] = 8


class Promises(Part):
    """Promise policies: the first that matches holds, and the last matches everything.

    `live_limit_minutes`: clock time from `received_at` after which a live contact that nobody has answered or
    handed over gets its promise. `back_dating_limit_minutes`: clock time that an act may be told late and still
    count as of when it happened. `ladder`: who is told, and when; steps that begin after the due time have two before
    them: the handler is told at `reminder_at_percent` of the promised time, and when it is due.
    `pause_limit_working_days`: so long a promise waits for the citizen, then its clock runs again.
    `text_message_hours`: wall time of the municipality in which text messages go out to citizens, every day.
    `capacity` moves no promise: it says when an answer is expected.
    """

    version: Version
    live_limit_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 60
    back_dating_limit_minutes: Annotated[int, Field(strict=True, ge=0, le=1440)] = 15
    reminder_at_percent: Annotated[int, Field(strict=True, ge=1, le=99)] = 75
    pause_limit_working_days: Annotated[int, Field(strict=True, ge=1, le=60)] = 5
    attempts: AttemptPlan = AttemptPlan()
    text_message_hours: Annotated[HoursOfDay, Field(min_length=1)] = _DAYTIME
    capacity: CapacityPlan = CapacityPlan()
    ladder: Annotated[tuple[LadderStep, ...], Field(min_length=1)] = DEFAULT_LADDER
    policies: Annotated[tuple[Policy, ...], Field(min_length=1)]

    @field_validator("ladder")
    @classmethod
    def _whole(cls, ladder: tuple[LadderStep, ...], told: ValidationInfo) -> tuple[LadderStep, ...]:
        return whole_ladder(ladder, told.data.get("reminder_at_percent", 75))


class Figures(Part):
    """How figures are counted. `recontact_window_days`: a case contacted about again within so many days (24 h
    each) of its resolution is not solved at first contact, net."""

    recontact_window_days: Annotated[int, Field(strict=True, ge=1, le=365)] = 7


class Municipality(Part):
    """Everything that one municipality writes down about itself. `code` is the official four-digit one
    (Statistics Sweden), `zone` the IANA time zone in which its calendars and days are read. Without `statutory` no statutory
    clock is kept, without `notices` none go out."""

    code: MunicipalityCode
    name: Line
    zone: Zone
    calendars: Annotated[Mapping[Slug, Calendar], Field(min_length=1)]
    owners: Annotated[Mapping[OwnerId, Owner], Field(min_length=1)]
    topics: Annotated[Mapping[TopicId, Topic], Field(min_length=1)]
    routing: Routing
    promises: Promises
    figures: Figures = Figures()
    notices: Notices | None = None
    statutory: Statutory | None = None

    @property
    def time_zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    def topic(self, topic_id: str) -> Topic | None:
        return self.topics.get(topic_id)

    def owner(self, owner_id: str) -> Owner | None:
        return self.owners.get(owner_id)

    @property
    def answer_groups(self) -> frozenset[str]:
        """The ids of all answer groups."""
        return frozenset(owner.id for owner in self.owners.values() if owner.kind == "group")

    @property
    def departments(self) -> frozenset[str]:
        """The ids of all departments."""
        return frozenset(owner.id for owner in self.owners.values() if owner.kind == "department")

    def department_of(self, owner_id: str) -> str | None:
        """The department that the owner is or belongs to; None for answer groups and unknown owners."""
        owner = self.owner(owner_id)
        if owner is None or owner.kind == "group":
            return None
        return owner.id if owner.kind == "department" else owner.department

    def contact_of(self, owner_id: str, role: str) -> Contact | None:
        """How a role of an owner is reached: its own contact, else that of its department, for a group that of the
        contact centre (the fallback group). None: nobody wrote any."""
        if role == "contact_centre_head":
            return self.notices.contact_centre_head if self.notices else None
        owner = self.owner(owner_id)
        asked = [owner_id, owner.department if owner and owner.kind == "person" else None]
        if owner is None or owner.kind == "group":
            asked.append(self.routing.fallback)
        for name in asked:
            told = self.owner(name) if name is not None else None
            if told is not None and role in told.contacts:
                return told.contacts[cast("StaffRole", role)]
        return None

    def calendar_name_of(self, owner_id: str) -> str | None:
        """The owner's calendar by name, for a person without one that of the department; None for unknown owners."""
        owner = self.owner(owner_id)
        if owner is not None and owner.calendar is None and owner.department is not None:
            owner = self.owner(owner.department)
        return owner.calendar if owner is not None else None
