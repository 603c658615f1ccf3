"""Signals: the first asks to stop, the second stops, and afterwards they mean what they meant."""

import os
import signal
import threading

import pytest

from loratory.train.stop import stop_signals

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_asks_and_interrupts_nothing(number):
    with stop_signals() as asked:
        assert not asked()
        os.kill(os.getpid(), number)
        assert asked()


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
def test_the_second_signal_stops_at_once(first, second):
    with stop_signals():
        os.kill(os.getpid(), first)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), second)


def test_a_block_within_another_is_told_of_the_same_signals():
    with stop_signals() as outer:
        with stop_signals(lambda: False) as inner:
            os.kill(os.getpid(), signal.SIGINT)
            assert inner()
        assert outer()


def test_afterwards_signals_mean_what_they_meant():
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(ZeroDivisionError), stop_signals():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_outside_the_main_thread_nothing_is_taken_over():
    before, answers = [signal.getsignal(number) for number in SIGNALS], []

    def work():
        with stop_signals() as asked:
            answers.append((asked(), [signal.getsignal(number) for number in SIGNALS]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [(False, before)]
