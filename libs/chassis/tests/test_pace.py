"""The pace of a reader: quick with little to do, in larger pieces under load."""

from chassis.reacting import LARGEST_BATCH, RESTING, Pace


def test_a_reader_rests_longer_after_more_records_up_to_its_most_and_not_before_a_backlog() -> None:
    pace = Pace(0.25, 1.0)
    assert [pace.after(records) for records in (1, 25, 60, 499, LARGEST_BATCH)] == [0.25, 0.25, 0.6, 1.0, 0.0]


def test_a_reader_that_gives_way_rests_whatever_there_is_to_read() -> None:
    urgent = [True]
    pace = Pace(0.25, 1.0, gives_way=lambda: bool(urgent))
    assert [pace.after(records) for records in (1, LARGEST_BATCH)] == [RESTING, RESTING]
    urgent.clear()
    assert pace.after(1) == 0.25
