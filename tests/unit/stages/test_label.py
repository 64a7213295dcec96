"""Class counts of cells at the three levels, held against flooding the regions of each patch."""

from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin

from seasonet_build.model.classes import OTHER_CLASS, raster_code
from seasonet_build.model.tables import CELL_LABELS
from seasonet_build.sources.landcover import open_land_cover
from seasonet_build.stages.label import RegionLevels, label_tile
from seasonet_build.storage import read_table
from tests.unit.helpers import ULX, ULY, small_tile

TILE = small_tile(2400)
CODES = ("112", "311", "334")


def write_map(path: Path) -> None:
    """Many small polygons of three classes, one of them not among the 33; the map ends in the east."""
    random = np.random.default_rng(8)
    frame = shapely.box(ULX - 100, ULY - 2500, ULX + 2000, ULY + 100)
    points = random.uniform((ULX - 100, ULY - 2500), (ULX + 2000, ULY + 100), (700, 2))
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(points), extend_to=frame))
    cells = shapely.intersection(cells, frame)
    codes = random.choice(CODES, len(cells))
    pyogrio.write_dataframe(geopandas.GeoDataFrame({"CLC18": codes}, geometry=cells, crs=25832), path)


def region_sizes(patch: NDArray[np.uint8], connectivity: int) -> NDArray[np.int64]:
    """Sizes by merging pixel after pixel with those of its class that it touches."""
    height, width = patch.shape
    parent = list(range(height * width))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    steps = [(0, 1), (1, 0)] + ([(1, 1), (1, -1)] if connectivity == 8 else [])
    for row, col in np.ndindex(height, width):
        for down, right in steps:
            i, j = row + down, col + right
            if i < height and 0 <= j < width and patch[i, j] == patch[row, col]:
                parent[root(i * width + j)] = root(row * width + col)
    roots = np.array([root(i) for i in range(height * width)])
    sizes: NDArray[np.int64] = np.bincount(roots, minlength=len(roots))[roots].reshape(height, width)
    return sizes


@pytest.mark.parametrize("levels", [RegionLevels(4, 100, 300), RegionLevels(8, 0, 60)], ids=str)
def test_counts_at_each_level(tmp_path, levels):
    write_map(tmp_path / "map.gpkg")
    raster_file, table_file = tmp_path / "labels.tif", tmp_path / "labels.parquet"
    label_tile(open_land_cover(tmp_path / "map.gpkg", "*", "CLC18", None), TILE, levels, raster_file, table_file)
    with rasterio.open(raster_file) as file:
        codes = file.read(1)
        assert file.transform == from_origin(ULX, ULY, 10, 10)
        assert file.crs.to_epsg() == 32632
    assert set(np.unique(codes)) == {0, raster_code("112"), raster_code("311"), OTHER_CLASS}
    rows = read_table(table_file, CELL_LABELS).to_pylist()
    assert [(r["grid"], r["row"], r["col"]) for r in rows] == [(1, 0, 0), (1, 0, 1), (1, 1, 0), (1, 1, 1), (2, 0, 0)]
    for row in rows:
        top, left = (120 * row[key] + 60 * (row["grid"] - 1) for key in ("row", "col"))
        patch = codes[top : top + 120, left : left + 120]
        sizes = region_sizes(patch, levels.connectivity)
        for level, least in (("hard", 0), ("medium", levels.medium_px), ("easy", levels.easy_px)):
            expected = np.bincount(patch[sizes >= least], minlength=35)
            assert row[f"pixels_{level}"] == expected.tolist()
