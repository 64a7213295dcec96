"""The real program as processes of its own: to kill them all, or to run it in another environment."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.bad_input.command_line import Run


class Group:
    """A run of the command line, with its workers, as a process group; none of them outlives the block."""

    def __init__(self, *args: object, cwd: Path, env: Mapping[str, str] | None = None, umask: int = -1) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "seasonet_build", *map(str, args)],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            umask=umask,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )

    def __enter__(self) -> "Group":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.kill()
        self.process.communicate()

    def kill(self) -> None:
        """Kill all processes of the group at once."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def wait(self, seconds: float | None = None) -> Run | None:
        """Wait for the end of the run, or some seconds: then None."""
        try:
            stdout, stderr = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        return Run(self.process.returncode, stdout, stderr)


def run_to_end(*args: object, cwd: Path, env: Mapping[str, str] | None = None, umask: int = -1) -> Run:
    with Group(*args, cwd=cwd, env=env, umask=umask) as group:
        run = group.wait()
    assert run is not None
    return run
