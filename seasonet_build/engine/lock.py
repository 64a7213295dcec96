"""One run at a time in a workspace."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from seasonet_build.errors import ConfigError, WorkspaceLockedError
from seasonet_build.model.layout import WorkspaceLayout


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Hold the workspace; the lock goes with the process that holds it.

    Raises:
        WorkspaceLockedError: another run holds it.
        ConfigError: the workspace cannot be written to.
    """
    with _held(WorkspaceLayout(workspace).lock, "paths.workspace"):
        yield


@contextmanager
def locked_downloads(folder: Path) -> Iterator[None]:
    """Hold a folder that products are put in: builds with workspaces of their own may share it.

    Raises:
        WorkspaceLockedError: another download holds it.
        ConfigError: it cannot be written to.
    """
    with _held(folder / ".download.lock", "download.folder"):
        yield


@contextmanager
def _held(path: Path, key: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout:
        raise WorkspaceLockedError(f"another run is at work in {path.parent} ({path} is held); try later") from None
    except OSError as error:
        raise ConfigError(f"{key}: {path.parent} cannot be written to: {error}") from None
    try:
        yield
    finally:
        lock.release()
