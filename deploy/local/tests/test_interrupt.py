"""Interrupts: all three signals stop cleanly, and none is lost while something is cleaned up."""

import signal

import pytest
from lofte_local.interrupt import interruptible, uninterrupted

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


@SIGNALS
def test_an_interrupt_while_cleaning_up_holds_when_that_is_done(number: signal.Signals) -> None:
    # The demo cleans up after a first try that came too late: a Ctrl-C just then must not begin a second one.
    steps = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        try:
            raise TimeoutError
        except TimeoutError:
            with uninterrupted():
                signal.raise_signal(number)
                steps.append("cleaned up")
        steps.append("began again")
    assert steps == ["cleaned up"]


@SIGNALS
def test_a_second_interrupt_while_the_first_is_cleaned_up_after_says_nothing_new(
    number: signal.Signals,
) -> None:
    with interruptible():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            with uninterrupted():
                signal.raise_signal(number)
