"""Commands that are stopped from outside, by Ctrl-C or by a system that asks programs to end: they end in order."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn


class Stopped(KeyboardInterrupt):
    """A signal has asked this process to end.

    :param number: The number of the signal.
    """

    def __init__(self, number: int):
        super().__init__()
        self.number = number


def exit_status(stop: KeyboardInterrupt) -> int:
    """The exit status that a shell gives a command which a signal has ended: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + (stop.number if isinstance(stop, Stopped) else signal.SIGINT)


@contextmanager
def stoppable() -> Iterator[None]:
    """Have SIGTERM raise an exception, as Ctrl-C does, so that temporary files are deleted and work is kept."""

    def stop(number: int, _frame: Any) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # What is done now is not to be interrupted again.
        raise Stopped(number)

    if (
        threading.current_thread() is not threading.main_thread()
    ):  # Python gives signals to the main thread alone.
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
