"""Worker processes that may die: their work is done again, and what kills them again and again is left."""

import multiprocessing
import os
import signal
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Generic, TypeVar

from seasonet_build.errors import SeasonetError, UnitKilledError
from seasonet_build.interrupts import interrupts_later, stop_if_asked

DEATHS = 3
"""So many workers may a job take with it."""

_HOPELESS = 5
"""So many jobs may lose DEATHS workers each with none done in between."""

_END_S = 5.0


_KILLED = f"{{}}: its process was killed {DEATHS} times (out of memory?); run again with more memory or fewer --workers"

T = TypeVar("T")
Job = Callable[[], T]


class Workers(Generic[T]):
    """Carries out jobs in several processes.

    The processes are kept until the last one is no longer wanted: to start them takes seconds, for each has to import
    everything.
    """

    def __init__(self, number: int, make_executor: Callable[[int], Executor] | None = None) -> None:
        """Use ``number`` processes; with 1, jobs are done in this one.

        ``make_executor`` makes what carries them out; a pool of processes on this machine unless given.
        """
        self._number, self._make = number, make_executor or spawned_pool
        self._executor: Executor | None = None

    def carry_out(
        self, jobs: Mapping[str, Job[T]], *, here: bool = False
    ) -> Generator[tuple[str, "Future[T]"], None, None]:
        """Do jobs; give the key and the finished future of each when it ends.

        If a worker dies, those that were being done are tried again, each alone. One that has lost DEATHS workers ends
        with a UnitKilledError. Jobs can be pickled. Whoever stops listening before the end ends the workers. With
        ``here`` they are done in this process.

        Raises:
            SeasonetError: workers die whatever they are given.
        """
        if self._number == 1 or here:
            yield from _one_by_one(jobs)
            return
        try:
            yield from self._together(jobs)
        except BaseException:
            self._end_workers()
            raise

    def _together(self, jobs: Mapping[str, Job[T]]) -> Iterator[tuple[str, "Future[T]"]]:
        waiting, suspects, deaths = deque(jobs), deque[str](), Counter[str]()
        running: dict[Future[T], str] = {}
        given_up = 0
        while waiting or suspects or running:
            stop_if_asked()
            # No more than can be worked at: whatever is handed out may be lost with a worker.
            source, room = (suspects, 1) if suspects else (waiting, self._number)
            while source and len(running) < room:
                key = source.popleft()
                running[self._submit(jobs[key])] = key
            ended = wait(running, return_when=FIRST_COMPLETED).done
            for future in [future for future in running if future in ended and not _lost(future)]:
                given_up = 0
                yield running.pop(future), future
            if any(_lost(future) for future in running if future.done()):
                # One of them killed its worker, and the others' went with it: each is tried alone.
                self._end_workers()
                for key in running.values():
                    deaths[key] += 1
                    if deaths[key] < DEATHS:
                        suspects.append(key)
                    else:
                        given_up += 1
                        _refuse_hopeless(given_up)
                        yield key, _failed(UnitKilledError(_KILLED.format(key)))
                running.clear()

    def _submit(self, job: Job[T]) -> "Future[T]":
        if self._executor is None:
            self._executor = self._make(self._number)
            weakref.finalize(self, self._executor.shutdown)
        try:
            return self._executor.submit(job)
        except BrokenProcessPool as error:  # a worker died while it had nothing to do
            return _failed(error)

    def _end_workers(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            end_workers(executor)


def end_workers(executor: Executor) -> None:
    """End an executor at once, with the processes that this one has started, and wait until they are gone."""
    executor.shutdown(wait=False, cancel_futures=True)
    children = multiprocessing.active_children()
    for child in children:
        child.terminate()
    for child in children:
        child.join(_END_S)
        child.kill()


class _SpawnedPool(ProcessPoolExecutor):
    """A pool whose processes are started undisturbed by interrupts."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        with interrupts_later():  # any job may start a process
            return super().submit(fn, *args, **kwargs)


def spawned_pool(number: int) -> Executor:
    """Return a pool of fresh processes, which end when this one does."""
    context = multiprocessing.get_context("spawn")
    return _SpawnedPool(number, mp_context=context, initializer=follow_parent)


def follow_parent() -> None:
    """Leave interrupts to the parent, and end when it ends: it may be killed without a chance to say so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _one_by_one(jobs: Mapping[str, Job[T]]) -> Iterator[tuple[str, "Future[T]"]]:
    """Do jobs in this process."""
    for key, job in jobs.items():
        stop_if_asked()
        future: Future[T] = Future()
        try:
            future.set_result(job())
        except SeasonetError as error:
            future.set_exception(error)
        yield key, future


def _refuse_hopeless(given_up: int) -> None:
    if given_up == _HOPELESS:
        raise SeasonetError("worker processes die whatever they do (out of memory?); run again with fewer --workers")


def _lost(future: "Future[T]") -> bool:
    """Tell whether a future that has ended did so because its worker died."""
    return isinstance(future.exception(), BrokenProcessPool)


def _failed(error: BaseException) -> "Future[T]":
    future: Future[T] = Future()
    future.set_exception(error)
    return future
