"""The servers that tests of downloading talk to: real ones where there are any, each on a free loopback port.

Each worker of pytest-xdist runs its own. Tests that use ``stac_server`` carry ``xdist_group("stac")``: it takes
seconds to start, and it is emptied for each of them.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.integration.support import BUILDS, REPOSITORY
from tests.services.dhus import DhusServer
from tests.services.faults import FaultProxy, Plan, none
from tests.services.odata import ODataServer
from tests.services.s3 import S3Server
from tests.services.s3 import s3_server as run_s3
from tests.services.stac import StacServer
from tests.services.stac import stac_server as run_stac


@pytest.fixture(scope="session")
def services() -> Path:
    """The folder of scripts/test-services.sh, which is run once for all workers; skips where it cannot be had."""
    result = Path(os.environ[BUILDS]) / "services.json"
    with FileLock(result.with_suffix(".lock")):
        if not result.exists():
            run = subprocess.run(
                [REPOSITORY / "scripts" / "test-services.sh"], capture_output=True, text=True, check=False
            )
            last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
            result.write_text(json.dumps([run.returncode, last]), encoding="utf-8")
    status, last = json.loads(result.read_text(encoding="utf-8"))
    if status == 4:
        pytest.skip(f"the servers are not there: {last}")
    assert status == 0, last
    return Path(last)


@pytest.fixture(scope="session")
def running_stac(services: Path) -> Iterator[StacServer]:
    with run_stac(services) as server:
        yield server


@pytest.fixture
def stac_server(running_stac: StacServer) -> StacServer:
    """A STAC API without collections; tests with it carry ``xdist_group("stac")``."""
    running_stac.clear()
    return running_stac


@pytest.fixture(scope="session")
def s3_server(services: Path) -> Iterator[S3Server]:
    """An S3 of this worker; tests that change objects use buckets of their own."""
    with run_s3(services) as server:
        yield server


@pytest.fixture
def odata_server() -> Iterator[ODataServer]:
    """A file server of the Copernicus Data Space's kind, without products."""
    with ODataServer() as server:
        yield server


@pytest.fixture
def dhus_server() -> Iterator[DhusServer]:
    """A DHuS without products."""
    with DhusServer() as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Callable[..., FaultProxy]]:
    """Makes fault proxies that end with the test: ``proxy(odata_server.url, sequence(Fault.RESET))``."""
    made: list[FaultProxy] = []

    def start(upstream: str, plan: Plan = none, **options: Any) -> FaultProxy:
        made.append(FaultProxy(upstream, plan, **options))
        return made[-1]

    yield start
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def real_items(kit: Path) -> Path:
    """The folder of real STAC items in the test material."""
    return kit.parent / "stac"
