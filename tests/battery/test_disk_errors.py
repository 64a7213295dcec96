"""Let writing fail at any call, and fill real disks: a run must say so, leave nothing half done, and be resumable.

Errors are put in by strace. Real disks are file systems in memory, of 64 MB, which need root to be mounted.
"""

import os
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pytest

from tests.bad_input.command_line import Run
from tests.battery.conftest import Record
from tests.battery.crash_build import CrashBuild, Tree, comparable, differing, read_tree
from tests.battery.processes import Group
from tests.battery.readers import look
from tests.battery.scenarios import FRESH, MASKS, Bench, Prepared, Scenario, some
from tests.battery.traced import NAMES, SYNCS, WRITES, Call, traced_commands, why_not

traceable = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

FAILING = {*WRITES, *SYNCS, *NAMES}
"""The calls that a full or broken disk refuses; to remove files is always possible on the former."""

DISK = 64 << 20


@dataclass
class Tally:
    """What came of the errors: counts by name, and what went wrong at which call."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def problems_of(run: Run, *, may_be_silent: bool = False) -> list[str]:
    """Return what is wrong with the way in which a command failed."""
    lines = [line for line in run.stderr.splitlines() if not line.startswith("WARNING: ")]
    found = []
    if run.code != 1:
        found.append(f"exit {run.code}")
    if not (len(lines) == 1 and lines[0].startswith("error: ")) and not (may_be_silent and not lines):
        found.append(f"stderr is not one line: {run.stderr!r}")
    return found


def fail_and_resume(prepared: Prepared, call: Call, error: str, onwards: bool, tally: Tally) -> None:
    """Let a call fail, look at what is left, run again and compare."""
    where = f"{error} at {call}{' and later' if onwards else ''}"
    prepared.start()
    run = prepared.fail_at(call, error, onwards=onwards)
    tally.counts["errors"] += 1
    tally.counts[error] += 1
    now = prepared.build.tree()
    if run.code == 0 and not differing(comparable(now), comparable(prepared.after)):
        tally.counts["did no harm"] += 1
        return
    sight = look(now, prepared.before, prepared.after)
    # Where all later writes fail, the one to stderr may be among them.
    problems = problems_of(run, may_be_silent=onwards)
    tally.wrong += [f"{where}: {problem}" for problem in (*problems, *sight.problems)]
    again = prepared.run()
    if again.code != 0:
        tally.wrong.append(f"{where}: the next run ended with {again.code}: {again.stderr}")
        return
    names = differing(comparable(prepared.build.tree()), comparable(prepared.after))
    tally.counts["differing files"] += len(names)
    tally.wrong += [f"{where}: after the next run, {name} is another" for name in names]


def last_of_each_kind(calls: Sequence[Call]) -> list[Call]:
    """Return the last write to each kind of file: each kind is written by another library."""
    return list({call.suffix: call for call in calls if call.name in WRITES}.values())


@traceable
@pytest.mark.parametrize("scenario", (FRESH, MASKS), ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_write_that_fails_ends_the_run_and_the_next_completes_it(
    bench: Bench, scenario: Scenario, full: bool, in_time: Callable[[], bool], record: Record
) -> None:
    tally = Tally()
    with bench.prepared(scenario) as prepared:
        calls = [call for call in prepared.calls if call.name in FAILING]
        chosen = last_of_each_kind(calls) if scenario.fresh else []
        chosen += some(calls, None if full else 2, f"errors {scenario.name}")
        for n, call in enumerate(takewhile(lambda _: in_time(), chosen)):
            if full or n % 2 == 0:
                fail_and_resume(prepared, call, "ENOSPC", n % 4 == 0, tally)
            if full or n % 2 == 1:
                fail_and_resume(prepared, call, "EIO", n % 4 == 1, tally)
    record(3, f"errors: {scenario.name}", calls=len(calls), wrong=len(tally.wrong), **tally.counts)
    shown = "\n".join(tally.wrong[:20])
    assert not tally.wrong, f"{len(tally.wrong)} things went wrong after {tally.counts['errors']} errors:\n{shown}"
    assert tally.counts["did no harm"] <= 0.1 * tally.counts["errors"]


# ------------------------------------------------------------------------------------------------ real disks


@dataclass(frozen=True)
class SmallDisk:
    """A build whose workspace is to lie on a small file system, mounted at ``mount``."""

    build: CrashBuild
    mount: Path

    @property
    def workspace(self) -> Path:
        return self.mount / "work"

    @property
    def ballast(self) -> Path:
        return self.mount / "ballast"

    def arguments(self) -> tuple[object, ...]:
        return ("run", self.build.config, "--workers", 1, "--set", f"paths.workspace={self.workspace}")

    def run(self) -> Run:
        return traced_commands().run(*self.arguments(), cwd=self.build.folder)

    def clear(self) -> None:
        subprocess.run(["rm", "-rf", self.workspace, self.ballast], check=True)

    def leave(self, room: int) -> None:
        """Fill the disk, but for some bytes, whoever else is writing to it at the moment."""
        with self.ballast.open("ab") as file:
            while (left := self.room() - room) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, left)
                except OSError:
                    continue

    def room(self) -> int:
        free = os.statvfs(self.mount)
        return free.f_bavail * free.f_frsize

    def tree(self) -> Tree:
        return read_tree(self.workspace) if self.workspace.exists() else {}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    folder = tmp_path_factory.mktemp("disk")
    mount = folder / "mount"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(mount)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program 'mount'")
    if mounted.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        build = CrashBuild(folder / "build")
        build.write_inputs()
        yield SmallDisk(build, mount)
    finally:
        subprocess.run(["umount", "--lazy", str(mount)], check=False)


@pytest.fixture(scope="module")
def undisturbed(disk: SmallDisk) -> Tree:
    run = disk.run()
    assert run.code == 0, run.stderr
    return disk.tree()


def assert_says_full(run: Run) -> None:
    assert problems_of(run) == []
    assert re.search(r"disk is full|No space left|are free", run.stderr), run.stderr
    assert re.search(r"free some space", run.stderr), run.stderr


def assert_goes_on(disk: SmallDisk, undisturbed: Tree) -> None:
    """Check that what is there is whole, and that with room again the build becomes what it would have been."""
    assert look(disk.tree(), {}, undisturbed).problems == []
    disk.ballast.unlink()
    run = disk.run()
    assert run.code == 0, run.stderr
    assert differing(comparable(disk.tree()), comparable(undisturbed)) == []


def test_a_disk_that_is_too_small_is_named_and_the_run_goes_on_when_there_is_room(
    disk: SmallDisk, undisturbed: Tree, full: bool, record: Record
) -> None:
    size = sum(-(-len(content) // 4096) * 4096 for content in undisturbed.values())
    rooms = [size * i // 24 for i in range(24)] if full else [0, size // 3]
    fits = 0
    for room in rooms:
        disk.clear()
        disk.leave(room)
        run = disk.run()
        if run.code == 0:
            fits += 1
            continue
        assert_says_full(run)
        assert_goes_on(disk, undisturbed)
    record(3, "64 MB disk full from the start", fillings=len(rooms), fits=fits)
    assert fits <= len(rooms) // 4


SIGNS = ("labels/*.tif", "observations/*", "tables/samples*", "dataset/.staging/*", "patches/*", "state/cut/*")
"""What shows that a run has come to a stage."""


def test_a_disk_that_becomes_full_during_a_run(disk: SmallDisk, undisturbed: Tree, full: bool, record: Record) -> None:
    fits = 0
    signs = SIGNS if full else SIGNS[1:2]
    for sign in signs:
        disk.clear()
        run = run_until_full(disk, sign)
        if run.code == 0:
            fits += 1
            continue
        assert_says_full(run)
        assert_goes_on(disk, undisturbed)
    record(3, "64 MB disk full during the run", fillings=len(signs), fits=fits)
    assert fits <= len(signs) // 2


def run_until_full(disk: SmallDisk, sign: str) -> Run:
    """Run and fill the disk as soon as there is a file like ``sign``."""
    with Group(*disk.arguments(), cwd=disk.build.folder) as group:
        while group.process.poll() is None and not any(disk.workspace.glob(sign)):
            time.sleep(0.001)
        disk.leave(0)
        run = group.wait()
    assert run is not None
    return run
