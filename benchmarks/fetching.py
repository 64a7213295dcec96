"""Fetch the same files with the package's transfers and with curl."""

import hashlib
import random
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seasonet_build.transfer.fetch import Controls, Patience
from seasonet_build.transfer.http import HttpSource, OpenAccess
from seasonet_build.transfer.limits import Bandwidth, Quota, Slots
from seasonet_build.transfer.pool import Job, fetch_all
from seasonet_build.transfer.remote import Checksum, RemoteFile

CONNECTIONS = 4


@dataclass(frozen=True)
class Served:
    """A file on the server: name, bytes, SHA3-256 in hex if it is to be verified."""

    name: str
    size: int
    sha3: str | None


def make_files(folder: Path, sizes: Sequence[int], seed: int) -> list[Served]:
    """Write files of random bytes."""
    draw = random.Random(seed)
    files = []
    for number, size in enumerate(sizes):
        data = draw.randbytes(size)
        name = f"{len(sizes)}-{number}.bin"
        (folder / name).write_bytes(data)
        files.append(Served(name, size, hashlib.sha3_256(data).hexdigest()))
    return files


def fetch(files: Sequence[Served], url: str, folder: Path) -> None:
    """Fetch files with the package: verified, synchronised, over four connections."""
    stop = threading.Event()
    limits = (Slots(folder / "shared", "bench", CONNECTIONS, stop), Bandwidth(None, stop))
    controls = Controls(*limits, Quota(folder / "shared", "bench", None), stop, Patience())
    jobs = [Job("bench", _remote(file, url), folder / "files" / file.name) for file in files]
    for outcome in fetch_all(jobs, HttpSource(OpenAccess(), 60, CONNECTIONS), controls, CONNECTIONS):
        if outcome.failure is not None:
            raise RuntimeError(f"{outcome.job.file.path}: {outcome.failure}")


def fetch_with_curl(files: Sequence[Served], url: str, folder: Path) -> None:
    """Fetch files with curl over four connections: neither verified nor synchronised."""
    (folder / "files").mkdir(parents=True)
    lines = [f'url = "{url}/{f.name}"\noutput = "{folder / "files" / f.name}"' for f in files]
    (folder / "curl.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["curl", "--no-progress-meter", "--fail", "--parallel", "--parallel-max", str(CONNECTIONS)]
    subprocess.run([*command, "--config", str(folder / "curl.txt")], check=True)


def check_with_openssl(files: Sequence[Served], folder: Path) -> None:
    """Verify what curl fetched, on two cores, and have it written to the disk."""
    paths = [str(folder / "files" / f.name) for f in files]
    halves = [paths[0::2], paths[1::2]]
    command = ["openssl", "dgst", "-sha3-256", "-r"]
    processes = [subprocess.Popen([*command, *half], stdout=subprocess.PIPE, text=True) for half in halves if half]
    found = {line.split()[0] for process in processes for line in process.communicate()[0].splitlines()}
    if found != {f.sha3 for f in files}:
        raise RuntimeError("curl fetched other bytes")
    subprocess.run(["sync", *paths, str(folder / "files")], check=True)


def _remote(file: Served, url: str) -> RemoteFile:
    checksum = None if file.sha3 is None else Checksum("sha3_256", file.sha3)
    return RemoteFile(file.name, f"{url}/{file.name}", file.size, checksum)
