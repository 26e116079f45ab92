"""How many promises an owner can keep: what that says of a time that is quoted, and which promises are likely to break."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from chassis.auth import Principal
from chassis.errors import InvalidInput
from chassis.http import Limit, allow, decode_cursor, encode_cursor, example
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.types import ControllerRouterHandler
from municipality import Municipality
from pydantic import BaseModel

from callback import views
from callback.api.promises import READING, Registry, moment, owners_seen
from callback.domain import Ahead, Answered, AtRisk, Capacity, PolicyBook, Waiting, capacity

_FARTHEST = timedelta(days=31)
_ROUNDS = 10

_LIKELY = {
    "case_id": "6f9619ff-8b86-8011-b42d-00c04fc964ff",
    "number": 1,
    "owner": "department.building",
    "due_at": "2026-03-02T12:00:00Z",
    "expected_at": "2026-03-02T13:45:00Z",
    "ahead": 9,
    "overdue_ahead": 2,
    "per_open_hour": 2.0,
    "because": "9 go before it, 2 of them overdue; department.building answers 2.0 in an open hour, by 8 of its weeks",
}


class LikelyToBreak(BaseModel):
    """A promise whose turn comes after it is due. `ahead`: what its owner has to answer before it. `expected_at` null: in
    more than a year."""

    case_id: str
    number: int
    owner: str
    due_at: datetime
    expected_at: datetime | None
    ahead: int
    overdue_ahead: int
    per_open_hour: float
    because: str


class Forecast(BaseModel):
    """Promises that are due before `until`, the earliest first, a page at a time: `looked_at` of them on this page, those
    that are likely to break, and the owners among theirs of whom too little is known to say."""

    model_config = example(
        as_of="2026-03-02T08:15:00Z",
        until="2026-03-02T23:00:00Z",
        looked_at=14,
        likely_to_break=[_LIKELY],
        not_known=["person.stadsarkitekten"],
        next=None,
    )

    as_of: datetime
    until: datetime
    looked_at: int
    likely_to_break: list[LikelyToBreak]
    not_known: list[str]
    next: str | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an owner's capacity says of a time. `capacity` None: too little is known; then nothing else is said either.
    `agree_on`: where it is not likely to be kept, a time that is."""

    capacity: Capacity | None
    ahead: Ahead
    expected_at: datetime | None = None
    likely_kept: bool | None = None
    agree_on: datetime | None = None


def routes(registry: Registry) -> Sequence[ControllerRouterHandler]:
    """The forecast."""

    @get("/promises/forecast", **allow(*READING))
    async def get_forecast(
        principal: NamedDependency[Principal],
        owner: FromQuery[str | None] = None,
        until: FromQuery[str | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Limit = 200,
    ) -> Forecast:
        """Which promises are likely to break today, or `until` a time within 31 days: those whose turn comes after they
        are due, when each owner answers what is due first, as fast as it usually does."""
        municipality = registry.municipalities.get(principal.municipality)
        seen = owners_seen(principal, owner, municipality)
        assert municipality is not None  # noqa: S101 - else no owner of it is seen
        end = _end(until, registry.promises.clock.now(), municipality)
        place = decode_cursor(cursor, at=str, id=str)
        after = (moment("cursor", place["at"]), place["id"]) if place else None
        return await forecast(registry, municipality.code, seen, end, after, limit)

    return [get_forecast]


async def forecast(
    registry: Registry,
    municipality: str,
    owners: Sequence[str] | None,
    until: datetime,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Forecast:
    """A page of the open promises of some owners, None: all, that are due before `until`; `after`: the last of the page
    before. Its work grows with the page, and with what is due before it, but not with what is due later."""
    now, book = registry.promises.clock.now(), registry.promises.books[municipality].current
    rows = await views.promises(
        registry.rows(),
        municipality,
        state="open",
        due_before=until,
        owners=owners,
        after=after,
        limit=limit,
    )
    waiting = [Waiting(row["case_id"], row["number"], row["owner"], row["due_at"]) for row in rows]
    on_page = sorted({promise.owner for promise in waiting})
    known = await _capacities(registry, municipality, book, on_page, now)
    before: Mapping[str, Ahead] = {}
    if rows:
        first = rows[0]
        before = await _ahead(registry, municipality, book, on_page, first["due_at"], first["_id"])
    calendars = {owner: book.calendar(owner) for owner in on_page}
    last = rows[-1] if len(rows) == limit else None
    return Forecast(
        as_of=now,
        until=until,
        looked_at=len(rows),
        likely_to_break=[
            _likely(one, known[one.promise.owner])
            for one in capacity.too_late(waiting, before, known, calendars, now)
        ],
        not_known=[owner for owner in on_page if owner not in known],
        next=encode_cursor({"at": last["due_at"].isoformat(), "id": last["_id"]}) if last else None,
    )


async def outlook(
    registry: Registry,
    municipality: str,
    book: PolicyBook,
    owner: str,
    due_at: datetime,
    received_at: datetime,
) -> Outlook:
    """What to expect of a promise of an owner, were it made and due at `due_at`."""
    now, calendar = registry.promises.clock.now(), book.calendar(owner)
    known = (await _capacities(registry, municipality, book, [owner], now)).get(owner)

    def answered(ahead: Ahead, known: Capacity) -> datetime | None:
        at = capacity.expected_at(known, ahead.number, calendar, now)
        # What has not come yet is not answered before it comes.
        alone = capacity.expected_at(known, 0, calendar, max(received_at, now))
        return max(at, alone) if at is not None and alone is not None else None

    ahead = (await _ahead(registry, municipality, book, [owner], due_at))[owner]
    if known is None:
        return Outlook(None, ahead)
    expected_at = answered(ahead, known)
    if expected_at is not None and expected_at <= due_at:
        return Outlook(known, ahead, expected_at, likely_kept=True)
    # The later a time, the more is due before it: on to one that can be kept with all of that. Each is counted once.
    counted_until, before, at = due_at, ahead, expected_at
    for _ in range(_ROUNDS):
        if at is None:
            break
        closes = capacity.end_of_slot(at, calendar, book.capacity)
        more = await views.due_first(
            registry.rows(), municipality, [owner], after=counted_until, due_at=closes
        )
        before, counted_until = before.and_more(more.get(owner, 0)), closes
        at = answered(before, known)
        if at is not None and at <= closes:
            return Outlook(known, ahead, expected_at, likely_kept=False, agree_on=closes)
    return Outlook(known, ahead, expected_at, likely_kept=False)


async def _capacities(
    registry: Registry, municipality: str, book: PolicyBook, owners: Sequence[str], now: datetime
) -> Mapping[str, Capacity]:
    """The capacity of each owner of whom enough is known."""
    weeks = {owner: capacity.weeks_before(book.calendar(owner), now, book.capacity) for owner in owners}
    if not weeks:
        return {}
    since, until = min(start for start, _ in weeks.values()), max(end for _, end in weeks.values())
    did: dict[str, list[Answered]] = {owner: [] for owner in owners}
    for row in await views.answered(registry.rows(), municipality, owners, since, until):
        did[row["owner"]].append(Answered(row["hour_at"], row["number"], row["late"]))
    learnt = {
        owner: capacity.learn(done, book.calendar(owner), book.capacity, now) for owner, done in did.items()
    }
    return {owner: found for owner, found in learnt.items() if found is not None}


async def _ahead(
    registry: Registry,
    municipality: str,
    book: PolicyBook,
    owners: Sequence[str],
    due_at: datetime,
    key: str | None = None,
) -> Mapping[str, Ahead]:
    """What each owner has to answer before a time, or a row. What has been due for longer than the weeks that are looked
    at goes before nothing: nobody is working on it."""
    rows, since = registry.rows(), registry.promises.clock.now() - timedelta(weeks=book.capacity.weeks)
    late = await views.overdue(rows, municipality, owners, since=since)
    first = await views.due_first(rows, municipality, owners, after=since, due_at=due_at, key=key)
    return {owner: Ahead(late.get(owner, 0) + first.get(owner, 0), late.get(owner, 0)) for owner in owners}


def _end(until: str | None, now: datetime, municipality: Municipality) -> datetime:
    if until is None:
        tomorrow = now.astimezone(municipality.time_zone).date() + timedelta(days=1)
        return datetime.combine(tomorrow, time.min, municipality.time_zone).astimezone(now.tzinfo)
    end = moment("until", until)
    if not now < end <= now + _FARTHEST:
        raise InvalidInput("until", f"not within {_FARTHEST.days} days from now; leave it out for today")
    return end


def _likely(one: AtRisk, known: Capacity) -> LikelyToBreak:
    ahead, promise, rate = one.ahead, one.promise, round(known.per_open_hour, 2)
    return LikelyToBreak(
        case_id=promise.case_id,
        number=promise.number,
        owner=promise.owner,
        due_at=promise.due_at,
        expected_at=one.expected_at,
        ahead=ahead.number,
        overdue_ahead=ahead.overdue,
        per_open_hour=rate,
        because=f"{ahead.number} go before it, {ahead.overdue} of them overdue; {promise.owner} answers {rate} in an "
        f"open hour, by {known.weeks} of its weeks",
    )
