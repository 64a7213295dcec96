"""Every pixel of every patch, against a naive reading of the products and the polygons."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Compression
from rasterio.transform import from_origin

from tests.integration.reference import (
    EPSG,
    FILES,
    OTHER,
    ReferenceScene,
    World,
    demo_world,
    kit_world,
    reference_cells,
    reference_name,
    window,
)
from tests.integration.support import Built


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("demo", marks=pytest.mark.xdist_group("demo")),
        pytest.param("kit", marks=pytest.mark.xdist_group("kit")),
    ],
)
def case(request: pytest.FixtureRequest) -> tuple[World, Path]:
    """What a dataset was built from, and the dataset."""
    built: Built = request.getfixturevalue(f"{request.param}_build")
    if request.param == "demo":
        return demo_world(built.workspace / "inputs"), built.dataset
    return kit_world(request.getfixturevalue("kit")), built.dataset


@pytest.fixture(scope="module")
def world(case: tuple[World, Path]) -> World:
    return case[0]


@pytest.fixture(scope="module")
def dataset(case: tuple[World, Path]) -> Path:
    return case[1]


@pytest.fixture(scope="module")
def samples(world: World, dataset: Path) -> pd.DataFrame:
    """The rows of meta.csv, with tile and datatake from the name and the corner from the test's own grids."""
    meta = pd.read_csv(dataset / "meta.csv", dtype=str)
    names = meta["Path"].str.rsplit("/").str[-1]
    meta = meta.assign(name=names, tile=names.str.split("_").str[0], start=names.str.split("_").str[1])
    cells = pd.concat([reference_cells(tile) for tile in world.tiles])
    cells = cells.assign(Grid=cells["grid"].astype(str)).rename(columns={"lat": "Latitude", "lon": "Longitude"})
    return meta.merge(cells, on=["tile", "Grid", "Latitude", "Longitude"], how="left", validate="many_to_one")


def scenes_used(world: World, samples: pd.DataFrame) -> Iterator[tuple[ReferenceScene, pd.DataFrame]]:
    """Each scene that patches were cut from, with its patches."""
    for scene in world.scenes:
        patches = samples[(samples["tile"] == scene.tile) & (samples["start"] == scene.start)]
        if len(patches):
            yield scene, patches


def file_of(dataset: Path, patch: Any, suffix: str) -> Path:
    return dataset / str(patch.Path) / f"{patch.name}_{suffix}.tif"


def read(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as file:
        return np.asarray(file.read())


def test_every_sample_lies_on_a_cell_of_its_tile_and_is_named_after_it(samples):
    assert samples["x"].notna().all()
    expected = [reference_name(s.tile, s.start, s.Latitude, s.Longitude) for s in samples.itertuples()]
    assert samples["name"].tolist() == expected


def test_the_products_used_have_offsets_and_have_none(world, samples):
    """Else the next test would not show that both kinds end up on the same scale."""
    products = [product for scene, _ in scenes_used(world, samples) for product in scene.products]
    assert {product.offsets["B02"] for product in products} == {0, -1000}


def test_every_pixel_is_that_of_the_product_on_the_scale_without_offset(world, dataset, samples):
    tiles = {tile.name: tile for tile in world.tiles}
    wrong, compared = [], 0
    for scene, patches in scenes_used(world, samples):
        bounds = world.bounds(tiles[scene.tile])
        for suffix, (resolution, bands) in FILES.items():
            image = np.stack([scene.harmonised(band, resolution, bounds) for band in bands])
            for patch in patches.itertuples():
                part = window(bounds, patch.x, patch.y, resolution)
                if part is None or not np.array_equal(read(file_of(dataset, patch, suffix)), image[:, *part]):
                    wrong.append(f"{patch.Path} {suffix}")
                compared += len(bands)
    assert wrong == []
    assert compared == 12 * len(samples)


def test_every_label_is_that_of_the_polygon_that_holds_the_pixels_centre(world, dataset, samples):
    bounds = {tile.name: world.bounds(tile) for tile in world.tiles}
    assert any((labels == OTHER).any() for labels in world.labels.values()), "the test shows nothing of other classes"
    wrong_x, wrong_y = [], []
    for patch in samples.itertuples():
        part = window(bounds[patch.tile], patch.x, patch.y, 10)
        assert part is not None, patch.Path
        expected = world.labels[patch.tile][part]
        labels = read(file_of(dataset, patch, "labels"))[0]
        row, col = np.nonzero(labels != np.where(expected == OTHER, 0, expected))
        wrong_x.append(patch.x + 10 * col + 5)
        wrong_y.append(patch.y - 10 * row - 5)
    x, y = np.concatenate(wrong_x).astype(float), np.concatenate(wrong_y).astype(float)
    # On an edge either side may win.
    inside = world.land_cover.distance_to_edges(x, y) > 1e-6 if len(x) else x > 0
    assert list(zip(x[inside], y[inside], strict=True)) == []


def test_every_patch_folder_holds_its_five_files_and_nothing_else(dataset, samples):
    for patch in samples.itertuples():
        found = {path.name for path in (dataset / patch.Path).iterdir()}
        assert found == {f"{patch.name}_{suffix}.tif" for suffix in (*FILES, "labels")}


@pytest.mark.parametrize("suffix", [*FILES, "labels"])
def test_every_file_has_the_form_that_the_description_states(dataset, samples, suffix):
    resolution, bands = FILES.get(suffix, (10, ["labels"]))
    side = 1200 // resolution
    for patch in samples.itertuples():
        with rasterio.open(file_of(dataset, patch, suffix)) as file:
            assert file.driver == "GTiff"
            assert (file.count, file.height, file.width) == (len(bands), side, side)
            assert set(file.dtypes) == {"uint8" if suffix == "labels" else "uint16"}
            assert file.crs == CRS.from_epsg(EPSG)
            assert file.transform == from_origin(patch.x, patch.y, resolution, resolution)
            assert file.descriptions == tuple(bands)
            assert file.nodata is None
            assert file.compression is Compression.zstd
            assert "TIFFTAG_DATETIME" not in file.tags()
