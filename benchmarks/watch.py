"""Looks at runs of `extract` while they are at work: documents done, CPU time, memory."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from extract import count_documents
from wasabi import msg

# The seconds between two looks at processes.
INTERVAL = 0.5


class Checkpoints:
    """Counts the documents of the parts that are done."""

    def __init__(self, target: Path):
        self.folder = target / "_checkpoints"
        self.known: dict[str, int] = {}

    def __call__(self) -> int:
        for path in self.folder.glob("*/*.part"):
            if path.name not in self.known:
                with suppress(OSError):
                    self.known[path.name] = json.loads(path.read_text())["documents"]
        return sum(self.known.values())


class Journals:
    """Counts the documents in the journals of plain runs, which are deleted in the end."""

    def __init__(self, targets: Sequence[Path]):
        self.known = dict.fromkeys(targets, 0)

    def __call__(self) -> int:
        self.known = {target: max(count, count_documents(target)) for target, count in self.known.items()}
        return sum(self.known.values())


@dataclass
class Watch:
    """Runs commands side by side and looks at them.

    :param count: The function that counts the documents that are done.
    :ivar samples: Seconds, documents done, and MiB of the first command's process, without its children.
    """

    count: Callable[[], int]
    samples: list[tuple[float, int, float]] = field(default_factory=list)
    cpu: dict[tuple[int, float], float] = field(default_factory=dict)
    most: float = 0.0
    start: float = 0.0
    end: float = 0.0

    def run(self, lines: Sequence[Sequence[str]]) -> None:
        """Run the commands to their end."""
        self.start = time.perf_counter()
        runs = [subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for line in lines]
        while any(run.poll() is None for run in runs):
            self._look(psutil.Process(run.pid) for run in runs)
            time.sleep(INTERVAL)
        self.end = time.perf_counter()
        for run in runs:
            assert run.stderr is not None
            if run.returncode:
                msg.fail("extract failed", run.stderr.read().decode(), exits=1)
            run.stderr.close()

    def _look(self, roots: Iterator[psutil.Process]) -> None:
        total, first = 0.0, None
        for root in roots:
            with suppress(psutil.Error):
                for process in (root, *root.children(recursive=True)):
                    with suppress(psutil.Error):
                        times, used = process.cpu_times(), process.memory_info().rss / 2**20
                        self.cpu[process.pid, process.create_time()] = times.user + times.system
                        total += used
                        first = used if first is None else first
        self.most = max(self.most, total)
        done = self.count()
        if first is not None and done:
            self.samples.append((time.perf_counter(), done, first))

    def speed(self) -> float:
        """Documents a second, from the first look at which some were done on."""
        (start, done, _), (end, last, _) = self.samples[0], self.samples[-1]
        return (last - done) / (end - start)

    def cpu_seconds(self) -> float:
        """The CPU time of all processes."""
        return sum(self.cpu.values())

    def figures(self) -> dict[str, float]:
        """Times, speed, and the memory of all processes, in which what they share counts several times."""
        return {
            "seconds": round(self.end - self.start, 1),
            "seconds_to_first": round(self.samples[0][0] - self.start, 1),
            "documents_per_second": round(self.speed(), 1),
            "cpu_seconds": round(self.cpu_seconds(), 1),
            "mib_all": round(self.most),
        }
