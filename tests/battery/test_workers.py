"""Worker processes that the system kills: the run goes on without them, and leaves what kills them again and again.

A worker is killed as the system does it when memory runs out: by SIGKILL, from outside, or from inside at the moment
when it begins to write the patches of a certain scene.
"""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.bad_input.command_line import Run
from tests.battery.conftest import Record
from tests.battery.crash_build import BEST, CrashBuild, comparable, differing
from tests.battery.processes import Group, run_to_end

KILLER = Path(__file__).with_name("killed")
"""A folder with a sitecustomize.py that kills workers; see there."""

UNIT = f"32UNA_{BEST.start:%Y%m%dT%H%M%S}_S2A"


@pytest.fixture
def build(tmp_path: Path) -> CrashBuild:
    made = CrashBuild(tmp_path / "build")
    made.write_inputs()
    made.config.write_text(made.config.read_text().replace('damaged = "stop"\n', ""), encoding="utf-8")
    return made


def arguments(build: CrashBuild) -> tuple[object, ...]:
    return ("run", build.config, "--workers", 2, "--json")


def test_a_worker_that_is_killed_costs_nothing(build, bench, record: Record):
    bench.start_finished()
    wanted = comparable(bench.build.tree())
    with Group(*arguments(build), cwd=build.folder) as group:
        worker = first_worker(group.process.pid)
        os.kill(worker, signal.SIGKILL)
        run = group.wait(120)
    assert run is not None
    assert (run.code, run.stderr) == (0, "")
    # Records of sources and products name their folders.
    made = {n: d for n, d in comparable(build.tree()).items() if n.startswith("dataset/")}
    assert differing(made, {n: d for n, d in wanted.items() if n.startswith("dataset/")}) == []
    record(4, "a worker killed once", differing=0)


def first_worker(parent: int) -> int:
    """Wait for a worker process and return its number."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[1]) == parent and b"spawn_main" in (stat.parent / "cmdline").read_bytes():
                    return int(stat.parent.name)
            except OSError:
                continue
        time.sleep(0.01)
    raise AssertionError("there was no worker")


def killed_run(build: CrashBuild, times: int) -> Run:
    """Run the program; the first workers to write patches of the best scene are killed, so many of them."""
    path = os.pathsep.join([str(KILLER), *filter(None, [os.environ.get("PYTHONPATH")])])
    deaths = build.folder / "deaths"
    deaths.unlink(missing_ok=True)
    env = {"PYTHONPATH": path, "KILLED_AT": f".staging/{UNIT}/", "KILLED_TIMES": str(times), "KILLED_LOG": str(deaths)}
    return run_to_end(*arguments(build), cwd=build.folder, env=env)


def test_a_unit_that_kills_its_worker_three_times_is_set_aside(build, record: Record):
    run = killed_run(build, times=1000)
    assert run.code == 3, run.stderr
    report = json.loads(run.stdout)
    assert (build.folder / "deaths").read_text().count("\n") == 3
    (item,) = [item for item in report["set_aside"] if item["damaged"]]
    assert item["product"] == BEST.name.removesuffix(".SAFE")
    assert "its process was killed 3 times" in item["reason"]
    assert BEST.name.removesuffix(".SAFE") in run.stderr
    # The next best scene took its place, and everything else is there.
    table = (build.dataset / "meta.csv").read_text()
    assert BEST.start.strftime("%Y%m%dT%H%M%S") not in table
    assert table.count("\n") == 17
    # With more memory it is used.
    again = run_to_end(*arguments(build), cwd=build.folder)
    assert (again.code, again.stderr) == (0, "")
    assert BEST.start.strftime("%Y%m%dT%H%M%S") in (build.dataset / "meta.csv").read_text()
    record(4, "a unit that always kills its worker", deaths=3, exit_code=3)


def test_a_unit_that_kills_two_workers_is_done_by_the_third(build, record: Record):
    run = killed_run(build, times=2)
    assert (run.code, run.stderr) == (0, "")
    assert (build.folder / "deaths").read_text().count("\n") == 2
    record(4, "a unit that kills two workers", deaths=2, exit_code=0)
