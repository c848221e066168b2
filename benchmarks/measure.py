"""Time and memory of a stretch of code."""

import threading
import time
from types import TracebackType

import psutil
import torch


class Measure:
    """Measures what runs inside `with`.

    :ivar seconds: Wall time.
    :ivar cpu_seconds: Processor time, of all threads.
    :ivar megabytes: Peak memory above that before, of the process, or of the GPU's allocator.
    """

    def __init__(self, device: str = "cpu", memory: bool = True):
        self.cuda = torch.device(device) if device != "cpu" else None
        self.memory = memory
        self.seconds = self.cpu_seconds = self.megabytes = 0.0

    def __enter__(self) -> "Measure":
        if self.cuda is not None:
            torch.cuda.synchronize(self.cuda)
            torch.cuda.reset_peak_memory_stats(self.cuda)
            self._idle = torch.cuda.memory_allocated(self.cuda)
        elif self.memory:
            self._idle = self._peak = psutil.Process().memory_info().rss
            self._done = threading.Event()
            self._watcher = threading.Thread(target=self._watch)
            self._watcher.start()
        self._start = time.perf_counter(), time.process_time()
        return self

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._done.wait(0.02):
            self._peak = max(self._peak, process.memory_info().rss)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.cuda is not None:
            torch.cuda.synchronize(self.cuda)
        self.seconds = time.perf_counter() - self._start[0]
        self.cpu_seconds = time.process_time() - self._start[1]
        if self.cuda is not None:
            self.megabytes = (torch.cuda.max_memory_allocated(self.cuda) - self._idle) / 2**20
        elif self.memory:
            self._done.set()
            self._watcher.join()
            self.megabytes = (max(self._peak, psutil.Process().memory_info().rss) - self._idle) / 2**20
