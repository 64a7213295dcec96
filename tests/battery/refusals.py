"""What a task costs that has to refuse its input."""

import os
import pickle
import resource
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seasonet_build.errors import ProductError, SeasonetError
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.products import inspect_product
from tests.battery.conftest import Record

MEMORY_MB = 200
"""What a task may take more than this process has."""


@dataclass(frozen=True)
class Refusal:
    """What a task said when it refused, and what that cost: seconds on the clock, of them at work, and memory."""

    error: SeasonetError
    seconds: float
    cpu_seconds: float
    growth_mb: float


def refusal(task: Callable[[], object]) -> Refusal:
    """Carry out a task that must refuse its input, in a process of its own with little memory to spare."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        _carry_out(task, write_end)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    assert told, f"the process died: {status}"
    outcome = pickle.loads(told)
    assert isinstance(outcome, Refusal), outcome
    assert "\n" not in str(outcome.error)
    assert len(str(outcome.error)) < 1000
    assert outcome.growth_mb < MEMORY_MB
    assert outcome.seconds < 5  # on a free machine all are below 1
    _costs.append(outcome)
    return outcome


def _carry_out(task: Callable[[], object], write_end: int) -> None:
    outcome: object = "it was not refused"
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + (MEMORY_MB << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start, cpu_start = time.perf_counter(), time.process_time()
        try:
            task()
        except SeasonetError as error:
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
            growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            outcome = Refusal(error, seconds, cpu_seconds, growth)
    except BaseException:
        outcome = traceback.format_exc()
    finally:
        os.write(write_end, pickle.dumps(outcome)[:60_000])
        os._exit(0)


def look_at(path: Path) -> None:
    with gdal_env():
        inspect_product(path)


def refused(path: Path, *words: str) -> None:
    """Check that a product is refused with an error that names it and says some words."""
    error = refusal(partial(look_at, path)).error
    assert isinstance(error, ProductError)
    assert error.product.startswith(path.name.partition(".")[0])
    for word in words:
        assert word in str(error)


_costs: list[Refusal] = []


def note_costs(record: Record) -> None:
    """Record how many inputs were refused since the last time, and what the dearest cost."""
    if _costs:
        most = {
            "seconds": round(max(cost.seconds for cost in _costs), 3),
            "cpu_seconds": round(max(cost.cpu_seconds for cost in _costs), 3),
            "megabytes": round(max(cost.growth_mb for cost in _costs)),
        }
        record(8, "hostile input", refused=len(_costs), **most)
        _costs.clear()
