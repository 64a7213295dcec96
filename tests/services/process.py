"""Server processes that end with the tests, whatever happens to these."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

# The shell starts the server and waits for the end of its own standard input, a pipe from us: it is closed by stop(),
# and by the kernel if we are killed.
_GUARD = 'exec 3<&0; s=$1; shift; "$@" 3<&- & p=$!; { cat <&3 >/dev/null; kill -s "$s" $p 2>/dev/null; } & wait $p'
_STOP_S = 20


class ServerError(RuntimeError):
    """A server did not start; the text ends with what it wrote."""


class ServerProcess:
    """One server; what it writes goes to the file ``log``."""

    def __init__(
        self,
        command: Sequence[object],
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: str = "TERM",
    ) -> None:
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                ["sh", "-c", _GUARD, "sh", stop_signal, *map(str, command)],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                env={**os.environ, **(env or {})},
                cwd=log.parent,
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                # Its own group: an interrupt from the keyboard leaves it to us, and all of it can be killed.
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until(self, answers: Callable[[], bool], timeout: float = 60) -> None:
        """Wait until ``answers`` says so; connection errors in it count as no.

        Raises:
            ServerError: the process has ended or has not answered in time.
        """
        end = time.monotonic() + timeout
        while True:
            try:
                if answers():
                    return
            except OSError:  # the exceptions of requests are OSErrors too
                pass
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise ServerError(f"no answer from {self._log.stem}: {self._log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server and wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def free_port() -> int:
    """Return a loopback port that nobody listens on; between this and its use it can be lost, though rarely."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
