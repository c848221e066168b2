"""Worker processes that annotate documents. When one of them is killed, the run ends with an error.

`Language.pipe` would wait for the worker's documents for ever: each forked worker also holds the pipes of the others
open. Here the end of a worker is the end of its pipe.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from multiprocessing import Process
from multiprocessing.connection import Connection, wait
from typing import Any

from spacy.tokens import Doc
from spacy.tokens.underscore import Underscore
from spacy.vocab import Vocab

from ..errors import Errors
from .annotate import Annotator, Item, Outcome, Progress

# The seconds that the exit code of a process may come after the end of its pipe.
DYING = 5.0
# The batches of each worker that are begun before the first of them is returned: so many pass a long document by.
AHEAD = 32


class Workers:
    """Worker processes of one run; `start_workers` makes them.

    :param annotator: What each of them does.
    :param processes: The processes, by this end of their pipes.
    """

    def __init__(self, annotator: Annotator, processes: dict[Connection, Process]):
        self.annotator = annotator
        self.processes = processes

    def run(self, batches: Iterable[Sequence[Item]], progress: Progress) -> Iterator[list[Outcome]]:
        """Annotate and encode documents, as `Annotator.run` does. While one worker has a long document, the others go
        on with what comes after it.

        :raises ChildProcessError: Where a worker process ended.
        """
        rest = enumerate(batches)
        following = 0
        # The batches that are begun and not returned, by their numbers, and those of them that a worker has.
        begun: dict[int, list[Outcome]] = {}
        busy: dict[Connection, tuple[int, list[int]]] = {}
        while True:
            for connection in [connection for connection in self.processes if connection not in busy]:
                if len(begun) < AHEAD * len(self.processes) and (found := next(rest, None)) is not None:
                    number, batch = found
                    begun[number], documents = self._prepare(batch, progress)
                    busy[connection] = number, list(documents)
                    with self._ended(connection):
                        connection.send(list(documents.values()))
            if not begun:
                return
            at_work = {number for number, _ in busy.values()}
            while following in begun and following not in at_work:
                yield begun.pop(following)
                following += 1
            # A worker that is free is ready only where it has ended.
            ready = wait(self.processes) if busy else []
            for connection in [connection for connection in self.processes if connection in ready]:
                with self._ended(connection):
                    outcomes = connection.recv()
                number, places = busy.pop(connection)
                for place, outcome in zip(places, outcomes):
                    begun[number][place] = outcome
                progress(len(places))

    def _prepare(
        self, items: Sequence[Item], progress: Progress
    ) -> tuple[list[Outcome], dict[int, tuple[str, bytes]]]:
        """The outcomes of a batch, of which those that a worker is to find are empty, and the name and the bytes of
        each document that is to be sent, by its place."""
        outcomes = [Outcome(item.name) for item in items]
        documents = {}
        with self.annotator.nlp.memory_zone():
            for place, item in enumerate(items):
                try:
                    documents[place] = item.name, item.make().to_bytes()
                except Exception as error:
                    outcomes[place] = self.annotator.failure(item, error)
                    progress(1)
        return outcomes, documents

    @contextmanager
    def _ended(self, connection: Connection) -> Iterator[None]:
        """Raise an error of ours where the other end of a pipe is closed."""
        try:
            yield
        except (EOFError, OSError) as error:
            process = self.processes[connection]
            process.join(DYING)
            code = process.exitcode
            how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
            raise ChildProcessError(Errors.E346.format(pid=process.pid, how=how)) from error


@contextmanager
def start_workers(annotator: Annotator, count: int) -> Iterator[Workers]:
    """Start worker processes. None of them outlives the context, nor this process."""
    processes: dict[Connection, Process] = {}
    try:
        for _ in range(count):
            connection, theirs = multiprocessing.Pipe()
            process = multiprocessing.Process(target=_work, args=(annotator, theirs, Underscore.get_state()))
            process.start()
            processes[connection] = process
            # A worker that is forked later must not hold this end open.
            theirs.close()
        yield Workers(annotator, processes)
    finally:
        for connection, process in processes.items():
            process.kill()
            process.join()
            connection.close()


def _work(
    annotator: Annotator,
    connection: Connection,
    extensions: tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]],
) -> None:
    """Annotate the documents that come through a pipe."""
    # The parent process ends its workers when it is interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    Underscore.load_state(extensions)
    while True:
        items = [Item(name, partial(_read, annotator.nlp.vocab, data)) for name, data in connection.recv()]
        connection.send(list(chain.from_iterable(annotator.run([items], lambda _: None))))


def _read(vocab: Vocab, data: bytes) -> Doc:
    return Doc(vocab).from_bytes(data)


def _end_with_parent() -> None:
    """End this process when its parent process has ended, which may have been killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
