"""Load, decide, append: the only writer to casework's log. Texts are sealed before they are decided on."""

from collections.abc import Callable
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.commit import Cause, Codec, Commit
from chassis.errors import NotYetVisible, RuleViolation, VersionMismatch
from chassis.handling import Decider, Decision, Handled, handle
from chassis.sealing import KeyRing
from chassis.store import EventStore

from casework import domain
from casework.domain import Case, Command


def decider() -> Decider[Case, domain.Event]:
    """Casework's rules, with the codec of its private events."""
    codec: Codec[domain.Event] = Codec(
        [
            domain.ContactNoted,
            domain.RouteNoted,
            domain.CaseClaimed,
            domain.NoteAdded,
            domain.AttemptBegun,
            domain.CitizenContacted,
            domain.CaseAwaitingCitizen,
            domain.CaseResumed,
            domain.CitizenAskedAgain,
            domain.CaseForwarded,
            domain.CaseReturned,
            domain.CaseResolved,
            domain.CaseWithdrawn,
            domain.CaseReopened,
        ]
    )
    inside = (domain.ContactNoted, domain.RouteNoted, domain.AttemptBegun)
    return Decider(domain.INITIAL, domain.evolve, codec, inside=inside)


@dataclass(frozen=True, slots=True)
class Cases:
    """What the handlers work with."""

    store: EventStore
    clock: Clock
    keys: KeyRing
    decider: Decider[Case, domain.Event]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A case as it is now, its version, and the commits that made it."""

    case: Case
    version: int
    commits: tuple[Commit, ...]


async def note_fact(
    cases: Cases, municipality: str, case_id: str, command: Command, cause: Cause, *, new: bool = False
) -> Handled[Case]:
    """Take note of what another service told. `new`: nothing was noted about the case yet."""
    return await handle(
        cases.store,
        cases.decider,
        cases.clock,
        municipality=municipality,
        stream=stream_of(municipality, case_id),
        correlation_id=case_id,
        cause=cause,
        decide=lambda case, _: Decision(domain.decide(command, case, cases.clock.now())),
        new=new,
    )


async def do_act(
    cases: Cases,
    municipality: str,
    case_id: str,
    command: Command,
    cause: Cause,
    *,
    may: Callable[[Case], None],
    if_match: int | None,
) -> Handled[Case]:
    """Do what somebody asks for. `may` raises NotAllowed for whom the present owner is none of their business.

    Raises:
        NotYetVisible: casework has not heard of the case.
        VersionMismatch: somebody else acted first; tells the version, owner and handler.
        RuleViolation: the case is not in a state for it.
    """

    def decide(case: Case, _: int) -> Decision[domain.Event]:
        require_known(case)
        may(case)
        try:
            return Decision(domain.decide(command, case, cases.clock.now()))
        except domain.RuleBroken as broken:
            raise RuleViolation(broken.code, broken.detail, **_standing_now(case)) from None

    def mismatch(case: Case, version: int) -> VersionMismatch:
        require_known(case)
        may(case)
        return _mismatch(case, version)

    return await handle(
        cases.store,
        cases.decider,
        cases.clock,
        municipality=municipality,
        stream=stream_of(municipality, case_id),
        correlation_id=case_id,
        cause=cause,
        decide=decide,
        if_match=if_match,
        on_mismatch=mismatch,
    )


async def load_case(cases: Cases, municipality: str, case_id: str) -> Loaded:
    """A case as it is now.

    Raises:
        NotYetVisible: casework has not heard of the case.
    """
    commits = tuple(await cases.store.load(municipality, stream_of(municipality, case_id)))
    case = cases.decider.fold(commits)
    require_known(case)
    return Loaded(case, commits[-1].last_version, commits)


async def seal(
    cases: Cases,
    municipality: str,
    case_id: str,
    field: str,
    text: str,
    *,
    may: Callable[[Case], None] = lambda _: None,
    if_match: int | None = None,
) -> bytes:
    """Seal a text under the key of its case, which is made with the first text of a known case.

    What will be refused makes no key: `may` and `if_match` are as in `do_act`, with the same errors.
    """
    subject = key_of(municipality, case_id)
    key = await cases.keys.find(subject)
    if key is None:
        loaded = await load_case(cases, municipality, case_id)
        may(loaded.case)
        if if_match not in (None, loaded.version):
            raise _mismatch(loaded.case, loaded.version)
        key = await cases.keys.key(subject, new=True)
    return key.seal(field, text)


def key_of(municipality: str, case_id: str) -> str:
    """What the key of a case's texts is called."""
    return f"{municipality}:case:{case_id}"


def require_known(case: Case) -> None:
    """A case is known once it has a contact and an owner.

    Raises:
        NotYetVisible: it is not; it may be on its way.
    """
    if not case.known:
        raise NotYetVisible("casework does not know this case; if it is new, ask again in a moment")


def stream_of(municipality: str, case_id: str) -> str:
    return f"{municipality}.case-{case_id}"


def _mismatch(case: Case, version: int) -> VersionMismatch:
    return VersionMismatch(
        f"the case is now at version {version}: read it again", version=version, **_standing_now(case)
    )


def _standing_now(case: Case) -> dict[str, str | None]:
    return {"owner": case.route.owner if case.route else None, "handler": case.handler}
