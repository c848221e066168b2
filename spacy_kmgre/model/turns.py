"""Whose turn it is with a network: many predictions at once, or one update.

An update switches dropout on, and moves weights. A prediction in another thread must see neither.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, Lock, local
from typing import Any


class Turns:
    """Lets threads predict together, and update alone. Copies and pickles of it are new ones.

    :ivar switching: The lock under which one thread of several brings a part from training to evaluation.
    """

    def __init__(self) -> None:
        self.switching = Lock()
        self._changed = Condition()
        self._predicting = 0
        self._updating = False
        self._waiting = 0
        self._here = local()

    @contextmanager
    def predicting(self) -> Iterator[None]:
        """Keep updates out. Where an update waits, a thread that does not predict yet lets it go first."""
        depth = getattr(self._here, "depth", 0)
        with self._changed:
            while not depth and (self._updating or self._waiting):
                self._changed.wait()
            self._predicting += 1
        self._here.depth = depth + 1
        try:
            yield
        finally:
            self._here.depth = depth
            with self._changed:
                self._predicting -= 1
                self._changed.notify_all()

    @contextmanager
    def updating(self) -> Iterator[None]:
        """Keep predictions of other threads and other updates out. A thread must not update while it predicts."""
        with self._changed:
            self._waiting += 1
            try:
                while self._updating or self._predicting:
                    self._changed.wait()
                self._updating = True
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._updating = False
                self._changed.notify_all()

    def __reduce__(self) -> tuple[Any, ...]:
        return Turns, ()
