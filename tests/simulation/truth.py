"""What must hold, said once more and otherwise than the services say it: after every commit, and at the end."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import callback.domain as promises
import casework.domain as cases
import intake.domain as contacts
import routing.domain as routes
from callback.domain import Asked, PolicyBook
from callback.domain.events import Moved
from casework.views import project
from chassis.commit import Commit
from chassis.correction import WRONG_BY
from chassis.handling import Decider
from chassis.reacting import Message
from chassis.serving import parse_fact
from chassis.testing.relaying import first_seen
from lofte_events import counts_at

from .groups import PREFIX
from .moves import check_move, is_in_time, must
from .services import PUBLISH, SERVICES, case_rules, contact_rules, policy_books, promise_rules, route_rules

if TYPE_CHECKING:
    from .people import Accepted
    from .world import World

ANSWERS = ("reached", "answered_in_writing")
_CODECS: Mapping[str, Callable[[], Decider[Any, Any]]] = {
    "intake": contact_rules,
    "routing": route_rules,
    "casework": case_rules,
    "callback": promise_rules,
}
_UNSURE = WRONG_BY.total_seconds() + 0.002
"""Real seconds by which a corrected clock may be wrong, and the millisecond to which the database tells its own."""


class Truth:
    """Sees all logs at once, which no service does."""

    def __init__(self, world: "World", accepted: "Accepted") -> None:
        self.world = world
        self.accepted = accepted
        self._promises: dict[str, promises.Promise] = {}
        self._timers: dict[str, Any] = {}
        world.on_commit.append(self._commit)

    # --- what people and time may know

    def next_due_at(self, case_id: str) -> datetime | None:
        """When the newest promise of a case falls due."""
        due = [p.clock.due_at for s, p in self._promises.items() if f".promise-{case_id}-" in s and p.clock]
        return max(due, default=None)

    def firings(self) -> list[datetime]:
        return [timers.next_at for timers in self._timers.values() if timers.next_at is not None]

    def timers(self) -> list[datetime]:
        judged = [timers.judge_at for timers in self._timers.values() if timers.judge_at is not None]
        return self.firings() + judged

    # --- after every commit

    def _commit(self, service: str, commit: Commit) -> None:
        if service != "callback":
            return
        now = self.world.time.domain()
        before = promise = self._promises.get(commit.stream, promises.INITIAL)
        for event in _events("callback", commit):
            match event:
                case promises.CallbackFellDue(stage=stage, skipped=skipped):
                    early = stage.at - now
                    must(
                        early <= timedelta(seconds=_UNSURE * self.world.time.rate),
                        f"{stage.name} fired {early} early",
                    )
                    must(promise.paused is None, f"{stage.name} fired while the clock stood")
                    must(not promise.answered, f"{stage.name} fired although the answer had been read")
                    passing = _left(promise)[: len(skipped) + 1]
                    must(
                        [s.name for s in passing] == [*skipped, stage.name]
                        # A citizen may be told with it.
                        and replace(passing[-1].telling(stage.receivers), ahead_of=stage.ahead_of) == stage,
                        f"{stage.name} {stage.step} fired out of turn, or once more",
                    )
                case promises.PromiseBroken(broken_at=broken_at):
                    acts = self._acts(commit.municipality, commit.correlation_id, commit.stream, promise)
                    in_time = [at for at in acts if is_in_time(at, promise)]
                    must(not in_time, f"judged broken, but there was an act in time at {in_time}")
                    due_at = promise.clock.due_at if promise.clock else None
                    must(broken_at == due_at, "broken at another time than it was due")
                    must(promise.broken is None, "broken twice")
                case promises.PromiseMade():
                    must(promise.terms is None, "promised twice")
            self._check_move(commit, promise, event)
            after = promises.evolve(promise, event)
            if promise.clock and after.clock and not isinstance(event, Moved):
                must(after.clock == promise.clock, "what was promised was moved by what moves nothing")
            promise = after
        if before.terms is not None:
            must(promise.terms == before.terms, "what was promised has changed")
        self._promises[commit.stream] = promise
        self._timers[commit.stream] = commit.timers
        must(commit.timers is not None, "a commit of a promise without timers")
        expected = self._expected_timers(promise)
        told = (commit.timers.next_at, commit.timers.judge_at) if commit.timers else None
        must(told == expected, f"timers {told} where {expected} are due")

    def _check_move(self, commit: Commit, promise: promises.Promise, event: Any) -> None:
        number, case_id = int(commit.stream.rpartition("-")[2]), commit.correlation_id
        log = self._log("casework", commit.municipality, f"{commit.municipality}.case-{case_id}")
        check_move(promise, event, log, number, policy_books()[commit.municipality].current)

    def _expected_timers(self, promise: promises.Promise) -> tuple[datetime | None, datetime | None]:
        clock, contact = promise.clock, promise.contact
        if promise.terms is None:
            undecided = contact is not None and contact.live and not promise.conversation_ended
            undecided = undecided and not promise.limit_passed
            return None, contact.judge_limit_at if contact is not None and undecided else None
        if promise.kept or promise.answered_late or promise.withdrawn:
            return None, None
        if promise.paused is not None:
            return None, promise.paused.judge_at
        left = () if promise.answered else _left(promise)
        return left[0].at if left else None, None if promise.broken or not clock else clock.judge_at

    def _acts(
        self, municipality: str, case_id: str, stream: str, promise: promises.Promise
    ) -> list[datetime]:
        """When the acts count that answer a promise: all that casework has stored, whoever has read it."""
        terms, clock = promise.terms, promise.clock
        if terms is None or clock is None:
            return []
        limit = policy_books()[municipality].current.back_dating_limit
        number = int(stream.rpartition("-")[2])
        found = []
        for commit in self._stream("casework", municipality, f"{municipality}.case-{case_id}"):
            for event in _events("casework", commit):
                match event:
                    case cases.CitizenContacted(standing=standing, outcome=outcome) if outcome in ANSWERS:
                        pass
                    case cases.CaseResolved(standing=standing):
                        pass
                    case _:
                        continue
                at = counts_at(event.occurred_at, commit.stored_at, limit)
                answers = standing.promise_number == number and standing.route_number >= terms.route_number
                if answers and (clock.from_at is None or at > clock.from_at):
                    found.append(at)
        return found

    # --- at the end

    def check_end(self) -> None:
        """Nothing lost, nothing doubled, every promise as it has to be. Raises Broken."""
        self._check_requests()
        self._check_topics()
        for commit in self._commits("intake"):
            for event in _events("intake", commit):
                if event.opens_case:
                    self._check_case(commit.municipality, event)
        for stream, promise in self._promises.items():
            if promise.terms is not None:
                self._check_verdict(stream, promise)
        self._check_view()

    def _check_requests(self) -> None:
        """What was answered with yes is in the log once; nothing else is."""
        for service, accepted in (
            ("intake", self.accepted.contacts),
            ("casework", self.accepted.acts),
            ("callback", self.accepted.renewals),
        ):
            written = [c.cause.body_hash for c in self._commits(service) if c.cause.body_hash is not None]
            must(len(written) == len(set(written)), f"{service}: a request was handled twice")
            # Claiming what is claimed already is answered with yes and writes nothing.
            asked = {key for key, name in accepted.items() if name != "claim"}
            must(asked <= set(written), f"{service}: a request was accepted and is not in the log")
            must(set(written) <= set(accepted), f"{service}: nobody was told of what is in the log")

    def _check_topics(self) -> None:
        """Of every stream all events that are for others, in order, without a gap."""
        for service in SERVICES:
            expected: dict[str, list[int]] = {}
            for commit in sorted(self._commits(service), key=lambda c: c.first_version):
                for place, contract in enumerate(PUBLISH[service](commit)):
                    if contract is not None:
                        source = f"/{commit.municipality}/{service}/{commit.stream}"
                        expected.setdefault(source, []).append(commit.first_version + place)
            told = [raw for raw in self.world.broker.records(f"{PREFIX}.{service}") if raw.value != b"{"]
            seen = first_seen(told)
            must(
                seen == expected, f"{service}: the topic does not tell the log: {_difference(seen, expected)}"
            )

    def _check_case(self, municipality: str, opener: contacts.ContactReceived) -> None:
        case_id, book = opener.case_id, policy_books()[municipality].current
        routed = list(
            self._told("routing", municipality, f"{municipality}.route-{case_id}", routes.CaseRouted)
        )
        done = [e for _, e in self._log("casework", municipality, f"{municipality}.case-{case_id}")]
        handed_over = [e for e in done if isinstance(e, cases.CaseForwarded | cases.CaseReturned)]
        must(
            [r.route_number for r in routed] == list(range(1, len(handed_over) + 2)),
            f"{len(routed)} routes where there were {len(handed_over)} hand-overs",
        )
        must(
            [r.hand_over_number or 0 for r in routed] == list(range(len(routed))),
            "a hand-over routed twice, or never",
        )
        noted = sorted(e.contact_id for e in done if isinstance(e, cases.ContactNoted))
        came = sorted(
            e.contact_id
            for c in self._commits("intake")
            for e in _events("intake", c)
            if e.case_id == case_id
        )
        must(noted == came, f"casework knows {len(noted)} contacts of {len(came)}")
        self._check_promises(municipality, opener, routed, done, book)

    def _check_promises(
        self,
        municipality: str,
        opener: contacts.ContactReceived,
        routed: Sequence[routes.CaseRouted],
        done: Sequence[Any],
        book: PolicyBook,
    ) -> None:
        """One promise where one is due, under whom and from when it is due."""
        owed: dict[int, Any] = {1: self._first_promise(municipality, opener, routed, done, book)}
        for event in done:
            if isinstance(event, cases.CaseReopened) and event.owes_promise:
                standing = event.standing
                owed[standing.promise_number] = (standing.owner, standing.topic, standing.asked_at)
        for number, owes in owed.items():
            stream = f"{municipality}.promise-{opener.case_id}-{number}"
            promise = self._promises.get(stream, promises.INITIAL)
            if owes is None:
                must(promise.terms is None, f"promise {number} made although none is due")
                continue
            owner, topic, from_at = owes
            must(promise.terms is not None, f"promise {number} due from {from_at} and not made")
            assert promise.terms is not None
            must(
                (promise.terms.owner, promise.terms.from_at) == (owner, from_at),
                f"promised by {promise.terms.owner} from {promise.terms.from_at}, not by {owner} from {from_at}",
            )
            asked = Asked(topic, opener.channel, opener.citizen_kind) if number == 1 else Asked(topic)
            due_at = book.due_at(book.policy(owner, asked), owner, from_at)
            must(promise.terms.due_at == due_at, f"due at {promise.terms.due_at}, not {due_at}")
        made = {s for s, p in self._promises.items() if f".promise-{opener.case_id}-" in s and p.terms}
        must(len(made) == sum(owes is not None for owes in owed.values()), "promises that nobody is owed")

    def _first_promise(
        self,
        municipality: str,
        opener: contacts.ContactReceived,
        routed: Sequence[routes.CaseRouted],
        done: Sequence[Any],
        book: PolicyBook,
    ) -> tuple[str, str | None, datetime] | None:
        """By whom, for what topic, from when; None: nothing needed to be promised."""
        received_at = opener.received_at
        if not opener.live:
            return routed[0].owner, routed[0].topic, received_at
        limit_at = received_at + book.live_limit
        in_conversation = [r for r in routed if r.routed_at <= limit_at and r.promise_number == 1]
        for route in in_conversation:
            if not route.owner.startswith("group.") and route.asked_at == received_at:
                return route.owner, route.topic, received_at
        log = self._log("casework", municipality, f"{municipality}.case-{opener.case_id}")
        solved = any(
            isinstance(e, cases.CaseResolved | cases.CaseWithdrawn)
            and e.standing.promise_number == 1
            and counts_at(e.occurred_at, c.stored_at, book.back_dating_limit) <= limit_at
            for c, e in log
        )
        if solved:
            again = [e for e in done if isinstance(e, cases.CaseReopened) and not e.owes_promise]
            again = [e for e in again if e.standing.promise_number == 1]
            return (
                (again[0].standing.owner, again[0].standing.topic, again[0].standing.asked_at)
                if again
                else None
            )
        route = (in_conversation or list(routed[:1]))[-1]
        return route.owner, route.topic, received_at

    def _check_verdict(self, stream: str, promise: promises.Promise) -> None:
        """Kept exactly when there was an act in time; else broken, once; then answered late exactly when there was one;
        or withdrawn, and broken before that only where the time was over."""
        municipality, _, name = stream.partition(".")
        case_id = name.removeprefix("promise-").rpartition("-")[0]
        acts = self._acts(municipality, case_id, stream, promise)
        in_time = [at for at in acts if is_in_time(at, promise)]
        kinds = [type(e).__name__ for _, e in self._log("callback", municipality, stream)]
        ends = [kind for kind in kinds if kind in ("PromiseKept", "PromiseBroken", "PromiseAnsweredLate")]
        must(promise.paused is None, "the clock stands for ever")
        if promise.withdrawn is not None:
            over = promise.broken is None or promise.withdrawn.withdrawn_at > promise.broken.broken_at
            must(over and ends in ([], ["PromiseBroken"]), f"withdrawn, and {ends}")
            return
        late = [*(["PromiseAnsweredLate"] if acts else [])]
        expected = ["PromiseKept"] if in_time and not promise.broken else ["PromiseBroken", *late]
        must(ends == expected, f"{ends} where {expected} is the truth, acts at {acts}, {promise.clock}")
        if promise.kept is not None:
            must(promise.kept.kept_at in in_time, "kept at a time at which nobody acted")
            must(
                promise.clock is not None and promise.kept.due_at == promise.clock.due_at,
                "kept under another time",
            )
        if not acts:
            must(not _left(promise), "nobody acted, and not all stages were told")

    def _check_view(self) -> None:
        """The owners' view is the fold of what was told, whatever the order; each case is in it once, with its owner."""
        expected: dict[str, Any] = {}
        for message in sorted(self._messages(), key=lambda m: (m.envelope.source, m.envelope.sequence)):
            key = f"{message.envelope.municipality}.{message.contract.case_id}"
            expected[key] = project(expected.get(key), message)
        rows = self.world.databases["casework"].collection("cases_v1").find().documents
        found = {r["_id"]: {k: v for k, v in r.items() if k not in ("_id", "rev", "seen")} for r in rows}
        must(
            found.keys() == expected.keys(),
            f"{len(found)} cases in the view, {len(expected)} that were told of",
        )
        for key, row in found.items():
            must(
                row == expected[key],
                f"the view of {key} is not what was told: {_difference(row, expected[key])}",
            )
            municipality, _, case_id = key.partition(".")
            last = list(
                self._told("routing", municipality, f"{municipality}.route-{case_id}", routes.CaseRouted)
            )[-1]
            must(row["owner"] == last.owner, "in another owner's view than the one that it was routed to")

    def _messages(self) -> Iterable[Message]:
        told: dict[tuple[str, int], Message] = {}
        for service in SERVICES:
            for raw in self.world.broker.records(f"{PREFIX}.{service}"):
                parsed = parse_fact(raw) if raw.value != b"{" else None
                if parsed is not None:
                    message = Message(*parsed, traceparent=None)
                    told.setdefault((message.envelope.source, message.envelope.sequence), message)
        return told.values()

    # --- the logs

    def _commits(self, service: str) -> Sequence[Commit]:
        return self.world.databases[service].store.commits

    def _stream(self, service: str, municipality: str, stream: str) -> Sequence[Commit]:
        return self.world.databases[service].store.stream(municipality, stream)

    def _log(self, service: str, municipality: str, stream: str) -> list[tuple[Commit, Any]]:
        return [(c, e) for c in self._stream(service, municipality, stream) for e in _events(service, c)]

    def _told(self, service: str, municipality: str, stream: str, kind: type[Any]) -> Iterable[Any]:
        return (e for _, e in self._log(service, municipality, stream) if isinstance(e, kind))


def _left(promise: promises.Promise) -> Sequence[promises.Stage]:
    """The stages that were neither told nor skipped."""
    planned = promise.clock.stages if promise.clock else ()
    return [stage for stage in planned if stage.identity not in promise.passed]


def _events(service: str, commit: Commit) -> list[Any]:
    codec = _CODECS[service]().codec
    return [codec.restore(stored) for stored in commit.events]


def _difference(found: Any, expected: Any) -> str:
    names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return "; ".join(f"{name}: {found.get(name)!r}, not {expected.get(name)!r}" for name in names[:3])
