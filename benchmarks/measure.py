"""Processor time and memory of a piece of work, measured in a process of its own."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Measured(Generic[T]):
    """What a piece of work returned and what it cost.

    ``cpu_s`` is user and system time of the process and of its children, without start-up and imports; ``peak_mb`` the
    most memory that the process ever held, imports included.
    """

    result: T
    cpu_s: float
    wall_s: float
    peak_mb: float


def measure(task: Callable[[], T]) -> Measured[T]:
    """Carry out a task, which can be pickled, in a fresh process and return what it cost.

    A fresh process shares no cache of blocks, files or memory with work that was measured before. The calling process
    must hold little memory: on Linux the peak of a process starts at that of its parent.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as executor:
        return executor.submit(_measured, task).result()


class Stopwatch:
    """Adds up processor time of this process: ``with watch: ...``."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self._start = 0.0

    def __enter__(self) -> "Stopwatch":
        self._start = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s += time.process_time() - self._start


def _measured(task: Callable[[], T]) -> Measured[T]:
    cpu, wall = _cpu_s(), time.perf_counter()
    result = task()
    cpu, wall = _cpu_s() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return Measured(result, cpu, wall, peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024))


def _cpu_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
