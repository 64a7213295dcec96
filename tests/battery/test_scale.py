"""The state of a full dataset: what is done is seen in a minute, with little memory, and what is missing is noticed."""

import os
from functools import partial
from pathlib import Path

import pytest

from benchmarks.measure import measure
from benchmarks.state import CONFIG, PATCHES_OF_SCENE, make_state, patches_of, scan, status
from seasonet_build.config import load_config
from seasonet_build.model.layout import DatasetLayout, WorkspaceLayout

SAMPLES = 1_760_000
MEMORY = Path("/dev/shm")


@pytest.fixture
def layouts(tmp_path: Path) -> tuple[WorkspaceLayout, DatasetLayout]:
    """The state of three scenes."""
    (tmp_path / "config.toml").write_text(CONFIG.format(workspace=tmp_path), encoding="utf-8")
    workspace, dataset = WorkspaceLayout(tmp_path), DatasetLayout(tmp_path / "dataset")
    make_state(workspace, dataset, 3 * PATCHES_OF_SCENE)
    return workspace, dataset


def test_a_missing_file_is_noticed_among_thousands(layouts):
    (workspace, dataset), samples = layouts, 3 * PATCHES_OF_SCENE
    assert scan(workspace, dataset, samples) == 0
    assert status(load_config(workspace.root / "config.toml").config) == 0
    folder = dataset.root / patches_of(1, PATCHES_OF_SCENE)[-1]
    (folder / f"{folder.name}_labels.tif").unlink()
    assert scan(workspace, dataset, samples) == 1


def test_the_state_of_a_full_dataset_is_scanned_in_a_minute(full, record, tmp_path):
    if not full:
        pytest.skip("a part of the whole battery (scripts/battery.sh)")
    free = os.statvfs(MEMORY) if MEMORY.is_dir() else None
    if free is None or free.f_favail < 6 * SAMPLES:
        pytest.skip(f"{MEMORY} has no room for {6 * SAMPLES} files without content")
    workspace, dataset = WorkspaceLayout(tmp_path), DatasetLayout(MEMORY / f"seasonet-{os.getpid()}")
    try:
        measure(partial(make_state, workspace, dataset, SAMPLES))
        scanned = measure(partial(scan, workspace, dataset, SAMPLES))
    finally:
        # Faster than a walk by Python.
        os.system(f"rm -rf '{dataset.root}'")
    record(10, "full dataset", samples=SAMPLES, seconds=round(scanned.wall_s, 1), peak_mb=round(scanned.peak_mb))
    assert scanned.result == 0
    assert scanned.wall_s < 60
    assert scanned.peak_mb < 2000
