"""Whether somebody asked the program to stop."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

stop_requested = threading.Event()
"""Set by the signal handler. An interrupt that is raised inside a destructor or a callback is lost; this is not."""


def stop_if_asked() -> None:
    """Stop where somebody has asked for it.

    Raises:
        KeyboardInterrupt: somebody has.
    """
    if stop_requested.is_set():
        raise KeyboardInterrupt


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Heed interrupts only when this is over: a process that is half started would complain of its parent.

    Those that are started meanwhile do not get the interrupts of a terminal; later they ignore them anyway.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    seen: list[tuple[int, FrameType | None]] = []
    handlers = {
        n: signal.signal(n, lambda *got: seen.append(got)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for own, handler in handlers.items():
            signal.signal(own, handler)
    for number, frame in seen[:1]:
        handler = handlers[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)
