"""What a consumer remembers of its held lanes is never less than what it has to know."""

from chassis.lanes import KnownLanes
from chassis.reacting import Lane, Raw
from chassis.testing.held import MemoryHeld

GROUP, TOPIC = "casework", "lofte.routing"
LANE, OTHER = (TOPIC, b"a"), (TOPIC, b"b")


def raw(key: bytes, offset: int) -> Raw:
    return Raw(TOPIC, 0, offset, key, b"{}", (), 0)


async def test_what_is_held_here_is_known_at_once() -> None:
    lanes = KnownLanes(MemoryHeld())  # type: ignore[arg-type]  # the fake passes the same suite
    assert await lanes.held_lanes(GROUP, [LANE, OTHER]) == set()
    await lanes.hold(GROUP, raw(b"a", 0), "a bug", 1)
    assert await lanes.held_lanes(GROUP, [LANE, OTHER]) == {LANE}


async def test_what_the_former_owner_held_is_known_before_the_first_batch() -> None:
    held = MemoryHeld()
    lanes = KnownLanes(held)  # type: ignore[arg-type]  # the fake passes the same suite
    await lanes.look(GROUP)
    await held.hold(GROUP, raw(b"a", 0), "a bug", 1)  # by another replica, before the partition came here
    lanes.forget()
    assert await lanes.held_lanes(GROUP, [LANE]) == {LANE}


async def test_a_lane_released_elsewhere_goes_on() -> None:
    held = MemoryHeld()
    lanes = KnownLanes(held)  # type: ignore[arg-type]  # the fake passes the same suite
    await lanes.hold(GROUP, raw(b"a", 0), "a bug", 1)
    await held.replayed((await held.list())[0])  # type: ignore[arg-type]
    assert await held.release(GROUP, LANE)
    assert not await lanes.hold_behind(GROUP, raw(b"a", 1), "behind")
    assert await lanes.held_lanes(GROUP, [LANE]) == set()


class _Moving(MemoryHeld):
    """The partitions change while it is being asked, and their former owner had held a lane after it answered."""

    lanes: KnownLanes

    async def all_held_lanes(self, group: str, limit: int) -> set[Lane] | None:
        answer = await super().all_held_lanes(group, limit)
        if not answer:
            await self.hold(group, raw(b"a", 0), "a bug", 1)
            self.lanes.forget()
        return answer


async def test_what_was_asked_before_the_partitions_changed_is_asked_anew() -> None:
    held = _Moving()
    held.lanes = lanes = KnownLanes(held)  # type: ignore[arg-type]  # the fake passes the same suite
    await lanes.look(GROUP)
    assert await lanes.held_lanes(GROUP, [LANE]) == {LANE}


class _Crowded(MemoryHeld):
    """More lanes are held than are remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0

    async def all_held_lanes(self, group: str, limit: int) -> set[Lane] | None:
        self.looks += 1
        return None


async def test_where_too_much_is_held_each_batch_asks_for_its_own_and_nothing_is_counted_again() -> None:
    held = _Crowded()
    await held.hold(GROUP, raw(b"a", 0), "a bug", 1)
    lanes = KnownLanes(held)  # type: ignore[arg-type]  # the fake passes the same suite
    for _ in range(3):
        assert await lanes.held_lanes(GROUP, [LANE, OTHER]) == {LANE}
    assert held.looks == 1
    lanes.forget()
    assert await lanes.held_lanes(GROUP, [LANE]) == {LANE}
    assert held.looks == 2
