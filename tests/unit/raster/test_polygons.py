"""Burning polygons, held against asking of every pixel's centre which polygon it lies in."""

import numpy as np
import pytest
import rasterio.features
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.transform import from_origin

from seasonet_build.model.tiles import Tile
from seasonet_build.raster.polygons import burn_polygons
from tests.unit.helpers import ULX, ULY, few, small_tile

TALL = small_tile(6000)
"""600 rows of 10 m: more than are filled at once."""


def burnt(
    polygons: NDArray[np.object_], codes: NDArray[np.uint8], tile: Tile, resolution: int = 10
) -> NDArray[np.uint8]:
    raster = np.zeros((tile.pixels(resolution),) * 2, dtype=np.uint8)
    burn_polygons(raster, polygons, codes, tile, resolution)
    return raster


def centres(tile: Tile, resolution: int) -> NDArray[np.object_]:
    along = (np.arange(tile.pixels(resolution)) + 0.5) * resolution
    x, y = np.meshgrid(tile.ulx + along, tile.uly - along)
    points: NDArray[np.object_] = shapely.points(x.ravel(), y.ravel())
    return points


def by_point(polygons: NDArray[np.object_], codes: NDArray[np.uint8], tile: Tile, resolution: int) -> NDArray[np.uint8]:
    """The same raster, slowly."""
    side = tile.pixels(resolution)
    raster = np.zeros(side * side, dtype=np.uint8)
    polygon, point = shapely.STRtree(centres(tile, resolution)).query(polygons, predicate="contains")
    order = np.argsort(polygon, kind="stable")
    raster[point[order]] = codes[polygon[order]]
    return raster.reshape(side, side)


def voronoi(seed: int, n: int, tile: Tile, reach: float) -> NDArray[np.object_]:
    """Polygons that share edges and leave no gap, up to ``reach`` metres beyond the tile."""
    random = np.random.default_rng(seed)
    west, south, east, north = tile.bounds
    points = random.uniform((west - reach, south - reach), (east + reach, north + reach), (n, 2))
    cells = shapely.voronoi_polygons(shapely.multipoints(points), extend_to=shapely.box(*tile.bounds).buffer(reach))
    polygons: NDArray[np.object_] = shapely.get_parts(cells)
    return polygons


@few
@given(st.integers(0, 10_000), st.integers(3, 200), st.sampled_from([20, 60]))
def test_pixels_take_the_polygon_that_their_centre_lies_in(seed, n, resolution):
    tile = small_tile(5_400)
    polygons = voronoi(seed, n, tile, 3000)
    codes = np.random.default_rng(seed).integers(1, 35, len(polygons)).astype(np.uint8)
    raster = burnt(polygons, codes, tile, resolution)
    assert np.array_equal(raster, by_point(polygons, codes, tile, resolution))
    assert raster.all(), "neighbours that share an edge leave no gap"


@settings(few, max_examples=4)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_multipolygons_with_holes_across_strips(seed, n_codes):
    polygons = voronoi(seed, 60, TALL, 500)
    groups = np.random.default_rng(seed).integers(0, n_codes, len(polygons))
    merged = np.array([shapely.union_all(polygons[groups == group]) for group in np.unique(groups)])
    codes = np.arange(1, len(merged) + 1, dtype=np.uint8)
    # One class is left out: holes remain where it was.
    raster = burnt(merged[1:], codes[1:], TALL)
    assert np.array_equal(raster, by_point(merged[1:], codes[1:], TALL, 10))
    whole = burnt(merged, codes, TALL)
    assert np.array_equal(raster, np.where(whole == 1, 0, whole))


@few
@given(st.integers(0, 10_000), st.sampled_from([1, 4, 40]))
def test_polygons_on_pixel_corners_give_their_raster_back(seed, patch):
    side = TALL.pixels(10)
    coarse = np.random.default_rng(seed).integers(1, 4, (side // patch,) * 2).astype(np.uint8)
    window = slice(0, side if patch > 5 else 24 * patch)
    raster = np.kron(coarse, np.ones((patch, patch), dtype=np.uint8))
    raster[:, window.stop :] = 0
    found = rasterio.features.shapes(raster, mask=raster > 0, connectivity=4, transform=from_origin(ULX, ULY, 10, 10))
    shapes, values = zip(*found, strict=True)
    polygons = np.array([shapely.geometry.shape(shape) for shape in shapes])
    assert np.array_equal(burnt(polygons, np.array(values, dtype=np.uint8), TALL), raster)


def test_later_polygons_win():
    below, above = shapely.box(ULX, ULY - 6000, ULX + 6000, ULY), shapely.box(ULX, ULY - 3000, ULX + 3000, ULY)
    raster = burnt(np.array([below, above]), np.array([1, 2], dtype=np.uint8), TALL)
    expected = np.ones((600, 600), dtype=np.uint8)
    expected[:300, :300] = 2
    assert np.array_equal(raster, expected)


@pytest.mark.parametrize(
    "elsewhere",
    [
        shapely.box(ULX + 9000, ULY - 6000, ULX + 12_000, ULY),
        shapely.box(ULX, ULY, ULX + 6000, ULY + 5000),  # only touches the tile
        shapely.Polygon(),
        shapely.box(ULX + 12, ULY - 18, ULX + 14, ULY - 16),  # between the centres of pixels
    ],
)
def test_polygons_that_hold_no_centre_leave_no_mark(elsewhere):
    raster = burnt(np.array([elsewhere]), np.array([9], dtype=np.uint8), TALL)
    assert not raster.any()


@pytest.mark.parametrize("last_row", [239, 240, 511, 512])
def test_an_edge_between_two_rows_belongs_to_neither(last_row):
    box = shapely.box(ULX + 100, ULY - 10 * (last_row + 1), ULX + 200, ULY - 2000)
    raster = burnt(np.array([box]), np.array([9], dtype=np.uint8), TALL)
    expected = np.zeros((600, 600), dtype=np.uint8)
    expected[200 : last_row + 1, 10:20] = 9
    assert np.array_equal(raster, expected)


def test_a_centre_on_an_outline_belongs_to_the_polygon_east_or_south_of_it():
    # Four boxes that meet in the centre of pixel (30, 40), on the centres of its row and column.
    x, y = ULX + 405, ULY - 305
    corners = [(ULX, y, x, ULY), (x, y, ULX + 6000, ULY), (ULX, ULY - 6000, x, y), (x, ULY - 6000, ULX + 6000, y)]
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        boxes = np.array([shapely.box(*corners[i]) for i in order])
        raster = burnt(boxes, np.array([i + 1 for i in order], dtype=np.uint8), TALL)
        expected = np.full((600, 600), 4, dtype=np.uint8)
        expected[:30] = 2
        expected[:, :40] = 3
        expected[:30, :40] = 1
        assert np.array_equal(raster, expected)


@few
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_overlapping_polygons_are_painted_in_their_order(seed, n):
    tile = small_tile(2400)
    random = np.random.default_rng(seed)
    middles = random.uniform(0, 2400, (n, 2)) * (1, -1) + (ULX, ULY)
    shapes = np.array([shapely.Point(*middle).buffer(random.uniform(30, 1500), quad_segs=3) for middle in middles])
    codes = np.arange(1, n + 1, dtype=np.uint8)
    expected = np.zeros((120, 120), dtype=np.uint8)
    for i in range(n):
        alone = burnt(shapes[i : i + 1], codes[i : i + 1], tile, 20)
        assert np.array_equal(alone, by_point(shapes[i : i + 1], codes[i : i + 1], tile, 20))
        expected = np.where(alone > 0, alone, expected)
    assert np.array_equal(burnt(shapes, codes, tile, 20), expected)


def test_no_polygons_leave_the_raster_alone():
    raster = burnt(np.array([], dtype=object), np.array([], dtype=np.uint8), TALL)
    assert not raster.any()


def test_what_was_burnt_before_stays():
    raster = np.full((600, 600), 7, dtype=np.uint8)
    box = shapely.box(ULX, ULY - 10, ULX + 10, ULY)
    burn_polygons(raster, np.array([box]), np.array([9], dtype=np.uint8), TALL, 10)
    assert raster[0, 0] == 9
    assert (raster == 7).sum() == 600 * 600 - 1
