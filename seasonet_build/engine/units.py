"""Units of work: which of them are done, and carrying out the others.

Workers return results; only the parent writes manifests.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from seasonet_build.engine.manifests import Manifest, ManifestStore
from seasonet_build.engine.workers import Workers
from seasonet_build.errors import DiskFullError, SeasonetError
from seasonet_build.interrupts import stop_if_asked
from seasonet_build.storage import WrittenFile, is_disk_full, text_digest


@dataclass(frozen=True)
class Done:
    """What a unit leaves behind: the files it wrote and what it found out, as JSON values."""

    files: Sequence[WrittenFile] = ()
    result: dict[str, Any] = field(default_factory=dict)


def _nothing_more() -> bool:
    return True


@dataclass(frozen=True)
class Unit:
    """One resumable piece of work.

    ``inputs`` are texts that stand for everything that the outcome depends on. ``task`` can be pickled. ``stands``
    tells, once the outputs in the manifest are known to be there, whether all that they stand for is there as well.
    """

    stage: str
    key: str
    inputs: tuple[str, ...]
    task: Callable[[], Done]
    stands: Callable[[], bool] = _nothing_more

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


def _go_ahead(_to_do: Sequence[Unit]) -> None:
    pass


class Runner:
    """Carries out the units that are not done yet."""

    def __init__(self, store: ManifestStore, workers: int, progress: Progress = no_progress) -> None:
        """Use ``workers`` processes; with 1 the work is done in this one."""
        self._store = store
        self._workers: Workers[Manifest] = Workers(workers)
        self._progress = progress

    def run(self, units: Sequence[Unit], before: Callable[[Sequence[Unit]], None] = _go_ahead) -> StageOutcome:
        """Carry out units of one stage and write their manifests.

        The outcome lists units in the order given, whatever the order in which they end. ``before`` is called with the
        units that are to be done; what it raises stops them.

        Raises:
            DiskFullError: there is no room for what units write; the others are not begun.
        """
        stop_if_asked()
        done = {unit.key: self._find_done(unit) for unit in units}
        to_do = [unit for unit in units if done[unit.key] is None]
        errors: dict[str, SeasonetError] = {}
        if to_do:
            before(to_do)
            self._carry_out_all(to_do, done, errors)
        manifests = {key: manifest for key, manifest in done.items() if manifest is not None}
        ordered = {unit.key: errors[unit.key] for unit in units if unit.key in errors}
        return StageOutcome(manifests, ordered, tuple(unit.key for unit in to_do if unit.key not in errors))

    def _find_done(self, unit: Unit) -> Manifest | None:
        manifest = self._store.find_done(unit.stage, unit.key, unit.fingerprint)
        return manifest if manifest is not None and unit.stands() else None

    def _carry_out_all(
        self, to_do: Sequence[Unit], done: dict[str, Manifest | None], errors: dict[str, SeasonetError]
    ) -> None:
        jobs = {unit.key: partial(_carry_out, unit, self._store) for unit in to_do}
        # A stage of one unit is done here: to start a worker for it would take longer than most of them.
        outcomes = self._workers.carry_out(jobs, here=len(done) == 1)
        with self._progress(to_do[0].stage, len(to_do)) as advance, closing(outcomes):
            for key, future in outcomes:
                self._take(key, future, done, errors)
                advance()

    def _take(
        self,
        key: str,
        future: "Future[Manifest]",
        done: dict[str, Manifest | None],
        errors: dict[str, SeasonetError],
    ) -> None:
        try:
            manifest = future.result()
        except DiskFullError:
            raise
        except SeasonetError as error:
            errors[key] = error
        else:
            self._store.write(manifest)
            done[key] = manifest


def _carry_out(unit: Unit, store: ManifestStore) -> Manifest:
    """Do the work of a unit, in a worker; its manifest, if it has one, goes first.

    Raises:
        DiskFullError: there is no room.
        SeasonetError: the unit failed.
    """
    # From now on the files may be those of either version: no record may vouch for them.
    store.forget(unit.stage, unit.key)
    begin = time.monotonic()
    try:
        done = unit.task()
    except SeasonetError:
        raise
    except Exception as error:
        if is_disk_full(error, store.roots):
            raise DiskFullError(
                f"{unit.stage} {unit.key}: the disk is full: {error}: free some space and run the same command again; "
                "what is done is kept"
            ) from None
        if isinstance(error, OSError):
            raise SeasonetError(f"{unit.stage} {unit.key}: {error}; run again once that is mended") from None
        raise
    finished, seconds = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), round(time.monotonic() - begin, 3)
    outputs = store.outputs(done.files)
    return Manifest(unit.stage, unit.key, unit.fingerprint, outputs, done.result, finished, seconds)
