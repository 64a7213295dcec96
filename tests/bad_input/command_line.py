"""The command line as a process of its own for every call."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SERVER = Path(__file__).with_name("command_server.py")


@dataclass(frozen=True)
class Run:
    """What became of a command."""

    code: int
    stdout: str
    stderr: str


class CommandLine:
    """Runs commands, each in a fresh process; see command_server.py."""

    def __init__(self) -> None:
        # One thread: what is forked later must not miss the threads of a library.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        self._server = subprocess.Popen(
            [sys.executable, str(SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def run(self, *args: object, cwd: Path | None = None) -> Run:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
            request = {
                "args": [str(arg) for arg in args],
                "cwd": str(cwd or Path.cwd()),
                "env": dict(os.environ),
                "stdout": str(stdout),
                "stderr": str(stderr),
            }
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
            answer = json.loads(self._server.stdout.readline())
            return Run(answer["code"], stdout.read_text(encoding="utf-8"), stderr.read_text(encoding="utf-8"))


@cache
def command_line() -> CommandLine:
    """The one of this session; its server ends when this process does, for then its stdin is closed."""
    return CommandLine()


def run_plainly(*args: object, cwd: Path | None = None) -> Run:
    """Run a command as a user does, with all libraries imported anew."""
    command = [sys.executable, "-m", "seasonet_build", *map(str, args)]
    done = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, encoding="utf-8")
    return Run(done.returncode, done.stdout, done.stderr)
