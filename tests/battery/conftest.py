"""What the batteries share: how much is run, and where their counts go.

A run of the tests does a seeded part of each battery. ``SEASONET_BATTERY=full`` does the whole (scripts/battery.sh), in
a seeded random order; ``SEASONET_BATTERY_MINUTES`` ends each test that would take longer, which then has done a part.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.battery.scenarios import Bench

Record = Callable[..., None]
"""Takes the number of the battery, what was done, and counts by name: ``record(1, "fresh build", points=812)``."""


@pytest.fixture(scope="session")
def full() -> bool:
    """Whether the whole battery is to be run, not just the part that fits into every run of the tests."""
    return os.environ.get("SEASONET_BATTERY") == "full"


@pytest.fixture
def in_time() -> Callable[[], bool]:
    """Tell whether a test may still begin something."""
    minutes = os.environ.get("SEASONET_BATTERY_MINUTES")
    begin = time.monotonic()
    return lambda: minutes is None or time.monotonic() - begin < 60 * float(minutes)


@pytest.fixture(scope="session")
def record() -> Record:
    """Append the counts of a battery, as a line of JSON, to the file that ``SEASONET_BATTERY_RESULTS`` names."""
    target = os.environ.get("SEASONET_BATTERY_RESULTS")

    def append(row: int, what: str, **counts: int | float | str) -> None:
        if target:
            line = json.dumps({"row": row, "what": what, **counts}) + "\n"
            # One write to a file opened for appending: lines of several processes do not mix.
            with Path(target).open("ab", buffering=0) as file:
                file.write(line.encode())

    return append


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A small build to be disturbed; whoever uses it leaves its inputs as they were."""
    return Bench(tmp_path_factory.mktemp("bench"))
