"""Commands under strace: to list the calls that change files, and to kill or to fail any one of them."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from tests.bad_input.command_line import Run

REPOSITORY = Path(__file__).absolute().parents[2]
SERVER = Path(__file__).with_name("traced_server.py")
TRACEE = Path(__file__).with_name("tracee.py")

WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile", "fallocate")
SYNCS = ("fsync", "fdatasync", "sync_file_range")
NAMES = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "mkdir", "mkdirat")
REMOVALS = ("unlink", "unlinkat", "rmdir", "truncate", "ftruncate")
CHANGES = (*WRITES, *SYNCS, *NAMES, *REMOVALS)
"""The calls that change files, or make changes last."""

_FILE = re.compile(r"[<\"](/[^>\"]+)[>\"]")
_LINE = re.compile(r"(\d+) +(\w+)\((.*)")


@dataclass(frozen=True, order=True)
class Call:
    """The ``number``-th call (from 1) of a kind in a run; ``suffix`` is that of the file that it is about."""

    name: str
    number: int
    suffix: str = ""


@dataclass(frozen=True)
class Traced:
    """What became of a command, and which calls it made on files below the folder asked for, in order."""

    run: Run
    calls: tuple[Call, ...] = ()


class TracedCommands:
    """Runs commands, each in a fresh process that strace holds from its beginning."""

    def __init__(self) -> None:
        # Threads would be lost in a fork, and each would count its calls for itself.
        alone = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), "1")
        path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
        self._server = subprocess.Popen(
            [sys.executable, str(SERVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **alone, "PYTHONPATH": path},
        )

    def run(self, *args: object, cwd: Path) -> Run:
        """Run a command, not traced."""
        return self._run(args, cwd, [])

    def list_calls(self, *args: object, cwd: Path, below: Path) -> Traced:
        """Run a command and list its calls on files below a folder."""
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log")
            run = self._run(args, cwd, ["-y", "-s", "0", "-o", str(log)])
            return Traced(run, tuple(_calls(log, below)))

    def kill_at(self, call: Call, *args: object, cwd: Path) -> Run:
        """Run a command that is killed (SIGKILL) at a call, which is not carried out any more."""
        return self._run(args, cwd, ["-o", "/dev/null", f"--inject={call.name}:signal=KILL:when={call.number}"])

    def fail_at(self, call: Call, error: str, *args: object, cwd: Path, onwards: bool = False) -> Run:
        """Run a command one of whose calls fails; ``onwards``: and all later ones of its kind too."""
        when = f"{call.number}+" if onwards else str(call.number)
        return self._run(args, cwd, ["-o", "/dev/null", f"--inject={call.name}:error={error}:when={when}"])

    def _run(self, args: Sequence[object], cwd: Path, options: Sequence[str]) -> Run:
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, "stdout"), Path(folder, "stderr")
            request = {
                "args": [str(arg) for arg in args],
                "cwd": str(cwd),
                "env": dict(os.environ),
                "stdout": str(stdout),
                "stderr": str(stderr),
            }
            process = int(self._ask(json.dumps(request)))
            tracer = _attach(process, options) if options else None
            code = int(self._ask(""))
            if tracer is not None:
                _, error = tracer.communicate()
                assert "strace:" not in error, error
            text = [path.read_text(encoding="utf-8") if path.exists() else "" for path in (stdout, stderr)]
            return Run(code, *text)

    def _ask(self, line: str) -> str:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(line + "\n")
        self._server.stdin.flush()
        return self._server.stdout.readline()


def _attach(process: int, options: Sequence[str]) -> "subprocess.Popen[str]":
    """Let strace take hold of a process; if it may not, it ends by itself."""
    trace = "--trace=" + ",".join(f"?{name}" for name in CHANGES)
    command = ["strace", "-f", "-qq", trace, *options, "-p", str(process)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    status = Path(f"/proc/{process}/status")
    while "TracerPid:\t0\n" in status.read_text() and tracer.poll() is None:
        time.sleep(0.002)
    return tracer


def _calls(log: Path, below: Path) -> list[Call]:
    """Return the calls of the first thread that name a file below a folder."""
    counts: Counter[str] = Counter()
    calls = []
    first = None
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        first = first or match[1]
        if match[1] != first:
            continue
        counts[match[2]] += 1
        if f"{below}/" in match[3] or f"{below}>" in match[3]:
            file = _FILE.search(match[3])
            calls.append(Call(match[2], counts[match[2]], PurePosixPath(file[1]).suffix if file else ""))
    return calls


@cache
def traced_commands() -> TracedCommands:
    """The one of this session; its server ends when this process does, for then its stdin is closed."""
    return TracedCommands()


@cache
def why_not() -> str | None:
    """Return why nothing can be traced here, or None: it is tried."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    command = [sys.executable, str(TRACEE)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as tracee:
        assert tracee.stdin is not None
        assert tracee.stdout is not None
        tracee.stdout.readline()
        tracer = _attach(tracee.pid, ["-o", "/dev/null", "--inject=write:signal=KILL:when=1"])
        tracee.stdin.write("\n")
        tracee.stdin.close()
        alive = tracee.stdout.readline()
        _, error = tracer.communicate()
    return f"strace may not trace here: {error.strip()}" if alive else None
