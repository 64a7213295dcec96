"""Limits hold over all threads and processes, and none is held for ever."""

import json
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.remote import RetryError, StoppedError, TransferError

HOLD = """
import sys, threading, time
from pathlib import Path
from seasonet_build.transfer.limits import Slots
with Slots(Path(sys.argv[1]), "cdse", 1, threading.Event()).slot(time.monotonic() + 30):
    print("held", flush=True)
    time.sleep(600)
"""

Days = Callable[[dict[int, int]], Path]


def soon() -> float:
    return time.monotonic() + 0.2


# Slots


def test_a_slot_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "cdse", 2, threading.Event())
    held = most = 0
    lock = threading.Lock()

    def work(_: int) -> None:
        nonlocal held, most
        with slots.slot(time.monotonic() + 60):
            with lock:
                held += 1
                most = max(most, held)
            time.sleep(0.01)
            with lock:
                held -= 1

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(24)))
    assert most == 2


def test_a_slot_is_free_again_after_an_error(tmp_path: Path) -> None:
    slots = Slots(tmp_path, "cdse", 1, threading.Event())
    with pytest.raises(ValueError, match="broken"), slots.slot(soon()):
        raise ValueError("broken")
    with slots.slot(soon()):
        pass


def test_providers_have_slots_of_their_own(tmp_path: Path) -> None:
    stop = threading.Event()
    with Slots(tmp_path, "cdse", 1, stop).slot(soon()), Slots(tmp_path, "dhus", 1, stop).slot(soon()):
        pass


def test_a_killed_process_frees_its_slot(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        slots = Slots(tmp_path, "cdse", 1, threading.Event())
        with pytest.raises(RetryError, match="taken by other transfers"), slots.slot(soon()):
            pass
        process.kill()
        process.wait()
        with slots.slot(time.monotonic() + 10):
            pass
    finally:
        process.kill()
        process.communicate()


def test_whoever_waits_for_a_slot_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    slots = Slots(tmp_path, "cdse", 1, stop)
    with slots.slot(soon()):
        threading.Timer(0.1, stop.set).start()
        with pytest.raises(StoppedError), slots.slot(time.monotonic() + 60):
            pass


# Bandwidth


def test_bandwidth_is_shared_by_all_threads() -> None:
    """Bytes over the time that they took stay below the rate; above, only a machine that stands still could fall."""
    rate, piece, pieces = 20_000_000, 50_000, 600
    bandwidth = Bandwidth(rate, threading.Event())
    begin = time.monotonic()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: bandwidth.take(piece), range(pieces)))
    seconds = time.monotonic() - begin
    assert (pieces - 1) * piece / seconds <= rate * 1.01
    assert seconds < 60


class Clock(threading.Event):
    """A clock that goes on when somebody waits, and by what each step of the work takes."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return False


@pytest.mark.parametrize("work_s", [0.0, 0.0005, 0.002])
@pytest.mark.parametrize("piece", [1_000, 16_000, 1_048_576])
def test_the_rate_is_the_one_that_was_asked_for(monkeypatch: pytest.MonkeyPatch, piece: int, work_s: float) -> None:
    clock = Clock()
    monkeypatch.setattr("seasonet_build.transfer.limits.time", clock)
    bandwidth = Bandwidth(20e6, clock)
    pieces = 100_000_000 // piece
    begin = clock.now
    for _ in range(pieces):
        bandwidth.take(piece)
        clock.now += work_s
    rate = pieces * piece / (clock.now - begin)
    # Work that is slower than the limit is not held up.
    expected = min(20e6, piece / work_s if work_s else 20e6)
    assert 0.8 * expected <= rate <= 1.2 * expected


def test_no_limit_waits_for_nothing_and_a_stop_ends_the_wait() -> None:
    stop = threading.Event()
    for _ in range(1000):
        Bandwidth(None, stop).take(10**12)
    slow = Bandwidth(1.0, stop)
    slow.take(10**6)
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StoppedError):
        slow.take(1)


# Quota


@pytest.fixture
def days(tmp_path: Path) -> Days:
    """Write a record: bytes by how many days ago they came in."""

    def write(ago: dict[int, int]) -> Path:
        today = datetime.now(UTC).date()
        record = {(today - timedelta(days=n)).isoformat(): count for n, count in ago.items()}
        (tmp_path / "cdse.quota.json").write_text(json.dumps(record))
        return tmp_path

    return write


def test_days_that_are_older_than_thirty_drop_out(days: Days) -> None:
    quota = Quota(days({0: 1, 1: 10, 28: 100, 31: 1000, 400: 10_000}), "cdse", 10**9)
    assert quota.used() == 111
    quota.add(5)
    assert quota.used() == 116
    record = json.loads((days({}) / "cdse.quota.json").read_text())
    assert record == {}


def test_old_days_are_taken_out_of_the_record(days: Days) -> None:
    folder = days({0: 1, 31: 1000})
    Quota(folder, "cdse", 10**9).add(5)
    assert list(json.loads((folder / "cdse.quota.json").read_text()).values()) == [6]


def test_a_quota_is_kept(days: Days) -> None:
    quota = Quota(days({3: 900}), "cdse", 1000)
    quota.require(100)
    with pytest.raises(TransferError, match="the quota of 1e-06 GB in 30 days would be exceeded"):
        quota.require(101)
    quota.add(100)
    with pytest.raises(TransferError, match="run again later"):
        quota.require(1)


def test_without_a_quota_nothing_is_counted(tmp_path: Path) -> None:
    quota = Quota(tmp_path, "cdse", None)
    quota.add(10**12)
    quota.require(10**12)
    assert not (tmp_path / "cdse.quota.json").exists()


DAMAGED = [
    "",
    "{",
    "[1, 2]",
    "7",
    "null",
    '{"2018-04": 3}',
    '{"today": 3}',
    '{"2999-01-01": "many"}',
    '{"2999-01-01": null}',
    '{"2999-01-01": Infinity}',
    '{"2999-01-01": NaN}',
    "[" * 100_000,
    "\ud800",
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_record_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "cdse.quota.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    quota = Quota(tmp_path, "cdse", 1000)
    assert quota.used() == 0
    quota.add(7)
    assert quota.used() == 7


def add_ones(folder: Path, n: int) -> None:
    quota = Quota(folder, "cdse", 10**9)
    for _ in range(n):
        quota.add(1)


def test_two_processes_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as processes:
        for done in [processes.submit(add_ones, tmp_path, 200) for _ in range(2)]:
            done.result()
    assert Quota(tmp_path, "cdse", 10**9).used() == 400


def test_threads_that_share_a_quota_lose_nothing(tmp_path: Path) -> None:
    quota = Quota(tmp_path, "cdse", 10**9)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: quota.add(1), range(400)))
    assert quota.used() == 400
