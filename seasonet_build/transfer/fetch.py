"""Fetching one file: into a ``.part`` beside its place, resumed, verified, and only then renamed.

Whatever happens, the file's own name stands for nothing but the bytes that the provider has.
"""

import hashlib
import json
import os
import random
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from seasonet_build.storage import write_text
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.remote import (
    Body,
    ChangedError,
    RemoteFile,
    RetryError,
    Source,
    StoppedError,
    TransferError,
)

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Patience:
    """How long to try.

    Attributes:
        attempts: so many failures in a row, without a byte in between, end the transfer.
        wrong: so often a whole file may turn out to be wrong.
        wait_s: wait after the first failure; it doubles each time up to ``max_wait_s``.
        deadline_s: no file takes longer than this,
        slowest: or than its size at so many bytes a second, if that is more.
        crawl_s: a connection that brings less than ``slowest`` a second over so many seconds is given up.
    """

    attempts: int = 8
    wrong: int = 3
    wait_s: float = 1.0
    max_wait_s: float = 60.0
    deadline_s: float = 1800.0
    slowest: float = 50_000.0
    crawl_s: float = 60.0

    def deadline(self, size: int | None) -> float:
        """Return how long a file may take, seconds."""
        return max(self.deadline_s, (size or 0) / self.slowest)


@dataclass(frozen=True)
class Controls:
    """What all transfers of a provider share; ``on_bytes`` may be called from any thread."""

    slots: Slots
    bandwidth: Bandwidth
    quota: Quota
    stop: threading.Event
    patience: Patience
    on_bytes: Any = None


@dataclass
class Fetched:
    """What fetching a file took: bytes that came in, and attempts."""

    received: int = 0
    attempts: int = 0


def fetch_file(file: RemoteFile, target: Path, source: Source, controls: Controls) -> Fetched:
    """Bring a file to its place, if it is not there yet.

    A file that is there counts if it has the right size and checksum, so far as they are known.

    Raises:
        TransferError: the file cannot be had; what came of it is kept for the next run.
        StoppedError: the program is to stop; what came of it is kept.
        CredentialsError: the server does not know us.
    """
    fetched = Fetched()
    if target.is_file() and _is_right(target, file):
        return fetched
    # A file that is wrong stays until the right one takes its place.
    target.parent.mkdir(parents=True, exist_ok=True)
    _Transfer(file, target, source, controls, fetched).run()
    return fetched


class _Transfer:
    """The state of one transfer over its attempts."""

    def __init__(self, file: RemoteFile, target: Path, source: Source, controls: Controls, fetched: Fetched) -> None:
        self.file, self.source, self.controls, self.fetched = file, source, controls, fetched
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.note = target.with_name(f"{target.name}.part.json")
        self.deadline = time.monotonic() + controls.patience.deadline(file.size)
        self.failures = self.wrong = 0

    def run(self) -> None:
        """Try until the file is there.

        Raises:
            TransferError: it cannot be had.
        """
        while True:
            before = self.fetched.received
            try:
                self.fetched.attempts += 1
                self._attempt()
                return
            except ChangedError as error:
                self._drop()
                self._failed(str(error), before, 0)
            except RetryError as error:
                self._failed(str(error), before, error.after)

    def _attempt(self) -> None:
        """Ask for what is missing, take it in, and finish the file if it is whole."""
        note = self._read_note()
        have = self.part.stat().st_size if self.part.is_file() else 0
        if self.file.size is not None and have > self.file.size:
            self._drop()
            have, note = 0, {}
        if have and not (note.get("etag") or self.file.checksum):
            # Nothing would tell whether the rest is of the same version.
            self._drop()
            have = 0
        if have == 0 or have != self.file.size:
            self.controls.quota.require((self.file.size or 0) - have)
            with self.controls.slots.slot(self.deadline):
                self._take(have, note)
        self._finish()

    def _take(self, have: int, note: dict[str, Any]) -> None:
        with closing(self.source.open(self.file, have, note.get("etag"))) as body:
            expected = self._expected(body)
            if body.start != have:
                self._drop()
            if body.etag != note.get("etag") or not self.note.is_file():
                write_text(self.note, json.dumps({"etag": body.etag, "size": expected}) + "\n")
            mode = "ab" if body.start else "wb"
            before = self.fetched.received
            try:
                with FileIO(self.part, mode) as part:
                    self._copy(body, part, None if expected is None else expected - body.start)
            finally:
                self.controls.quota.add(self.fetched.received - before)

    def _expected(self, body: Body) -> int | None:
        """Return the size of the whole file, after holding what the server says against the catalogue."""
        if self.file.size is None:
            known: int | None = self._read_note().get("size") if body.start else None
            return body.total if known is None else known
        if body.total is not None and body.total != self.file.size:
            self._drop()
            self._wrong(f"the server has {body.total} bytes, the catalogue says {self.file.size}")
        return self.file.size

    def _copy(self, body: Body, part: FileIO, missing: int | None) -> None:
        """Append what comes, each piece at once, so that a kill loses none but the last."""
        pace = _Pace(self.controls.patience)
        while data := pace.read(body):
            if self.controls.stop.is_set():
                raise StoppedError
            if time.monotonic() > self.deadline:
                raise TransferError("it took too long; run again to go on")
            self.controls.bandwidth.take(len(data))
            view = memoryview(data)
            while view:
                view = view[part.write(view) :]
            self.fetched.received += len(data)
            if self.controls.on_bytes is not None:
                self.controls.on_bytes(len(data))
            if missing is not None:
                missing -= len(data)
                if missing < 0:
                    self._drop()
                    self._wrong("the server sent more bytes than the file has")
        if missing:
            raise RetryError("the connection ended early")

    def _finish(self) -> None:
        """Verify the whole file and give it its name."""
        checksum = self.file.checksum
        if checksum is not None and file_checksum(self.part, checksum.algorithm) != checksum.value:
            self._drop()
            self._wrong(f"the bytes do not have the {checksum.algorithm} checksum that they should have")
        with self.part.open("rb") as part:
            os.fsync(part.fileno())
        self.part.replace(self.target)
        self.note.unlink(missing_ok=True)
        sync_folder(self.target.parent)

    def _wrong(self, reason: str) -> None:
        """Count a file that turned out to be wrong.

        Raises:
            RetryError: it may be right the next time.
            TransferError: it was wrong too often.
        """
        self.wrong += 1
        if self.wrong >= self.controls.patience.wrong:
            raise TransferError(f"{reason}, {self.wrong} times")
        raise RetryError(reason)

    def _failed(self, reason: str, before: int, after: float | None) -> None:
        """Wait before the next attempt, or give up."""
        self.failures = 1 if self.fetched.received > before else self.failures + 1
        patience = self.controls.patience
        if self.failures >= patience.attempts:
            raise TransferError(f"{reason}; gave up after {self.failures} attempts in a row")
        # Half of the wait is drawn: transfers that failed together must not come back together.
        backoff = min(patience.wait_s * 2 ** (self.failures - 1), patience.max_wait_s) * random.uniform(0.5, 1)
        wait = backoff if after is None else after
        if time.monotonic() + wait > self.deadline:
            raise TransferError(f"{reason}; no time is left to try again")
        if self.controls.stop.wait(wait):
            raise StoppedError

    def _read_note(self) -> dict[str, Any]:
        """Return what is known of the version that the part is of."""
        try:
            note = json.loads(self.note.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return note if isinstance(note, dict) else {}

    def _drop(self) -> None:
        self.part.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


class _Pace:
    """Watches how fast a connection is; waiting for other limits than the server's does not count."""

    def __init__(self, patience: Patience) -> None:
        self._span, self._least = patience.crawl_s, patience.crawl_s * patience.slowest
        self._waited, self._bytes = 0.0, 0

    def read(self, body: Body) -> bytes:
        """Return the next bytes.

        Raises:
            RetryError: the connection crawls.
        """
        before = time.monotonic()
        data = body.read()
        self._waited += time.monotonic() - before
        self._bytes += len(data)
        if data and self._waited > self._span:
            if self._bytes < self._least:
                raise RetryError(f"the connection brings {self._bytes / self._waited:.0f} bytes a second")
            self._waited, self._bytes = 0.0, 0
        return data


def _is_right(path: Path, file: RemoteFile) -> bool:
    if file.size is not None and path.stat().st_size != file.size:
        return False
    return file.checksum is None or file_checksum(path, file.checksum.algorithm) == file.checksum.value


def file_checksum(path: Path, algorithm: str) -> str:
    """Return the check sum of a file, in hex."""
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
