"""One run at a time in a workspace."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from seasonet_build.engine.holder import Holder, read_record, this_process, write_record
from seasonet_build.errors import ConfigError, WorkspaceLockedError
from seasonet_build.model.layout import WorkspaceLayout
from seasonet_build.storage import is_disk_full

log = logging.getLogger(__name__)

# A run that has just taken the lock has yet to say who it is; one that is about to end has said so no longer.
_PATIENCE_S = 1.0
_POLL_S = 0.02


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Hold the workspace; the lock goes with the process that holds it.

    Raises:
        WorkspaceLockedError: another run holds it.
        ConfigError: the workspace cannot be written to.
        OSError: the disk is full.
    """
    with _held(WorkspaceLayout(workspace).lock, "paths.workspace"):
        yield


@contextmanager
def locked_downloads(folder: Path) -> Iterator[None]:
    """Hold a folder that products are put in: builds with workspaces of their own may share it.

    Raises:
        WorkspaceLockedError: another download holds it.
        ConfigError: it cannot be written to.
        OSError: the disk is full.
    """
    with _held(folder / ".download.lock", "download.folder"):
        yield


def read_holder(workspace: Path) -> Holder | None:
    """Return who holds the workspace now; None: nobody.

    The lock itself is not touched, so that a run that starts meanwhile is not disturbed. The answer rests on the
    description that a run writes and on whether its process lives, so there are limits: a run that took the lock
    milliseconds ago is not seen yet, and of a run on another computer (``is_here`` is false) nobody can tell here
    whether it was killed.
    """
    holder = read_record(_record(WorkspaceLayout(workspace).lock))
    return None if holder is None or holder.has_ended else holder


def read_left(workspace: Path) -> Holder | None:
    """Return the last run if it was killed, so that it could not say that it ended; None: it was not."""
    holder = read_record(_record(WorkspaceLayout(workspace).lock))
    return holder if holder is not None and holder.has_ended else None


@contextmanager
def _held(path: Path, key: str) -> Iterator[None]:
    lock, record = FileLock(path, timeout=0), _record(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, record)
    except OSError as error:
        if is_disk_full(error, ()):
            raise
        raise ConfigError(f"{key}: {path.parent} cannot be written to: {error}") from None
    try:
        yield
    finally:
        # Before the lock is let go: afterwards it may be that of the next run.
        with suppress(OSError):
            record.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, record: Path) -> None:
    """Take the lock and say so in ``record``."""
    deadline = time.monotonic() + _PATIENCE_S
    while not _try(lock):
        holder = read_record(record)
        late = time.monotonic() >= deadline
        if late or (holder is not None and not holder.has_ended):
            raise WorkspaceLockedError(_held_by(holder, record.parent))
        time.sleep(_POLL_S)
    try:
        if record.exists():
            left = read_record(record)
            run = f"the run of {left}" if left is not None else "an earlier run"
            log.warning("%s: %s ended without finishing; going on where it stopped", record.parent, run)
        write_record(this_process(), record)
    except BaseException:
        lock.release()
        raise


def _try(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True


def _held_by(holder: Holder | None, folder: Path) -> str:
    if holder is None:
        return f"another run is at work in {folder}; it has left no word of who it is; try later"
    return f"another run is at work in {folder}: {holder} ({holder.command}); try later"


def _record(lock: Path) -> Path:
    """Return the file beside a lock file that says who holds it; hidden, as the search for products needs it to be."""
    return lock.with_name(f"{lock.name.removesuffix('lock')}holder.json")
