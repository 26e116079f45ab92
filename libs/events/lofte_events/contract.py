"""What every contract is: a frozen model that may only grow, known on the wire by its `TYPE`."""

from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

MunicipalityCode = Annotated[
    str, Field(pattern=r"^\d{4}$", description="Four-digit code of the municipality")
]
OwnerId = Annotated[
    str,
    Field(
        pattern=r"^(group|department|person)\.[a-z0-9-]+$",
        description="Who must act: group.{slug}, department.{slug} or person.{slug}",
        examples=["department.building"],
    ),
]
Moment = AwareDatetime
Imported = Annotated[
    bool, Field(description="Taken over from another system and judged by the times that it told")
]


class AnyContract(BaseModel):
    """What is told on a topic. Unknown fields are ignored and enumerations are open, so that old readers read new facts.

    `TOPIC` is where it is told, below the installation's prefix.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str] = "{service}"


class Contract(AnyContract):
    """A published fact about a case."""

    case_id: str = Field(description="The case that the fact is about")
