"""The pace of a reader: quick with little to do, in larger pieces under load."""

from chassis.reacting import Pace


def test_a_reader_rests_longer_after_more_records_up_to_its_most() -> None:
    pace = Pace(0.25, 1.0)
    assert [pace.after(records) for records in (1, 25, 60, 500)] == [0.25, 0.25, 0.6, 1.0]
