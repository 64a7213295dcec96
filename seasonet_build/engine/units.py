"""Units of work and how they are carried out, by this process or by several.

Workers return results; only the parent writes manifests.
"""

import multiprocessing
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.errors import SeasonetError
from seasonet_build.interrupts import stop_requested
from seasonet_build.storage import WrittenFile, text_digest


@dataclass(frozen=True)
class Done:
    """What a unit leaves behind: the files it wrote and what it found out, as JSON values."""

    files: Sequence[WrittenFile] = ()
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Unit:
    """One resumable piece of work.

    ``inputs`` are texts that stand for everything that the outcome depends on. ``task`` can be pickled.
    """

    stage: str
    key: str
    inputs: tuple[str, ...]
    task: Callable[[], Done]

    @property
    def fingerprint(self) -> str:
        """Return one text for all inputs."""
        return text_digest(self.stage, *self.inputs)


@dataclass(frozen=True)
class StageOutcome:
    """What became of the units of a stage.

    ``manifests`` are of those that are done and ``errors`` of those that failed, by key; ``ran`` names those that were
    done now.
    """

    manifests: dict[str, Manifest]
    errors: dict[str, SeasonetError]
    ran: tuple[str, ...]


def raise_all(errors: Mapping[str, SeasonetError]) -> None:
    """Raise an error that names every unit that failed, if any did.

    Raises:
        SeasonetError: the error of the one unit that failed, or one with the texts of all.
    """
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        raise SeasonetError("; ".join(str(error) for error in errors.values()))


Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Called with a stage and its number of units to do; gives a function to call after each."""


@contextmanager
def no_progress(_stage: str, _total: int) -> Iterator[Callable[[], None]]:
    """Show nothing."""
    yield lambda: None


class Runner:
    """Carries out the units that are not done yet."""

    def __init__(self, store: ManifestStore, workers: int, progress: Progress = no_progress) -> None:
        """Use ``workers`` processes; with 1 the work is done in this one."""
        self._store = store
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._progress = progress

    def run(self, units: Sequence[Unit]) -> StageOutcome:
        """Carry out units of one stage and write their manifests.

        The outcome lists units in the order given, whatever the order in which they end.

        Raises:
            SeasonetError: a worker process died.
        """
        if stop_requested.is_set():
            raise KeyboardInterrupt
        done = {unit.key: self._store.find_done(unit.stage, unit.key, unit.fingerprint) for unit in units}
        to_do = [unit for unit in units if done[unit.key] is None]
        errors: dict[str, SeasonetError] = {}
        for unit in to_do:
            # From now on the files may be those of either version: no record may vouch for them.
            self._store.forget(unit.stage, unit.key)
        if to_do:
            try:
                self._carry_out_all(to_do, done, errors)
            except BrokenProcessPool:
                raise SeasonetError(
                    f"a worker process died during {to_do[0].stage} (out of memory?); run again, with fewer --workers"
                ) from None
        manifests = {key: manifest for key, manifest in done.items() if manifest is not None}
        ordered = {unit.key: errors[unit.key] for unit in units if unit.key in errors}
        return StageOutcome(manifests, ordered, tuple(unit.key for unit in to_do if unit.key not in errors))

    def _carry_out_all(
        self, to_do: Sequence[Unit], done: dict[str, Manifest | None], errors: dict[str, SeasonetError]
    ) -> None:
        with self._progress(to_do[0].stage, len(to_do)) as advance, self._executor(len(to_do)) as executor:
            futures = {executor.submit(_carry_out, unit, self._store): unit for unit in to_do}
            for future in as_completed(futures):
                if stop_requested.is_set():
                    raise KeyboardInterrupt
                self._take(futures[future], future, done, errors)
                advance()

    def _take(
        self,
        unit: Unit,
        future: "Future[Manifest]",
        done: dict[str, Manifest | None],
        errors: dict[str, SeasonetError],
    ) -> None:
        try:
            manifest = future.result()
        except SeasonetError as error:
            errors[unit.key] = error
        else:
            self._store.write(manifest)
            done[unit.key] = manifest

    @contextmanager
    def _executor(self, n_units: int) -> Iterator[Executor]:
        if self._workers == 1 or n_units == 1:
            yield _InThisProcess()
            return
        # Kept for the stages to come: to start workers takes seconds, for each has to import everything.
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context, initializer=follow_parent)
            weakref.finalize(self, self._pool.shutdown, wait=False)
        try:
            yield self._pool
        except BaseException:
            pool, self._pool = self._pool, None
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()
            raise


class _InThisProcess(Executor):
    """An executor without workers: work is done when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if stop_requested.is_set():
            raise KeyboardInterrupt
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except SeasonetError as error:
            future.set_exception(error)
        return future


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


def _carry_out(unit: Unit, store: ManifestStore) -> Manifest:
    """Do the work of a unit, in a worker."""
    done = unit.task()
    return Manifest(unit.stage, unit.key, unit.fingerprint, store.outputs(done.files), done.result)
