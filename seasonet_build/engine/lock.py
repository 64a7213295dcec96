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
    path = WorkspaceLayout(workspace).lock
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=0)
        lock.acquire()
    except Timeout:
        raise WorkspaceLockedError(f"another run is at work in {workspace} ({path} is held); try later") from None
    except OSError as error:
        raise ConfigError(f"paths.workspace: {workspace} cannot be written to: {error}") from None
    try:
        yield
    finally:
        lock.release()
