"""Ctrl-C and SIGTERM: the step is finished and saved first; a second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class _Ask:
    """Takes a signal: the first asks, the second ends the program."""

    def __init__(self) -> None:
        self.asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            signal.default_int_handler(number, frame)
        self.asked = True


@contextmanager
def stop_signals(also: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal asked to stop, or `also` does.

    Handlers are put back after. Within a block of its kind it is told of the same signals. Outside
    the main thread no signal can be taken.
    """
    if threading.current_thread() is not threading.main_thread():
        yield also
        return
    around = signal.getsignal(_SIGNALS[0])
    if isinstance(around, _Ask):
        yield lambda: around.asked or also()
        return
    ask = _Ask()
    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield lambda: ask.asked or also()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
