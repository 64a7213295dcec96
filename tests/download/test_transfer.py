"""Files arrive whole or not at all, whatever happens on the way, and nothing is fetched twice without need."""

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from seasonet_build.transfer.fetch import Controls, Patience, fetch_file
from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.pool import Job, Outcome, fetch_all
from seasonet_build.transfer.remote import Checksum, RemoteFile, TransferError
from tests.services.faults import Fault, FaultProxy, always, seeded, sequence
from tests.services.odata import ODataServer

Start = Callable[..., FaultProxy]

IN_FLIGHT = 1 << 21
"""Bytes that a server may have sent when the connection ends and that the client never sees."""

RESUMED = (Fault.TRUNCATE, Fault.RESET, Fault.STALL, Fault.SILENCE, Fault.DRIP)
REFUSED = (Fault.HTTP_401, Fault.HTTP_429, Fault.HTTP_429_DATE, Fault.HTTP_500, Fault.HTTP_503)
REPLACED = (Fault.IGNORE_RANGE, Fault.WRONG_BYTES, Fault.CHANGE_ETAG)
ALL_FAULTS = (*RESUMED, *REFUSED, *REPLACED)


class Renewable(OpenAccess):
    """Access whose tokens can be renewed, so that 401 is no end."""

    def renew(self, _used: object) -> bool:
        return True


def controls(tmp_path: Path, connections: int = 8, **changes: float) -> Controls:
    stop = threading.Event()
    patience = Patience(**{"wait_s": 0.01, "deadline_s": 60, "crawl_s": 0.4, "attempts": 12, "wrong": 8, **changes})  # type: ignore[arg-type]
    shared = tmp_path / "shared"
    return Controls(
        Slots(shared, "x", connections, stop), Bandwidth(None, stop), Quota(shared, "x", None), stop, patience
    )


def source(timeout: float = 0.5) -> HttpSource:
    return HttpSource(Renewable(), timeout, 8)


def offered(server: ODataServer, base: str, folder: Path, name: str, content: bytes) -> RemoteFile:
    """Put a file on the server and return it as a catalogue names it, seen through ``base``."""
    (folder / name).write_bytes(content)
    server.add_public(name, folder / name)
    checksum = Checksum("sha3_256", hashlib.sha3_256(content).hexdigest())
    return RemoteFile(name, f"{base}/public/{name}", len(content), checksum)


def test_hundreds_of_faulty_transfers_end_in_right_files(
    odata_server: ODataServer, proxy: Start, tmp_path: Path
) -> None:
    """120 files, up to four requests of each go wrong: more than 300 faulty transfers of all kinds."""
    front = proxy(odata_server.url, seeded(7, dict.fromkeys(ALL_FAULTS, 1.0), at_most=4))
    front.drip_pause, front.retry_after, front.reset_pause = 0.2, 0, 0.01
    (tmp_path / "there").mkdir()
    draw = random.Random(7)
    contents = {f"f{i}": draw.randbytes(draw.randrange(50_000, 300_000)) for i in range(120)}
    files = [offered(odata_server, front.url, tmp_path / "there", name, data) for name, data in contents.items()]
    jobs = [Job(file.path, file, tmp_path / "here" / file.path) for file in files]
    outcomes = list(fetch_all(jobs, source(), controls(tmp_path), 8))
    assert [o for o in outcomes if o.failure] == []
    assert {name: (tmp_path / "here" / name).read_bytes() == data for name, data in contents.items()} == dict.fromkeys(
        contents, True
    )
    assert sorted(p.name for p in (tmp_path / "here").iterdir()) == sorted(contents)
    faults = Counter(served.fault for served in front.log)
    assert sum(faults[fault] for fault in ALL_FAULTS) >= 300
    assert all(faults[fault] for fault in ALL_FAULTS)
    front.clear()
    assert all(o.fetched.received == 0 for o in fetch_all(jobs, source(), controls(tmp_path), 8))
    assert front.log == []


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_each_fault_alone_costs_no_more_than_it_must(
    odata_server: ODataServer, proxy: Start, tmp_path: Path, fault: Fault
) -> None:
    content = random.Random(1).randbytes(6_000_000)
    # Something must be there before a range can be ignored.
    faults = (Fault.TRUNCATE, fault) if fault is Fault.IGNORE_RANGE else (fault,)
    front = proxy(odata_server.url, sequence(*faults))
    front.drip_pause, front.retry_after = 0.2, 1
    file = offered(odata_server, front.url, tmp_path, "file", content)
    fetched = fetch_file(file, tmp_path / "here" / "file", source(), controls(tmp_path))
    assert (tmp_path / "here" / "file").read_bytes() == content
    extra = fetched.received - len(content)
    if fault in REPLACED:
        assert extra <= len(content)
    else:
        assert extra == 0
        assert front.body_bytes("file") <= len(content) + IN_FLIGHT


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.HTTP_503, "503"),
        (Fault.RESET, "the connection broke"),
        (Fault.WRONG_BYTES, "checksum"),
        (Fault.SILENCE, "silent"),
    ],
)
def test_a_fault_that_does_not_pass_ends_in_a_reason_and_no_file(
    odata_server: ODataServer, proxy: Start, tmp_path: Path, fault: Fault, said: str
) -> None:
    front = proxy(odata_server.url, always(fault))
    file = offered(odata_server, front.url, tmp_path, "file", bytes(1000))
    patience = controls(tmp_path, attempts=3, wrong=3, max_wait_s=0.02)
    with pytest.raises(TransferError, match=said):
        fetch_file(file, tmp_path / "here" / "file", source(0.2), patience)
    assert not (tmp_path / "here" / "file").exists()


def test_a_file_that_was_whole_stays_until_the_right_one_is_there(
    odata_server: ODataServer, proxy: Start, tmp_path: Path
) -> None:
    front = proxy(odata_server.url, always(Fault.HTTP_500))
    file = offered(odata_server, front.url, tmp_path, "file", b"new" * 100)
    target = tmp_path / "here" / "file"
    target.parent.mkdir()
    target.write_bytes(b"old")
    with pytest.raises(TransferError):
        fetch_file(file, target, source(), controls(tmp_path, attempts=2, max_wait_s=0.02))
    assert target.read_bytes() == b"old"
    front.plan = sequence()
    fetch_file(file, target, source(), controls(tmp_path))
    assert target.read_bytes() == b"new" * 100


def test_a_file_that_changes_on_the_server_is_fetched_from_its_start(
    odata_server: ODataServer, proxy: Start, tmp_path: Path
) -> None:
    """Without a check sum nothing but the version tells that the rest is of another file."""
    front = proxy(odata_server.url, sequence(Fault.TRUNCATE))
    old, new = bytes([1]) * 500_000, bytes([2]) * 500_000
    named = offered(odata_server, front.url, tmp_path, "file", old)
    file = RemoteFile(named.path, named.url)
    target = tmp_path / "here" / "file"
    with pytest.raises(TransferError):
        fetch_file(file, target, source(), controls(tmp_path, attempts=1))
    assert 0 < target.with_name("file.part").stat().st_size < len(old)
    (tmp_path / "file").write_bytes(new)
    fetch_file(file, target, source(), controls(tmp_path))
    assert target.read_bytes() == new


def test_no_file_waits_for_ever(odata_server: ODataServer, proxy: Start, tmp_path: Path) -> None:
    front = proxy(odata_server.url, always(Fault.DRIP))
    front.drip_pause = 0.05
    file = offered(odata_server, front.url, tmp_path, "file", bytes(10_000))
    started = time.monotonic()
    with pytest.raises(TransferError, match=r"too long|no time"):
        fetch_file(
            file, tmp_path / "here" / "file", source(), controls(tmp_path, deadline_s=1, crawl_s=100, slowest=1e9)
        )
    assert time.monotonic() - started < 30


def test_connections_are_limited_over_all_threads_and_processes(odata_server: ODataServer, tmp_path: Path) -> None:
    jobs = []
    for i in range(12):
        file = offered(odata_server, odata_server.url, tmp_path, f"f{i}", bytes(200_000))
        jobs.append(Job(file.path, file, tmp_path / "here" / file.path))
    held = threading.Event()
    limits = controls(tmp_path, connections=2)
    with limits.slots.slot(time.monotonic() + 5), limits.slots.slot(time.monotonic() + 5):
        ended: list[Outcome] = []

        def run() -> None:
            ended.extend(fetch_all(jobs, source(), controls(tmp_path, connections=2), 4))
            held.set()

        threading.Thread(target=run, daemon=True).start()
        assert not held.wait(0.5)
        assert not any((tmp_path / "here").glob("f?"))
    assert held.wait(20)
    assert [o.failure for o in ended] == [None] * 12


def test_the_quota_is_counted_over_runs(odata_server: ODataServer, tmp_path: Path) -> None:
    stop, shared = threading.Event(), tmp_path / "shared"

    def with_quota() -> Controls:
        patience = Patience(wait_s=0.01)
        return Controls(Slots(shared, "q", 1, stop), Bandwidth(None, stop), Quota(shared, "q", 25_000), stop, patience)

    files = [offered(odata_server, odata_server.url, tmp_path, f"f{i}", bytes(10_000)) for i in range(3)]
    for file in files[:2]:
        fetch_file(file, tmp_path / "here" / file.path, source(), with_quota())
    with pytest.raises(TransferError, match="quota"):
        fetch_file(files[2], tmp_path / "here" / "f2", source(), with_quota())
    assert Quota(shared, "q", 25_000).used() == 20_000


CLIENT = """
import sys, threading
from pathlib import Path
from seasonet_build.transfer.fetch import Controls, Patience
from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.pool import Job, fetch_all
from seasonet_build.transfer.remote import Checksum, RemoteFile
folder, base, *described = sys.argv[1:]
stop, shared = threading.Event(), Path(folder) / "shared"
slots, quota = Slots(shared, "k", 4, stop), Quota(shared, "k", None)
limits = Controls(slots, Bandwidth(None, stop), quota, stop, Patience(wait_s=0.01))
jobs = []
for text in described:
    name, size, value = text.split(":")
    file = RemoteFile(name, f"{base}/public/{name}", int(size), Checksum("sha3_256", value))
    jobs.append(Job(name, file, Path(folder) / "here" / name))
print("ready", flush=True)
outcomes = list(fetch_all(jobs, HttpSource(OpenAccess(), 10, 4), limits, 4))
sys.exit(any(outcome.failure for outcome in outcomes))
"""


def test_kills_at_random_moments_lose_at_most_a_chunk_each(
    odata_server: ODataServer, proxy: Start, tmp_path: Path
) -> None:
    front = proxy(odata_server.url)
    draw = random.Random(5)
    contents = {f"f{i}": draw.randbytes(12_000_000) for i in range(8)}
    described = []
    for name, content in contents.items():
        file = offered(odata_server, front.url, tmp_path, name, content)
        assert file.checksum is not None
        described.append(f"{name}:{file.size}:{file.checksum.value}")
    command = [sys.executable, "-c", CLIENT, str(tmp_path), front.url, *described]
    kills, kept = 0, {(name, 0) for name in contents}
    while kills < (50 if os.environ.get("SEASONET_BATTERY") == "full" else 15):
        kept |= {(part.stem, part.stat().st_size) for part in (tmp_path / "here").glob("*.part")}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            assert client.stdout is not None
            client.stdout.readline()
            before = written(tmp_path / "here")
            while client.poll() is None and written(tmp_path / "here") == before:
                time.sleep(0.001)
            time.sleep(draw.uniform(0, 0.02))
            ended = client.poll() is not None
            os.kill(client.pid, signal.SIGKILL)
        # Nothing bears a file's name but the file.
        for path in (tmp_path / "here").glob("f?"):
            assert path.read_bytes() == contents[path.name]
        kills += not ended
        if ended or len(list((tmp_path / "here").glob("f?"))) == len(contents):
            for path in (tmp_path / "here").glob("*"):
                path.unlink()
    kept |= {(part.stem, part.stat().st_size) for part in (tmp_path / "here").glob("*.part")}
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert {p.name: p.read_bytes() == contents[p.name] for p in (tmp_path / "here").iterdir()} == dict.fromkeys(
        contents, True
    )
    # Every run went on where the one before it was killed: what was on disk is not asked for again.
    kept |= {(name, len(content)) for name, content in contents.items()}
    asked = {(served.path.rpartition("/")[2], first_byte(served.range)) for served in front.log}
    assert any(start for _, start in asked)
    assert asked <= kept


def first_byte(header: str | None) -> int:
    return int(header.removeprefix("bytes=").partition("-")[0]) if header else 0


def written(folder: Path) -> int:
    """Bytes of all files in a folder that changes."""
    total = 0
    for path in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total
