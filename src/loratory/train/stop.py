"""Ctrl-C and SIGTERM: the step is finished and saved first; a second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_signals(also: Callable[[], bool] = lambda: False) -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether a signal asked to stop, or `also` does.

    Handlers are put back after. Outside the main thread no signal can be taken.
    """
    asked = threading.Event()

    def stops() -> bool:
        return asked.is_set() or also()

    if threading.current_thread() is not threading.main_thread():
        yield stops
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            signal.default_int_handler(number, frame)
        asked.set()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stops
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
