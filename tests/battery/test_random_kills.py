"""Kill a run and all its workers at random moments, again and again until one comes through.

What it has built must then be what a run builds that nobody killed; and no unit of work that was on record when a run
was killed may be done again.
"""

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.battery.conftest import Record
from tests.battery.crash_build import Tree, comparable, differing
from tests.battery.processes import Group
from tests.battery.readers import look
from tests.battery.scenarios import FRESH, MASKS, PIXELS, REMOVED, Bench, Prepared, Scenario

WORKERS = 2

Stamp = tuple[int, int]
"""Inode and time of change of a file: another after each time that it was written."""


@dataclass
class Tally:
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


KILLS = {FRESH: (1, 100), MASKS: (0, 40), PIXELS: (0, 20), REMOVED: (0, 40)}
"""How many kills each scenario gets in every run of the tests, and in the whole battery."""


@pytest.mark.parametrize("scenario", KILLS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_runs_killed_at_random_moments_lose_only_what_they_were_at(
    bench: Bench, scenario: Scenario, full: bool, in_time: Callable[[], bool], record: Record
) -> None:
    kills, tally, chance = KILLS[scenario][full], Tally(), random.Random(scenario.name)
    if kills == 0:
        pytest.skip("a part of the whole battery (scripts/battery.sh)")

    def more() -> bool:
        return tally.counts["kills"] < kills and in_time()

    with bench.prepared(scenario) as prepared:
        seconds = seconds_of(prepared)
        while more():
            kill_until_done(prepared, seconds, chance, more, tally)
            tally.counts["builds"] += 1
    record(2, f"kills at random: {scenario.name}", wrong=len(tally.wrong), **tally.counts)
    assert not tally.wrong, "\n".join(tally.wrong[:20])
    assert tally.counts["units done again"] == 0


def arguments(prepared: Prepared) -> tuple[object, ...]:
    return (*prepared.arguments, "--workers", WORKERS)


def seconds_of(prepared: Prepared) -> float:
    """Return how long a run is at work that nobody disturbs."""
    prepared.start()
    with Group(*arguments(prepared), cwd=prepared.build.folder) as group:
        wait_for_work(group, prepared)
        begin = time.monotonic()
        run = group.wait()
    assert run is not None
    assert run.code == 0, run.stderr
    assert differing(comparable(prepared.build.tree()), comparable(prepared.after)) == []
    return time.monotonic() - begin


def wait_for_work(group: Group, prepared: Prepared) -> None:
    """Wait until a run touches its workspace; before that there is nothing to break, and it takes seconds."""
    before = times(prepared.build.workspace)
    while group.process.poll() is None and times(prepared.build.workspace) == before:
        time.sleep(0.002)


def times(workspace: Path) -> tuple[int, ...]:
    """Return when entries of a workspace, and what is in its lock file, last changed."""
    return tuple(path.stat().st_mtime_ns for path in (workspace, workspace / ".lock") if path.exists())


def kill_until_done(
    prepared: Prepared, seconds: float, chance: random.Random, more: Callable[[], bool], tally: Tally
) -> None:
    """Run and kill, and run again, until a run ends by itself; once there are no ``more`` kills, it is left alone."""
    prepared.start()
    on_record: Mapping[str, Stamp] = {}
    while True:
        moment = chance.uniform(0, seconds) if more() else None
        with Group(*arguments(prepared), cwd=prepared.build.folder) as group:
            wait_for_work(group, prepared)
            run = group.wait(moment)
            group.kill()
        now = stamps(prepared)
        again = sorted(name for name, stamp in on_record.items() if now.get(name) != stamp)
        tally.counts["units done again"] += len(again)
        tally.wrong += [f"{name}: was done, and was done again" for name in again]
        if run is not None:
            break
        tally.counts["kills"] += 1
        on_record = now
        sight = look(prepared.build.tree(), prepared.before, prepared.after)
        tally.wrong += sight.problems
        tally.counts["tables of two editions"] += sight.two_editions
    if run.code != 0 or "Traceback" in run.stderr:
        tally.wrong.append(f"exit {run.code}: {run.stderr}")
    names = differing(comparable(prepared.build.tree()), comparable(prepared.after))
    tally.counts["differing files"] += len(names)
    tally.wrong += [f"{name}: is another than without kills" for name in names]


def stamps(prepared: Prepared) -> dict[str, Stamp]:
    """Return the records of units that are what they are to be in the end."""
    found = {}
    for name, content in prepared.build.tree().items():
        if content == prepared.after.get(name) and is_record(name, prepared.after):
            stat = (prepared.build.workspace / name).stat()
            found[name] = (stat.st_ino, stat.st_mtime_ns)
    return found


def is_record(name: str, tree: Tree) -> bool:
    if not (name.startswith("state/") and name.endswith(".json")):
        return False
    told = json.loads(tree[name])
    return isinstance(told, dict) and "fingerprint" in told
