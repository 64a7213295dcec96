"""The two patch grids of a tile, from first principles."""

import mgrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from seasonet_build.model.grid import (
    GRIDS,
    HALF_M,
    PATCH_M,
    Cells,
    all_cells,
    cells_along,
    geographic,
    in_own_square,
    in_own_zone,
    shift_m,
)
from seasonet_build.model.tiles import Tile, nominal_tile
from tests.unit.helpers import modest, small_tile

ORACLE = mgrs.MGRS()
REAL_TILES = ("31UFS", "31UGQ", "31UGR", "32UKB", "32ULV", "32UME", "32UQE", "33UUS", "33UVP")


def one_cell(tile: Tile, grid: int, row: int, col: int) -> Cells:
    return Cells(tile, grid, np.array([row]), np.array([col]))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_full_tile_has_91_by_91_whole_patches(grid):
    tile = nominal_tile("32UME")
    cells = all_cells(tile, grid)
    assert len(cells) == 91 * 91
    assert (cells.row.max(), cells.col.max()) == (90, 90)
    assert len(set(zip(cells.row.tolist(), cells.col.tolist(), strict=True))) == len(cells)
    west, south, east, north = tile.bounds
    assert cells.x.min() == west + shift_m(grid)
    assert cells.y.max() == north - shift_m(grid)
    assert cells.x.max() + PATCH_M <= east
    assert cells.y.min() - PATCH_M >= south
    # One more column or row would reach out of the tile.
    assert cells.x.max() + 2 * PATCH_M > east
    assert cells.y.min() - 2 * PATCH_M < south


def test_grid_2_is_grid_1_shifted_by_half_a_patch_to_the_south_east():
    first, second = (all_cells(nominal_tile("32UME"), grid) for grid in GRIDS)
    assert np.array_equal(second.x - first.x, np.full(len(first), HALF_M))
    assert np.array_equal(first.y - second.y, np.full(len(first), HALF_M))


def test_corners_go_east_by_column_and_south_by_row():
    cells = Cells(small_tile(6000), 1, np.array([0, 0, 2]), np.array([0, 3, 1]))
    assert (cells.x - 540_000).tolist() == [0, 3600, 1200]
    assert (cells.y - 5_560_020).tolist() == [0, 0, -2400]
    kept = cells.take(np.array([True, False, True]))
    assert (kept.row.tolist(), kept.col.tolist(), len(kept)) == ([0, 2], [0, 1], 2)


def assert_as_many_patches_as_fit(size: int, grid: int) -> None:
    tile = small_tile(size)
    fitting = sum(shift_m(grid) + PATCH_M * (i + 1) <= size for i in range(10))
    assert cells_along(tile, grid) == fitting
    cells = all_cells(tile, grid)
    expected = [(row, col) for row in range(fitting) for col in range(fitting)]
    assert list(zip(cells.row.tolist(), cells.col.tolist(), strict=True)) == expected


@pytest.mark.parametrize("grid", GRIDS)
def test_small_tiles_hold_as_many_patches_as_fit(grid):
    for size in range(600, 6061, 60):
        assert_as_many_patches_as_fit(size, grid)


@pytest.mark.parametrize("grid", GRIDS)
def test_tiles_smaller_than_half_a_patch_hold_none(grid):
    for size in range(60, 600, 60):
        assert_as_many_patches_as_fit(size, grid)


@modest
@given(
    st.sampled_from(REAL_TILES),
    st.sampled_from(GRIDS),
    st.sampled_from([*range(10), *range(80, 91)]),
    st.sampled_from([*range(10), *range(80, 91)]),
)
def test_own_square_and_own_zone_are_those_of_the_oracle(name, grid, row, col):
    cells = one_cell(nominal_tile(name), grid, row, col)
    x, y = int(cells.x[0]) + 600, int(cells.y[0]) - 600
    _, _, middle_x, middle_y = ORACLE.MGRSToUTM(name)
    assert in_own_square(cells)[0] == (abs(x - middle_x) < 50_000 and abs(y - middle_y) < 50_000)
    longitude, latitude = Transformer.from_crs(cells.tile.epsg, 4326, always_xy=True).transform(x, y)
    zone = int(ORACLE.toMGRS(latitude, longitude, MGRSPrecision=0)[:2])
    assert in_own_zone(cells)[0] == (zone == cells.tile.zone)


def test_a_centre_on_the_edge_of_a_square_belongs_to_the_one_east_or_south_of_it():
    # Grid 2 of a tile that starts 1200 m west and north of the corner of square 32UNA: centres at 0 and 1200 m.
    tile = Tile("32UNA", 32632, 500_000 - 1200, 5_600_000 + 1200, 6000)
    inside = in_own_square(all_cells(tile, 2)).reshape(4, 4)
    assert inside[0].tolist() == [True] * 4
    assert inside.all()
    further = Tile("32UNA", 32632, 500_000 - 2400, 5_600_000 + 2400, 6000)
    assert (
        in_own_square(all_cells(further, 2)).reshape(4, 4).tolist() == [[False] * 4] + [[False, True, True, True]] * 3
    )
    # And at the far edges: centres at 98 800 and 100 000 m.
    last = Tile("32UNA", 32632, 600_000 - 2400, 5_500_000 + 2400, 3600)
    assert in_own_square(all_cells(last, 2)).reshape(2, 2).tolist() == [[True, False], [False, False]]


@modest
@given(st.sampled_from(REAL_TILES), st.sampled_from(GRIDS), st.integers(0, 90), st.integers(0, 90))
def test_geographic_coordinates_lead_back_to_the_point(name, grid, row, col):
    cells = one_cell(nominal_tile(name), grid, row, col)
    longitude, latitude = geographic(cells, 605, 605)
    back = Transformer.from_crs(4326, cells.tile.epsg, always_xy=True).transform(longitude, latitude)
    assert back[0][0] == pytest.approx(cells.x[0] + 605, abs=1e-3)
    assert back[1][0] == pytest.approx(cells.y[0] - 605, abs=1e-3)
