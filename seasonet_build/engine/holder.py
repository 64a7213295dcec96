"""Who holds a lock: a description beside the lock file, for people and for ``status``.

The description decides nothing: the lock does. It is removed when its run ends; one that is left tells of a run that
was killed.
"""

import json
import os
import shlex
import socket
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from seasonet_build.storage import write_text


@dataclass(frozen=True)
class Holder:
    """A process that took a lock.

    ``started`` is when it took it, ISO 8601 in UTC. ``birth`` tells the process from a later one of the same number:
    the clock ticks between the start of the system and its own; 0 where the system does not say.
    """

    host: str
    pid: int
    started: str
    command: str
    birth: int = 0

    def __str__(self) -> str:
        """Return a text for messages."""
        return f"pid {self.pid} on host {self.host} since {self.started}"

    @property
    def is_here(self) -> bool:
        """Tell whether it is, or was, a process of this computer."""
        return self.host == socket.gethostname()

    @property
    def has_ended(self) -> bool:
        """Tell whether it is known to have ended; of a process elsewhere nothing is known."""
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:
            pass  # It is there, and somebody else's.
        birth = _birth(self.pid)
        return birth is not None and birth != self.birth


def this_process() -> Holder:
    """Return this process as the holder of a lock that it takes now."""
    started = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    command = shlex.join(["seasonet-build", *sys.argv[1:]])
    return Holder(socket.gethostname(), os.getpid(), started, command, _birth(os.getpid()) or 0)


def write_record(holder: Holder, path: Path) -> None:
    """Write a description in one step."""
    write_text(path, json.dumps(asdict(holder), sort_keys=True) + "\n")


def read_record(path: Path) -> Holder | None:
    """Read a description; None: there is none, or it is damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        texts = [str(values[key]) for key in ("host", "started", "command")]
        pid, birth = int(values["pid"]), int(values.get("birth", 0))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    host, started, command = texts
    return Holder(host, pid, started, command, birth) if pid > 0 else None


def _birth(pid: int) -> int | None:
    """Return when a process began, in clock ticks; -1: it has ended, but its parent has not asked; None: unknown."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return -1 if state in ("Z", "X") else int(fields[18])
    except (OSError, ValueError, IndexError):
        return None
