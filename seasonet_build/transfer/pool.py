"""Fetching many files at a time."""

import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seasonet_build.transfer.fetch import Controls, Fetched, fetch_file
from seasonet_build.transfer.remote import RemoteFile, Source, TransferError


@dataclass(frozen=True)
class Job:
    """A file to fetch, its place, and the product (or other thing) that it belongs to."""

    owner: str
    file: RemoteFile
    target: Path


@dataclass(frozen=True)
class Outcome:
    """How a job ended: what it took, or why it failed."""

    job: Job
    fetched: Fetched
    failure: str | None


_Result = Outcome | BaseException


def fetch_all(jobs: Sequence[Job], source: Source, controls: Controls, connections: int) -> Iterator[Outcome]:
    """Fetch files, several at a time, in the order given; yield how each ended, as they end.

    The threads are daemons: whoever leaves early, or interrupts the program, does not wait for a silent server. That
    is safe at any moment, as a kill is.

    Raises:
        CredentialsError: the server does not know us; no further file is tried.
        StoppedError: the program is to stop.
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    ended: queue.SimpleQueue[_Result] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    leaving = threading.Event()

    def work() -> None:
        while not leaving.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            ended.put(_fetch(job, source, controls))

    for _ in range(min(connections, len(jobs))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in jobs:
            result = _wait(ended)
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        leaving.set()


def _wait(ended: "queue.SimpleQueue[_Result]") -> _Result:
    # With a time-out, or a signal would not be seen before the next file ends.
    while True:
        try:
            return ended.get(timeout=0.2)
        except queue.Empty:
            continue


def _fetch(job: Job, source: Source, controls: Controls) -> _Result:
    try:
        return Outcome(job, fetch_file(job.file, job.target, source, controls), None)
    except TransferError as error:
        return Outcome(job, Fetched(), str(error))
    except OSError as error:
        return Outcome(job, Fetched(), f"cannot be written: {error.strerror or error}")
    except BaseException as error:  # a thread that died in silence would leave us waiting
        return error
