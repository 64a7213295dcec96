"""The classifier ukis: with the real network in a process of its own, and without the extra."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from filelock import FileLock
from numpy.typing import NDArray

from seasonet_build.clouds.ukis import cloud_shares
from seasonet_build.demo.ground import Ground, make_ground
from seasonet_build.demo.products import ACQUISITIONS, AREA, TILE_SIZE, write_acquisition
from seasonet_build.errors import ConfigError
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.sources.products import inspect_product
from seasonet_build.sources.scenes import Scene
from tests.integration.support import BUILDS, REPOSITORY, Built, seasonet
from tests.unit.helpers import random_bands, synthetic, write_small

Floats = NDArray[np.float64]

Request = tuple[Path, Sequence[int], Sequence[int]]
"""A product, and east and south distances of patches from its corner, metres."""

pytestmark = pytest.mark.xdist_group("ukis")


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder of scripts/test-ukis.sh, which is run once for all workers; skips where it cannot be had."""
    result = Path(os.environ[BUILDS]) / "ukis.json"
    with FileLock(result.with_suffix(".lock")):
        if not result.exists():
            run = subprocess.run([REPOSITORY / "scripts" / "test-ukis.sh"], capture_output=True, text=True, check=False)
            last = (run.stderr.strip().splitlines() or ["no reason given"])[-1]
            result.write_text(json.dumps([run.returncode, last]), encoding="utf-8")
    status, last = json.loads(result.read_text(encoding="utf-8"))
    if status == 4:
        pytest.skip(f"the extra ukis is not there: {last}")
    assert status == 0, last
    return Path(last)


def shares(packages: Path, *requests: Request) -> list[list[float]]:
    """Ask in one fresh process."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.clouds.ukis_shares", json.dumps(requests, default=str)],
        env={**os.environ, "PYTHONPATH": str(packages)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found: list[list[float]] = json.loads(run.stdout)
    return found


@pytest.fixture(scope="module")
def ground() -> Ground:
    return make_ground(AREA, 2018)


@pytest.fixture(scope="module")
def snowy(tmp_path_factory: pytest.TempPathFactory, ground: Ground) -> Path:
    """The demonstration's snowy product of one tile, 20 January 2019."""
    pass_ = next(acquisition for acquisition in ACQUISITIONS if acquisition.weather.snow > 0.5)
    of_one_tile = replace(pass_, tiles=pass_.tiles[:1])
    (product,) = write_acquisition(tmp_path_factory.mktemp("snowy"), ground, of_one_tile, 2018)
    return product


def grid(size_m: int) -> tuple[list[int], list[int]]:
    """Patches side by side over a tile."""
    edges = range(0, size_m - 1199, 1200)
    return [east for _ in edges for east in edges], [south for south in edges for _ in edges]


def scene_classes(product: Path, east: Sequence[int], south: Sequence[int], classes: Sequence[int]) -> Floats:
    """The share of some scene classes in each patch."""
    with rasterio.open(inspect_product(product).rasters["SCL"]) as raster:
        scl = raster.read(1)
    corners = [(top // 20, left // 20) for top, left in zip(south, east, strict=True)]
    return np.array([np.isin(scl[row : row + 60, col : col + 60], classes).mean() for row, col in corners])


@dataclass(frozen=True)
class Asked:
    """Patches of the snowy product and their shares: first a grid, then three that lie across borders of windows."""

    east: list[int]
    south: list[int]
    shares: list[float]


@pytest.fixture(scope="module")
def asked(packages: Path, snowy: Path) -> Asked:
    east, south = grid(TILE_SIZE)
    # The last pixels of the tile are in the first of the three.
    east, south = [*east, 6600, 3240, 480], [*south, 6600, 3800, 3700]
    (found,) = shares(packages, (snowy, east, south))
    return Asked(east, south, found)


def test_cloud_over_snow_is_told_from_snow(asked: Asked, snowy: Path) -> None:
    cloud, snow = (scene_classes(snowy, asked.east, asked.south, classes) for classes in ((8, 9, 10), (11,)))
    found = np.array(asked.shares)
    clear, clouded = (cloud == 0) & (snow > 0.5), cloud > 0.03
    assert clear.sum() >= 5
    assert clouded.sum() >= 3
    assert found[clear].max() < 0.01
    assert found[clouded] == pytest.approx(cloud[clouded], abs=0.1)


def test_a_patch_has_the_same_share_whatever_else_is_asked_for(asked: Asked, packages: Path, snowy: Path) -> None:
    cloudiest = sorted(range(len(asked.shares)), key=asked.shares.__getitem__)[-4:]
    some = [38, 5, *cloudiest, 36, 0, 37]
    # Another process, other patches, another order: the same to the last bit.
    (few,) = shares(packages, (snowy, [asked.east[i] for i in some], [asked.south[i] for i in some]))
    assert few == [asked.shares[i] for i in some]
    assert len({*few}) > 3
    (last,) = shares(packages, (snowy, asked.east[-1:], asked.south[-1:]))
    assert last == asked.shares[-1:]


def test_the_offset_does_not_matter(packages: Path, tmp_path: Path, ground: Ground) -> None:
    spring = replace(ACQUISITIONS[0], tiles=ACQUISITIONS[0].tiles[:1])
    old, new = write_acquisition(tmp_path, ground, spring, 2018)
    assert inspect_product(new).offsets["B02"] == -1000
    east, south = grid(TILE_SIZE)
    found, raised = shares(packages, (old, east[::5], south[::5]), (new, east[::5], south[::5]))
    assert found == raised
    assert max(found) > 0.3
    assert min(found) < 0.01


def test_tiles_smaller_than_a_window_and_without_data(packages: Path, tmp_path: Path) -> None:
    small = write_small(tmp_path, synthetic(size_m=2400))
    nothing = {band: np.zeros_like(pixels) for band, pixels in random_bands(1200).items()}
    empty = write_small(tmp_path / "empty", synthetic(size_m=1200), bands=nothing)
    found = shares(packages, (small, [0, 1200], [0, 600]), (empty, [0], [0]), (small, [], []))
    assert len(found[0]) == 2
    assert all(0 <= share <= 1 for share in found[0])
    assert found[1:] == [[0.0], []]


def test_real_snow_without_cloud_has_none(packages: Path, kit: Path) -> None:
    (product,) = (kit / "products").glob("S2B_MSIL2A_20190120T*.SAFE")
    scene = Scene(products=(inspect_product(product),))
    cells = [all_cells(scene.tile, number) for number in GRIDS]
    east = (np.concatenate([c.x for c in cells]) - scene.tile.ulx).tolist()
    south = (scene.tile.uly - np.concatenate([c.y for c in cells])).tolist()
    snowy = scene_classes(product, east, south, (11,)) > 0.1
    # Only the scene classification of this product tells of cloud, its pixels show none.
    (found,) = shares(packages, (product, np.array(east)[snowy].tolist(), np.array(south)[snowy].tolist()))
    assert len(found) >= 50
    assert max(found) < 0.01


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is not None, reason="the extra ukis is installed")
def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    scene = Scene(products=(inspect_product(write_small(tmp_path, synthetic())),))
    place = np.array([scene.tile.ulx]), np.array([scene.tile.uly])
    with pytest.raises(ConfigError, match=r"pip install 'seasonet-build\[ukis\]'$") as caught:
        cloud_shares(scene, *place)
    assert "\n" not in str(caught.value)


def test_without_candidates_the_extra_is_not_needed(tmp_path: Path) -> None:
    scene = Scene(products=(inspect_product(write_small(tmp_path, synthetic())),))
    assert cloud_shares(scene, np.array([], dtype=np.int64), np.array([], dtype=np.int64)).shape == (0,)


def run_demo(inputs: Path, workspace: Path, packages: str) -> "subprocess.CompletedProcess[str]":
    """Build the demonstration's dataset with this classifier."""
    return seasonet(
        *("run", "configs/demo.toml", "--json", "--workers", 1, "--set", f"paths.workspace={workspace}"),
        *("--set", "snow.classifier=ukis"),
        env={"SEASONET_DEMO": str(inputs), "PYTHONPATH": packages},
    )


def test_a_build_leaves_out_what_it_takes_for_cloudy(packages: Path, demo_build: Built, tmp_path: Path) -> None:
    shutil.copytree(demo_build.workspace, tmp_path / "demo")
    run = run_demo(demo_build.workspace, tmp_path / "demo", str(packages))
    assert run.returncode == 0, run.stderr
    counts = json.loads(run.stdout)["snowy_candidates"]
    assert 0 < counts["cloudy"] < counts["snowy"]
    table = pd.read_parquet(tmp_path / "demo" / "dataset" / "meta.parquet")
    scores = table.loc[table["Season"] == "Snow", "cloud_score"]
    assert len(scores) > 10
    assert scores.between(0, 0.01, inclusive="left").all()


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is not None, reason="the extra ukis is installed")
def test_without_the_extra_a_build_ends_before_it_does_anything(demo_build: Built, tmp_path: Path) -> None:
    run = run_demo(demo_build.workspace, tmp_path / "new", "")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.endswith("pip install 'seasonet-build[ukis]'\n")
    assert run.stderr.count("\n") == 1
    assert not (tmp_path / "new" / "labels").exists()
