"""Interrupts: all three signals stop cleanly, and none is lost while something is cleaned up."""

import signal

import pytest
from lofte_local.interrupt import interruptible, uninterrupted

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


def clean_up_after(error: BaseException, number: signal.Signals, steps: list[str]) -> None:
    with interruptible():
        try:
            raise error
        except (TimeoutError, KeyboardInterrupt):
            with uninterrupted():
                signal.raise_signal(number)
                steps.append("cleaned up")
        steps.append("went on")


@SIGNALS
def test_an_interrupt_while_cleaning_up_holds_when_that_is_done(number: signal.Signals) -> None:
    # The demo cleans up after a first try that came too late: a Ctrl-C just then must not begin a second one.
    steps: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        clean_up_after(TimeoutError(), number, steps)
    assert steps == ["cleaned up"]


@SIGNALS
def test_a_second_interrupt_while_the_first_is_cleaned_up_after_says_nothing_new(
    number: signal.Signals,
) -> None:
    steps: list[str] = []
    clean_up_after(KeyboardInterrupt(), number, steps)
    assert steps == ["cleaned up", "went on"]
