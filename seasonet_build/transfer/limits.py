"""Limits that all transfers of a provider share: connections, bandwidth, and bytes in 30 days."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from seasonet_build.storage import write_text
from seasonet_build.transfer.remote import RetryError, StoppedError, TransferError

_POLL_S = 0.05
QUOTA_DAYS = 30


class Slots:
    """At most ``n`` connections at a time to a provider, over all processes that share ``folder``.

    A slot is a locked file, so that the slot of a process that dies is free at once.
    """

    def __init__(self, folder: Path, provider: str, n: int, stop: threading.Event) -> None:
        """Remember where the slots are."""
        folder.mkdir(parents=True, exist_ok=True)
        self._files = [folder / f"{provider}.{i}.lock" for i in range(n)]
        self._stop = stop

    @contextmanager
    def slot(self, deadline: float) -> Iterator[None]:
        """Hold a slot, waiting for one until ``deadline`` (of time.monotonic).

        Raises:
            RetryError: none was to be had in time.
            StoppedError: the program is to stop.
        """
        lock = self._acquire(deadline)
        try:
            yield
        finally:
            lock.release()

    def _acquire(self, deadline: float) -> FileLock:
        while True:
            for file in self._files:
                lock = FileLock(file, thread_local=False)
                try:
                    lock.acquire(blocking=False)
                except Timeout:
                    continue
                return lock
            if time.monotonic() > deadline:
                raise RetryError("all connections were taken by other transfers")
            if self._stop.wait(_POLL_S):
                raise StoppedError


class Bandwidth:
    """At most so many bytes a second over all threads of this process; None: no limit."""

    def __init__(self, bytes_per_s: float | None, stop: threading.Event) -> None:
        """Start with nothing owed."""
        self._rate, self._stop = bytes_per_s, stop
        self._lock, self._free_at = threading.Lock(), 0.0

    def take(self, n: int) -> None:
        """Wait until ``n`` more bytes are within the limit.

        Raises:
            StoppedError: the program is to stop.
        """
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            start = max(now, self._free_at)
            self._free_at = start + n / self._rate
        if start > now and self._stop.wait(start - now):
            raise StoppedError


class Quota:
    """Bytes that a provider grants in 30 days, counted by day over all processes that share ``folder``."""

    def __init__(self, folder: Path, provider: str, limit: int | None) -> None:
        """Remember where the count is kept."""
        folder.mkdir(parents=True, exist_ok=True)
        self._file, self._limit = folder / f"{provider}.quota.json", limit
        # Of each thread its own: one that threads share lets all of them in once one has it.
        self._lock = FileLock(folder / f"{provider}.quota.lock", thread_local=True)

    def require(self, n: int) -> None:
        """Check that so many bytes may still be fetched.

        Raises:
            TransferError: they may not.
        """
        if self._limit is not None and (used := self.used()) + n > self._limit:
            raise TransferError(
                f"the quota of {self._limit / 1e9:g} GB in {QUOTA_DAYS} days would be exceeded ({used / 1e9:.1f} GB "
                "used); run again later"
            )

    def used(self) -> int:
        """Return the bytes fetched in the last 30 days."""
        with self._lock:
            return sum(self._days().values())

    def add(self, n: int) -> None:
        """Count bytes that came in."""
        if self._limit is None or n == 0:
            return
        with self._lock:
            days = self._days()
            today = datetime.now(UTC).date().isoformat()
            days[today] = days.get(today, 0) + n
            write_text(self._file, json.dumps(days, indent=1) + "\n")

    def _days(self) -> dict[str, int]:
        """Return the bytes of each of the last 30 days; a damaged record counts as none."""
        try:
            days = json.loads(self._file.read_text(encoding="utf-8"))
            first = datetime.now(UTC).date() - timedelta(days=QUOTA_DAYS - 1)
            return {day: int(n) for day, n in days.items() if date.fromisoformat(day) >= first}
        except (FileNotFoundError, ValueError, AttributeError, TypeError, OverflowError, RecursionError):
            return {}
