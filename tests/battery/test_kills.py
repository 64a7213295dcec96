"""Kill a run at any call that changes a file: the next run must end as if nothing had happened.

At each point the process is killed (SIGKILL) as it enters the call. Then a reader looks at what is there, and the same
command runs again: all files of workspace and dataset must be those of a run that nobody disturbed.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

import pytest

from tests.battery.conftest import Record
from tests.battery.crash_build import comparable, differing
from tests.battery.readers import look
from tests.battery.scenarios import FRESH, SCENARIOS, Bench, Prepared, Scenario, some
from tests.battery.traced import Call, traced_commands, why_not

KILLED = -9

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@dataclass
class Tally:
    """What came of the kills: counts by name, and what went wrong at which call."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def kill_and_resume(prepared: Prepared, call: Call, tally: Tally) -> None:
    """Kill the run at a call, look at what is left, run again and compare; the workspace is as it is to be killed."""
    killed = prepared.kill_at(call)
    if killed.code != KILLED:
        tally.counts["not reached" if killed.code == 0 else "ended otherwise"] += 1
        if killed.code != 0:
            tally.wrong.append(f"{call}: exit {killed.code}: {killed.stderr}")
        return
    tally.counts["points"] += 1
    tally.counts[call.name] += 1
    sight = look(prepared.build.tree(), prepared.before, prepared.after)
    tally.wrong += [f"{call}: {problem}" for problem in sight.problems]
    tally.counts["tables of two editions"] += sight.two_editions
    tally.counts["patches of two editions"] += sight.mixed_patches > 0
    tally.counts["no meta.csv for a while"] += sight.no_table
    compare_after_resuming(prepared, call, tally)


def compare_after_resuming(prepared: Prepared, call: Call, tally: Tally) -> None:
    run = prepared.run()
    if run.code != 0 or "Traceback" in run.stderr:
        tally.wrong.append(f"{call}: the next run ended with {run.code}: {run.stderr}")
        return
    names = differing(comparable(prepared.build.tree()), comparable(prepared.after))
    tally.counts["differing files"] += len(names)
    tally.wrong += [f"{call}: after the next run, {name} is another" for name in names]


def conclude(tally: Tally, what: str, record: Record, calls: int | str = "some") -> None:
    record(1, what, calls=calls, wrong=len(tally.wrong), **tally.counts)
    shown = "\n".join(tally.wrong[:20])
    assert not tally.wrong, f"{len(tally.wrong)} things went wrong after {tally.counts['points']} kills:\n{shown}"
    # Calls come in the same order in every run, but for a few that depend on times.
    assert tally.counts["not reached"] <= 0.05 * tally.counts["points"]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_a_run_killed_at_any_call_is_completed_by_the_next(
    bench: Bench, scenario: Scenario, full: bool, in_time: Callable[[], bool], record: Record
) -> None:
    tally = Tally()
    with bench.prepared(scenario) as prepared:
        for call in takewhile(lambda _: in_time(), some(prepared.calls, None if full else 3, scenario.name)):
            prepared.start()
            kill_and_resume(prepared, call, tally)
    conclude(tally, scenario.name, record, len(prepared.calls))


def test_a_run_that_goes_on_may_be_killed_too(
    bench: Bench, full: bool, in_time: Callable[[], bool], record: Record, tmp_path: Path
) -> None:
    """The run after a kill is killed as well, at any of its own calls; the third completes the build."""
    tally = Tally()
    with bench.prepared(FRESH) as prepared:
        firsts = takewhile(lambda _: in_time(), some(prepared.calls, 8 if full else 2, "first"))
        for n, first in enumerate(firsts):
            prepared.start()
            assert prepared.kill_at(first).code == KILLED
            left = prepared.build.save(tmp_path / str(n))
            resumed = traced_commands().list_calls(
                *prepared.arguments, cwd=prepared.build.folder, below=prepared.build.workspace
            )
            assert resumed.run.code == 0, resumed.run.stderr
            for call in takewhile(lambda _: in_time(), some(resumed.calls, 40 if full else 2, f"second {n}")):
                prepared.build.start_from(left)
                kill_and_resume(prepared, call, tally)
    conclude(tally, "the run after a kill killed too", record)
