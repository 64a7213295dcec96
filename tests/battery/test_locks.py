"""Two runs at once in one workspace, and runs after one that was killed.

Five rounds of two runs, or fifty with SEASONET_BATTERY=full in the environment.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.command_line import CommandLine, Run, command_line
from tests.bad_input.small_build import SmallBuild, assert_nothing_temporary, assert_whole_dataset, write_inputs
from tests.battery.conftest import Record

pytestmark = pytest.mark.xdist_group("battery-locks")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> SmallBuild:
    """A dataset built by a run that nobody disturbed."""
    build = SmallBuild(tmp_path_factory.mktemp("alone"))
    write_inputs(build.folder)
    run = build.run()
    assert run.code == 0, run.stderr
    assert_whole_dataset(build)
    return build


@pytest.fixture(scope="module")
def two() -> tuple[CommandLine, CommandLine]:
    """Command lines that start within milliseconds, for they have imported all libraries."""
    lines = command_line(), CommandLine()
    for line in lines:
        assert line.run("--version").code == 0
    return lines


@pytest.fixture
def fresh(alone: SmallBuild, tmp_path: Path) -> SmallBuild:
    """The same inputs without a workspace."""
    shutil.copytree(alone.folder, tmp_path / "build", ignore=shutil.ignore_patterns("work"))
    return SmallBuild(tmp_path / "build")


def dataset(build: SmallBuild) -> dict[str, bytes]:
    return {name: data for name, (data, _) in build.snapshot().items()}


# ------------------------------------------------------------------------------------------------- two runs at once


@dataclass(frozen=True)
class Timed:
    """A run, when it began and ended (seconds), and the lines of its log."""

    run: Run
    begin: float
    end: float
    log: list[Mapping[str, Any]]


def race(two: tuple[CommandLine, CommandLine], build: SmallBuild, logs: Path) -> list[Timed]:
    """Start two runs at the same time; return that which ended first, and the other."""
    barrier, results = threading.Barrier(2), []

    def start(number: int) -> None:
        log = logs / f"{number}.jsonl"
        log.unlink(missing_ok=True)
        barrier.wait()
        begin = time.monotonic()
        run = two[number].run("run", build.config, "--workers", 1, "--log-file", log, cwd=build.folder)
        results.append(Timed(run, begin, time.monotonic(), [json.loads(line) for line in log.read_text().splitlines()]))

    threads = [threading.Thread(target=start, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(results, key=lambda result: result.end)


def test_of_two_runs_at_once_one_writes_and_the_other_says_who_does(
    two: tuple[CommandLine, CommandLine],
    fresh: SmallBuild,
    alone: SmallBuild,
    tmp_path: Path,
    full: bool,
    record: Record,
) -> None:
    rounds, waits = 50 if full else 3, []
    for _ in range(rounds):
        shutil.rmtree(fresh.workspace, ignore_errors=True)
        refused, done = race(two, fresh, tmp_path)
        assert (refused.run.code, done.run.code) == (11, 0), (refused.run.stderr, done.run.stderr)
        # They did meet: milliseconds apart, and the one was refused while the other was at work.
        assert abs(refused.begin - done.begin) < 0.1
        assert refused.end < done.end
        waits.append(refused.end - refused.begin)
        assert waits[-1] < 5
        assert refused.run.stdout == ""
        assert refused.run.stderr.startswith(f"error: another run is at work in {fresh.workspace}: ")
        assert f": pid {done.log[0]['pid']} on host " in refused.run.stderr
        assert refused.run.stderr.count("\n") == 1
        assert [(line.get("exit_code"), line["level"]) for line in refused.log[1:]] == [(None, "ERROR"), (11, "INFO")]
        assert done.run.stderr == ""
        assert dataset(fresh) == dataset(alone)
        assert not (fresh.workspace / ".holder.json").exists()
        assert_nothing_temporary(fresh)
    record(5, "two runs at once", rounds=rounds, slowest_refusal_s=round(max(waits), 3))


# ------------------------------------------------------------------------------------------ a holder that was killed

MOMENTS = {
    "lock": "work/.holder.json",
    "observe": "work/state/observe/*.json",
    "cut": "work/dataset/.staging/**/*.tif",
}
"""A sign for each moment to kill a run at."""


def kill_at(line: CommandLine, build: SmallBuild, sign: str) -> int:
    """Kill a run once there are files like ``sign``; return its number, which is in the file that says who holds."""
    ended: list[Run] = []
    running = threading.Thread(target=lambda: ended.append(line.run("run", build.config, "--workers", 1)))
    running.start()
    deadline = time.monotonic() + 60
    while not any(build.folder.glob(sign)):
        assert not ended, f"the run ended before there was {sign}"
        assert time.monotonic() < deadline, f"waited in vain for {sign}"
        time.sleep(0.001)
    pid: int = json.loads((build.workspace / ".holder.json").read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    running.join()
    assert [run.code for run in ended] == [-signal.SIGKILL]
    return pid


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_next_run_takes_over_from_one_that_was_killed(
    two: tuple[CommandLine, CommandLine], fresh: SmallBuild, alone: SmallBuild, moment: str, full: bool, record: Record
) -> None:
    rounds = 10 if full else 1
    for _ in range(rounds):
        shutil.rmtree(fresh.workspace, ignore_errors=True)
        pid = kill_at(two[0], fresh, MOMENTS[moment])
        assert json.loads((fresh.workspace / ".holder.json").read_text())["pid"] == pid
        run = two[1].run("run", fresh.config, "--workers", 1)
        assert run.code == 0
        (line,) = run.stderr.splitlines()
        assert line.startswith(f"WARNING: {fresh.workspace}: the run of pid {pid} on host ")
        assert line.endswith("ended without finishing; going on where it stopped")
        assert dataset(fresh) == dataset(alone)
        assert not (fresh.workspace / ".holder.json").exists()
        again = two[0].run("run", fresh.config, "--workers", 1)
        assert (again.code, again.stderr) == (0, "")
    record(5, f"killed at {moment}", rounds=rounds)
