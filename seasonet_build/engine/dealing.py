"""Dealing batches to worker processes, no more of them at a time than are needed to keep all busy."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from itertools import islice
from typing import TypeVar

from seasonet_build.engine.workers import end_workers, spawned_pool
from seasonet_build.errors import SeasonetError
from seasonet_build.interrupts import stop_if_asked

B = TypeVar("B")
R = TypeVar("R")

Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Called with what is done and the number of batches; gives a function to call after each."""

_AHEAD = 2
"""Batches for each worker that wait or are worked at."""


def deal(task: Callable[[B], R], batches: Iterable[B], workers: int) -> Generator[R, None, None]:
    """Give what a task makes of each batch, in no order; with one worker the work is done in this process.

    Raises:
        SeasonetError: a worker process died.
    """
    if workers == 1:
        for batch in batches:
            stop_if_asked()
            yield task(batch)
        return
    pool = spawned_pool(workers)
    try:
        yield from _through(pool, task, iter(batches), workers)
        pool.shutdown()
    except BrokenProcessPool:
        raise SeasonetError("a worker process died (out of memory?); run again, with fewer --workers") from None
    except BaseException:
        end_workers(pool)
        raise


def _through(pool: Executor, task: Callable[[B], R], batches: Iterator[B], workers: int) -> Iterator[R]:
    waiting: set[Future[R]] = {pool.submit(task, batch) for batch in islice(batches, _AHEAD * workers)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            stop_if_asked()
            yield future.result()
            waiting |= {pool.submit(task, batch) for batch in islice(batches, 1)}
