"""Counting per cell, held against slicing each cell out of the raster."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.raster.cells import cell_counts, half_cell_counts
from tests.unit.helpers import modest, small_tile


def sliced_counts(codes: np.ndarray, n_codes: int, resolution: int, grid: int, row: int, col: int) -> list[int]:
    side, shift = 1200 // resolution, 600 // resolution * (grid - 1)
    top, left = shift + side * row, shift + side * col
    cell = codes[top : top + side, left : left + side]
    assert cell.shape == (side, side)
    return [int((cell == code).sum()) for code in range(n_codes)]


@modest
@given(st.sampled_from([20, 60, 100, 200]), st.integers(20, 80), st.integers(1, 35), st.integers(0, 2**32 - 1))
def test_counts_are_those_of_each_cell_alone(resolution, sixties, n_codes, seed):
    tile = small_tile(sixties * 60)
    side = tile.pixels(resolution)
    codes = np.random.default_rng(seed).integers(0, n_codes, (side, side)).astype(np.uint8)
    halves = half_cell_counts(codes, n_codes, resolution)
    for grid in GRIDS:
        cells = all_cells(tile, grid)
        expected = [
            sliced_counts(codes, n_codes, resolution, grid, row, col)
            for row, col in zip(cells.row.tolist(), cells.col.tolist(), strict=True)
        ]
        assert cell_counts(halves, cells).tolist() == expected


@pytest.mark.parametrize("resolution", [10, 20])
def test_every_pixel_of_a_cell_is_counted_once(resolution):
    tile = small_tile(3600)
    codes = np.full((tile.pixels(resolution),) * 2, 34, dtype=np.uint8)
    counts = cell_counts(half_cell_counts(codes, 35, resolution), all_cells(tile, 2))
    assert counts[:, 34].tolist() == [(1200 // resolution) ** 2] * 4
    assert counts[:, :34].sum() == 0
