"""Observations of a scene, held against looking at each patch of its classification."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.errors import ProductError
from seasonet_build.model.tables import OBSERVATIONS
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene, make_scenes
from seasonet_build.stages.observe import observe_scene, read_scl
from seasonet_build.storage import read_table
from tests.unit.helpers import few, random_bands, synthetic, write_small

SIZE = 3600


def scene_with(folder: Path, scl: NDArray[np.uint8]) -> Scene:
    path = write_small(folder, synthetic(size_m=SIZE), scl=scl, bands={"B01": random_bands(SIZE)["B01"]})
    return Scene(products=(inspect_product(path, ["SCL"]),))


def patch_by_patch(scl: NDArray[np.uint8]) -> dict[tuple[int, int, int], tuple[int, int, int]]:
    """No data, cloud and snow of each cell (grid, row, column) that has some data."""
    found = {}
    for grid, shift, n in ((1, 0, 3), (2, 30, 2)):
        for row, col in np.ndindex(n, n):
            top, left = shift + 60 * row, shift + 60 * col
            patch = scl[top : top + 60, left : left + 60]
            no_data, cloud, snow = (int(np.isin(patch, kind).sum()) for kind in ((0,), (8, 9, 10), (11,)))
            if no_data < 3600:
                found[grid, row, col] = (no_data, cloud, snow)
    return found


@few
@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.3]))
def test_counts_are_those_of_each_patch(tmp_path_factory, seed, empty):
    folder = tmp_path_factory.mktemp("observe")
    random = np.random.default_rng(seed)
    scl = random.integers(0, 12, (SIZE // 20,) * 2).astype(np.uint8)
    scl[random.random(scl.shape) < empty] = 0
    scl[:60, 60:120] = 0
    observe_scene(scene_with(folder, scl), folder / "seen.parquet")
    rows = read_table(folder / "seen.parquet", OBSERVATIONS).to_pylist()
    assert {row["tile"] for row in rows} == {"32UNA"}
    found = {(r["grid"], r["row"], r["col"]): (r["no_data"], r["cloud"], r["snow"]) for r in rows}
    assert len(rows) == len(found) == 12
    assert found == patch_by_patch(scl)


def test_granules_fill_each_others_gaps(tmp_path):
    scl = np.full((60, 60), 4, dtype=np.uint8)
    north, south = scl.copy(), scl.copy()
    north[30:] = 0
    south[:20] = 0
    south[20:] = 11
    first = synthetic()
    second = synthetic(
        datastrip_start=first.start + timedelta(minutes=4), discriminator=first.start + timedelta(days=1)
    )
    paths = [write_small(tmp_path, first, scl=north), write_small(tmp_path, second, scl=south)]
    (scene,), _ = make_scenes(map(inspect_product, paths))
    # The newer granule counts first; both have data in ten rows.
    expected = np.where(south > 0, south, north)
    assert np.array_equal(read_scl(scene), expected)


def test_a_classification_that_cannot_be_read_is_named(tmp_path):
    scene = scene_with(tmp_path, np.full((180, 180), 4, dtype=np.uint8))
    Path(scene.first.rasters["SCL"]).write_bytes(b"x")
    with pytest.raises(ProductError, match="SCL cannot be decoded"):
        observe_scene(scene, tmp_path / "seen.parquet")
    assert not (tmp_path / "seen.parquet").exists()
