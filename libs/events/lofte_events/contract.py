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


class Contract(BaseModel):
    """A published fact. Unknown fields are ignored and enumerations are open, so that old readers read new facts.

    `TOPIC` is where it is told, below the installation's prefix.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str] = "{service}"

    case_id: str = Field(description="The case that the fact is about")
