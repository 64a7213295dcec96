"""``run --since-last`` names each sample that a run changed."""

import json
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from seasonet_build.cli.summary import print_report
from seasonet_build.engine.changes import kept_changes
from seasonet_build.engine.report import RunReport
from tests.bad_input.command_line import Run
from tests.bad_input.small_build import BEST, N_PATCHES, NEXT, SmallBuild, bands, report_of, scl, write_inputs
from tests.unit.helpers import write_small

AUTUMN = replace(NEXT, start=datetime(2018, 10, 15, 10, 40, 21))

EARLY_SUMMER = ("--set", "seasons.spring.end=2018-04-30", "--set", "seasons.summer.start=2018-05-01")
"""With these the samples of summer are of what is else the next best product of spring."""


def samples_of(build: SmallBuild) -> set[str]:
    rows = (build.dataset / "meta.csv").read_text().splitlines()[1:]
    folders = {str(path.relative_to(build.dataset)) for path in build.dataset.glob("*/grid?/*")}
    assert len(rows) == len(folders)
    assert all(any(folder in row for row in rows) for folder in folders)
    return folders


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[SmallBuild, list[Run], list[set[str]]]:
    """Three runs, what they said, and the samples there were: all new, of each kind, and nothing to do."""
    build = SmallBuild(tmp_path_factory.mktemp("build"))
    write_inputs(build.folder)
    said = [build.run("--since-last", *EARLY_SUMMER, "--json")]
    samples = [samples_of(build)]
    # Spring loses its best product, summer its only one, and there is one of fall.
    shutil.move(build.best, build.folder / "away")
    write_small(build.products, AUTUMN, bands=bands(3), scl=scl())
    for _ in range(2):
        said.append(build.run("--since-last"))
        samples.append(samples_of(build))
    return build, said, samples


def named(text: str) -> dict[str, list[str]]:
    """Lines of samples by their first word."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith(("  new ", "  replaced ", "  removed ")):
            kind, _, rest = line.strip().partition(" ")
            found.setdefault(kind, []).append(rest.strip())
    return found


def test_a_first_run_says_that_all_samples_are_new(runs):
    build, (first, *_), (samples, *_) = runs
    assert first.code == 0, first.stderr
    report = json.loads(first.stdout)
    (told,) = report["changed_samples"]
    assert told["first"]
    assert told["samples"] == told["counts"]["new"] == len(samples) == 2 * N_PATCHES
    assert report["changes"]["new"] == 2 * N_PATCHES
    assert report["changes"]["files"] == [str(kept_changes(build.workspace / "changes")[0])]


def test_samples_that_are_new_replaced_or_removed_are_named(runs):
    build, (_, second, _), (before, after, _) = runs
    assert second.code == 0, second.stderr
    found = named(second.stdout)
    pairs = [tuple(line.split(" -> ")) for line in found["replaced"]]
    assert set(found["new"]) == {path for path in after if path.startswith("fall/")}
    assert set(found["removed"]) == {path for path in before if path.startswith("summer/")}
    assert {old for old, _ in pairs} == {path for path in before if path.startswith("spring/")}
    assert {new for _, new in pairs} == {path for path in after if path.startswith("spring/")}
    was, now = (f"{product.start:%Y%m%dT%H%M%S}" for product in (BEST, NEXT))
    assert all(new == old.replace(was, now) != old for old, new in pairs)
    assert [len(found[kind]) for kind in ("new", "replaced", "removed")] == [N_PATCHES] * 3
    (_, kept) = kept_changes(build.workspace / "changes")
    assert f"\nChanged samples: 5 new, 5 replaced, 5 removed ({kept})\n" in second.stdout


def test_a_run_that_changes_nothing_says_so(runs):
    build, (*_, third), (*_, before, after) = runs
    assert third.code == 0, third.stderr
    assert after == before
    assert "\nChanged samples: none\n" in third.stdout
    assert named(third.stdout) == {}
    assert len(kept_changes(build.workspace / "changes")) == 2


def test_the_json_names_the_same_samples_as_the_text(runs, capsys):
    build, (_, second, _), _ = runs
    files: list[Path] = kept_changes(build.workspace / "changes")[1:]
    print_report(RunReport("small", changes=files), as_json=True, since_last=True)
    report = report_of(Run(0, capsys.readouterr().out, ""))
    assert report["changes"] == {"new": 5, "replaced": 5, "removed": 5, "files": [str(files[0])]}
    (told,) = report["changed_samples"]  # type: ignore[misc]
    replaced = [f"{pair['from']} -> {pair['to']}" for pair in told["replaced"]]  # type: ignore[has-type]
    found = {"new": told["new"], "replaced": replaced, "removed": told["removed"]}  # type: ignore[has-type]
    assert found == named(second.stdout)


def test_samples_are_named_only_where_that_is_asked_for(runs, capsys):
    build, _, _ = runs
    report = RunReport("small", changes=kept_changes(build.workspace / "changes")[1:])
    print_report(report, as_json=True)
    assert "changed_samples" not in json.loads(capsys.readouterr().out)
    print_report(report, as_json=False)
    text = capsys.readouterr().out
    assert "Changed samples: 5 new, 5 replaced, 5 removed" in text
    assert named(text) == {}
