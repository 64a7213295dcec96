"""What a run rewrites where little or nothing has changed: only what depends on it. Looked at by inode and time."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.battery.conftest import Record
from tests.battery.crash_build import BEST, TILE, Tree, is_lock
from tests.battery.scenarios import Bench
from tests.battery.traced import traced_commands

Stamp = tuple[int, int]

TABLES = {"meta.csv", "meta.parquet", "checksums.parquet", "SHA256SUMS"}


def stamps(workspace: Path) -> dict[str, Stamp]:
    """Return inode and time of change of all files of a workspace, but of the lock."""
    found = {}
    for path in workspace.rglob("*"):
        if path.is_file() and not is_lock(path.name):
            stat = path.stat()
            found[path.relative_to(workspace).as_posix()] = (stat.st_ino, stat.st_mtime_ns)
    return found


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


class Rerun:
    """A run on a finished workspace: which files it wrote or removed, and which of them have another content now."""

    def __init__(self, bench: Bench, *options: str) -> None:
        build = bench.build
        bench.start_finished()
        contents, before = build.tree(), stamps(build.workspace)
        run = traced_commands().run(*bench.arguments(*options), cwd=build.folder)
        assert run.code == 0, run.stderr
        self.touched = changed(before, stamps(build.workspace))
        self.differing = changed(contents, build.tree()) & self.touched
        self.after: Tree = build.tree()

    @property
    def patches(self) -> set[str]:
        """Files of patches that were written or removed."""
        return {name for name in self.touched if name.startswith("dataset/") and name.endswith(".tif")}

    @property
    def rest(self) -> set[str]:
        """Other files of the dataset that were written or removed, relative to it."""
        found = {name for name in self.touched if name.startswith("dataset/")} - self.patches
        return {name.removeprefix("dataset/") for name in found}

    def counts(self) -> dict[str, int]:
        return {
            "rewritten": len(self.touched),
            "of patches": len(self.patches),
            "of other content": len(self.differing),
        }


def test_a_run_with_nothing_to_do_writes_nothing(bench: Bench, record: Record) -> None:
    rerun = Rerun(bench)
    record(9, "nothing changed", **rerun.counts())
    assert rerun.touched == set()


def test_a_product_that_was_replaced_has_only_its_own_patches_cut_again(bench: Bench, record: Record) -> None:
    with bench.changed(Bench.replace_best):
        rerun = Rerun(bench)
    record(9, "a product replaced", **rerun.counts())
    of_scene = {name for name in rerun.patches if f"/{TILE}_{BEST.start:%Y%m%dT%H%M%S}_" in name}
    assert rerun.patches == of_scene
    assert rerun.patches & rerun.differing
    assert rerun.rest <= TABLES - {"meta.csv"}


SPLITS = "splits/"
CHANGES: dict[str, Callable[[set[str]], bool]] = {
    "split.seed=7": lambda rest: all(name.startswith(SPLITS) or name == "SHA256SUMS" for name in rest),
    "seasons.summer.max_cloud=4": lambda rest: not rest,
    "labels.easy_px=200": lambda rest: rest <= TABLES - {"meta.csv"},
}
"""A value of the configuration, and what may be written of the dataset besides patches."""


@pytest.mark.parametrize("setting", CHANGES)
def test_a_value_of_the_configuration_touches_only_what_depends_on_it(
    bench: Bench, setting: str, record: Record
) -> None:
    rerun = Rerun(bench, "--set", setting)
    record(9, setting, **rerun.counts())
    assert rerun.touched, "the setting has no effect at all: the test would show nothing"
    assert rerun.patches == set()
    assert CHANGES[setting](rerun.rest), sorted(rerun.rest)


def test_another_compression_cuts_all_patches_again_and_nothing_else(bench: Bench, record: Record) -> None:
    rerun = Rerun(bench, "--set", "output.level=3")
    record(9, "output.level=3", **rerun.counts())
    assert rerun.patches == {name for name in rerun.after if name.startswith("dataset/") and name.endswith(".tif")}
    assert rerun.rest <= TABLES - {"meta.csv"}
