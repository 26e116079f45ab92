"""An owner's cases, one case, and what is done with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.access import AccessLog
from chassis.auth import Principal
from chassis.errors import InvalidInput, NotFound, NotYetVisible, RuleViolation, VersionRequired
from chassis.http import (
    APPENDING,
    Limit,
    Page,
    allow,
    decode_cursor,
    encode_cursor,
    etag,
    if_match,
    not_future,
    request_cause,
)
from chassis.http.requests import AnyRequest
from chassis.ids import fresh_id
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pymongo.asynchronous.collection import AsyncCollection

from casework import domain, views
from casework.access import may_act, may_list, may_read
from casework.api.models import (
    CaseId,
    CaseNow,
    CaseRow,
    Done,
    NewAttempt,
    NewCitizenContact,
    NewForward,
    NewNote,
    NewReopening,
    NewResolution,
    NewReturn,
    NewWaiting,
    NewWithdrawal,
    Nothing,
    case_now,
    done,
    row,
)
from casework.domain import Case, Command
from casework.handlers import Cases, do_act, key_of, load_case, seal
from casework.history import Entry, entries

ACTING = ("guide", "handler", "head", "robot")
READING = (*ACTING, "auditor")

_UNKNOWN = (NotFound, NotYetVisible)
_noting = allow(*ACTING, headers=("If-Match",), tells=("ETag",), refuses=(*_UNKNOWN, *APPENDING))
_acting = allow(
    *ACTING,
    headers=("If-Match",),
    tells=("ETag",),
    refuses=(*_UNKNOWN, VersionRequired, RuleViolation, *APPENDING),
    shows={
        "version": {"type": "integer", "description": "Of version-mismatch: the present version"},
        "owner": {
            "type": ["string", "null"],
            "description": "Of version-mismatch, rule-violation: of the case",
        },
        "handler": {"type": ["string", "null"], "description": "The same: who has claimed it"},
    },
)


@dataclass(frozen=True, slots=True)
class Office:
    """What the routes work with. `rows`: the live collection of the owners' view;
    `accesses`: who read what."""

    cases: Cases
    municipalities: Mapping[str, Municipality]
    rows: Callable[[], AsyncCollection[dict[str, Any]]]
    accesses: AccessLog


def routes(office: Office) -> Sequence[ControllerRouterHandler]:
    """Casework's API."""

    @get("/owners/{owner:str}/cases", **allow(*READING))
    async def get_owner_cases(
        owner: FromPath[str],
        principal: NamedDependency[Principal],
        cursor: FromQuery[str | None] = None,
        limit: Limit = 50,
    ) -> Page[CaseRow]:
        """An owner's open cases, least time left first."""
        municipality = office.municipalities.get(principal.municipality)
        if municipality is None or municipality.owner(owner) is None:
            raise InvalidInput("owner", "no such owner in this municipality")
        may_list(principal, owner, municipality)
        place = decode_cursor(cursor, at=str, case=str)
        after = (_moment(place["at"]), place["case"]) if place else None
        found = await views.cases_of(office.rows(), principal.municipality, owner, after, limit)
        last = found[-1] if len(found) == limit else None
        following = (
            encode_cursor({"at": last["least_at"].isoformat(), "case": last["case_id"]}) if last else None
        )
        return Page(items=[row(document) for document in found], next=following)

    @get("/cases/{case_id:str}", **allow(*READING, tells=("ETag",), refuses=(NotYetVisible,)))
    async def get_case(case_id: CaseId, principal: NamedDependency[Principal]) -> Response[CaseNow]:
        """A case as it is now, from the log itself. The ETag is its version."""
        loaded = await load_case(office.cases, principal.municipality, case_id)
        may_read(principal, loaded.case, office.municipalities[principal.municipality])
        view = await views.case_in_view(office.rows(), principal.municipality, case_id)
        promise = (view or {}).get("promise")
        now = case_now(case_id, loaded.case, loaded.version, promise, office.cases.clock.now())
        return Response(now, headers={"ETag": etag(loaded.version)})

    @get("/cases/{case_id:str}/history", **allow(*READING, refuses=(NotYetVisible,)))
    async def get_history(case_id: CaseId, principal: NamedDependency[Principal]) -> list[Entry]:
        """Everything that casework knows of a case, oldest first, with its texts. Every reading is kept."""
        loaded = await load_case(office.cases, principal.municipality, case_id)
        may_read(principal, loaded.case, office.municipalities[principal.municipality])
        await office.accesses.note(principal, f"history of case {case_id}")
        key = await office.cases.keys.find(key_of(principal.municipality, case_id))
        return entries(office.cases.decider, loaded.commits, key)

    @post("/cases/{case_id:str}/claim", status_code=200, **_acting)
    async def claim_case(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[Nothing]
    ) -> Response[Done]:
        """Take the case. Of two who claim at once one wins, the other is told who."""
        return await _act(office, request, principal, case_id, lambda _: domain.Claim(principal.subject))

    @post("/cases/{case_id:str}/note", status_code=200, **_noting)
    async def add_note(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[NewNote]
    ) -> Response[Done]:
        """Write a note. `If-Match` is not needed; where it is given it holds."""

        def command(text: bytes) -> Command:
            return domain.AddNote(fresh_id(), principal.subject, text)

        words = ("note", data.text)
        return await _act(office, request, principal, case_id, command, words=words, guarded=False)

    @post("/cases/{case_id:str}/attempt", status_code=200, **_acting)
    async def begin_attempt(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewAttempt],
    ) -> Response[Done]:
        """Say that you are getting back to the citizen now. Nobody else can until you tell how it went, the time that you
        take is over, or the citizen contacts us."""
        command = domain.BeginAttempt(principal.subject, timedelta(minutes=data.minutes))
        return await _act(office, request, principal, case_id, lambda _: command)

    @post("/cases/{case_id:str}/citizen-contacted", status_code=200, **_acting)
    async def record_citizen_contact(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewCitizenContact],
    ) -> Response[Done]:
        """Tell that somebody tried to get back to the citizen, and how it went."""
        command = domain.RecordContact(data.outcome, principal.subject, _happened(office, data.occurred_at))
        return await _act(office, request, principal, case_id, lambda _: command)

    @post("/cases/{case_id:str}/await-citizen", status_code=200, **_acting)
    async def await_citizen(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewWaiting],
    ) -> Response[Done]:
        """Wait for the citizen: the clock of the promise stands until the case is resumed, or a limit is over."""
        since = _happened(office, data.occurred_at)
        if data.until is None and data.reason == "time_chosen_by_citizen":
            raise InvalidInput("until", "missing; give the time that the citizen chose")
        if data.until is not None and data.until <= office.cases.clock.now():
            raise InvalidInput("until", "has passed; give a time to come, or none")
        command = domain.AwaitCitizen(data.reason, principal.subject, since, data.until)
        return await _act(office, request, principal, case_id, lambda _: command)

    @post("/cases/{case_id:str}/resume", status_code=200, **_acting)
    async def resume_case(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[Nothing]
    ) -> Response[Done]:
        """The waiting is over. A further contact, a forward, return, resolution or withdrawal ends it too."""
        return await _act(office, request, principal, case_id, lambda _: domain.Resume(principal.subject))

    @post("/cases/{case_id:str}/forward", status_code=200, **_acting)
    async def forward_case(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewForward],
    ) -> Response[Done]:
        """Pass the case on; routing decides to whom, never straight back."""
        municipality = _served(office, principal)
        _must_name_one(data, municipality)
        topic = municipality.topic(data.to_topic) if data.to_topic is not None else None
        owner = topic.department if topic is not None else None

        def command(reason: bytes) -> Command:
            return domain.Forward(data.to_topic, data.to_owner, principal.subject, reason, owner)

        return await _act(office, request, principal, case_id, command, words=("reason", data.reason))

    @post("/cases/{case_id:str}/return", status_code=200, **_acting)
    async def return_case(
        request: AnyRequest, case_id: CaseId, principal: NamedDependency[Principal], data: JSONBody[NewReturn]
    ) -> Response[Done]:
        """Send the case back to the contact centre."""

        def command(text: bytes) -> Command:
            return domain.Return(data.reason_code, principal.subject, text)

        return await _act(office, request, principal, case_id, command, words=("text", data.text))

    @post("/cases/{case_id:str}/resolve", status_code=200, **_acting)
    async def resolve_case(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewResolution],
    ) -> Response[Done]:
        """The citizen has the answer."""

        def command(answer: bytes) -> Command:
            return domain.Resolve(principal.subject, answer, data.minutes)

        return await _act(office, request, principal, case_id, command, words=("answer", data.answer))

    @post("/cases/{case_id:str}/withdraw", status_code=200, **_acting)
    async def withdraw_case(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewWithdrawal],
    ) -> Response[Done]:
        """Close a case that needs no answer any more: its promise is neither kept nor broken by that."""
        command = domain.Withdraw(data.reason, principal.subject)
        return await _act(office, request, principal, case_id, lambda _: command)

    @post("/cases/{case_id:str}/reopen", status_code=200, **_acting)
    async def reopen_case(
        request: AnyRequest,
        case_id: CaseId,
        principal: NamedDependency[Principal],
        data: JSONBody[NewReopening],
    ) -> Response[Done]:
        """Open a resolved case again, with its first promise on record."""

        def command(reason: bytes) -> Command:
            return domain.Reopen(principal.subject, reason)

        return await _act(office, request, principal, case_id, command, words=("reason", data.reason))

    return [
        get_owner_cases,
        get_case,
        get_history,
        claim_case,
        add_note,
        begin_attempt,
        record_citizen_contact,
        await_citizen,
        resume_case,
        forward_case,
        return_case,
        resolve_case,
        withdraw_case,
        reopen_case,
    ]


async def _act(
    office: Office,
    request: AnyRequest,
    principal: Principal,
    case_id: str,
    command: Callable[[bytes], Command],
    *,
    words: tuple[str, str] | None = None,
    guarded: bool = True,
) -> Response[Done]:
    """`command` is given the sealed `words` (field and text); all that a request can be refused for comes first."""
    cause = await request_cause(request, principal)
    municipality = _served(office, principal)
    version = if_match(request, needed=guarded)

    def may(case: Case) -> None:
        may_act(principal, case, municipality)

    sealed = b""
    if words is not None:
        sealed = await seal(office.cases, principal.municipality, case_id, *words, may=may, if_match=version)
    handled = await do_act(
        office.cases,
        principal.municipality,
        case_id,
        command(sealed),
        cause,
        may=may,
        if_match=version,
    )
    return Response(done(case_id, handled), headers={"ETag": etag(handled.version)})


def _happened(office: Office, occurred_at: datetime | None) -> datetime:
    """When an act happened: now, unless its time is told."""
    clock = office.cases.clock
    if occurred_at is not None:
        not_future("occurred_at", occurred_at, clock)
    return min(occurred_at or clock.now(), clock.now())


def _served(office: Office, principal: Principal) -> Municipality:
    municipality = office.municipalities.get(principal.municipality)
    if municipality is None:
        raise NotFound("the token's municipality is not served here")
    return municipality


def _must_name_one(data: NewForward, municipality: Municipality) -> None:
    if (data.to_topic is None) == (data.to_owner is None):
        raise InvalidInput("to_topic", "name either to_topic or to_owner")
    if data.to_topic is not None and municipality.topic(data.to_topic) is None:
        raise InvalidInput("to_topic", "no such topic in this municipality; see its file")
    if data.to_owner is not None and municipality.owner(data.to_owner) is None:
        raise InvalidInput(
            "to_owner", "no such owner in this municipality; write group., department. or person.{slug}"
        )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput("cursor", "not a cursor of this list; begin without one")
