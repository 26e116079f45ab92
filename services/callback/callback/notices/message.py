"""What is to be told to whom: kept until it is sent, without any address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from lofte_events import CallbackDue
from pydantic import TypeAdapter

from callback.domain.notices import Notice

UNRESOLVED = "unresolved"
_FORM = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Message:
    """A notice with its occasion, and what is filled into its text. `about`: the receiver that is missing, where that is
    what is told. `ahead_of`: the time at which the citizen is to be told, where a text message goes out before it."""

    notice: Notice
    case_id: str
    occasion: str
    words: Mapping[str, str]
    about: str | None = None
    ahead_of: datetime | None = None

    def stored(self) -> bytes:
        return _ADAPTER.dump_json(self)

    @staticmethod
    def read(stored: bytes) -> "Message":
        return _ADAPTER.validate_json(stored)


_ADAPTER = TypeAdapter(Message)


def words_of(
    due: CallbackDue, owner_name: str, municipality: str, zone: ZoneInfo, link: str | None
) -> Mapping[str, str]:
    """What a text about a stage can say; times by the municipality's clock."""

    def local(moment: datetime | None) -> str:
        return moment.astimezone(zone).strftime(_FORM) if moment else ""

    return {
        "case": due.case_id,
        "due_at": local(due.due_at),
        "expected_at": local(due.expected_at),
        "link": (link or "").replace("{case_id}", due.case_id),
        "municipality": municipality,
        "owner": owner_name,
    }
