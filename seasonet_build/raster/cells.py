"""Counting pixels of each kind in all cells of both grids at once.

Both grids are made of the same half-cells of 600 m: a cell is four of them. Counting per half-cell and adding up
serves both grids with one look at each pixel.
"""

import numpy as np
from numpy.typing import NDArray

from seasonet_build.model.grid import HALF_M, Cells

Counts = NDArray[np.int64]


def half_cell_counts(codes: NDArray[np.uint8], n_codes: int, resolution: int) -> Counts:
    """Count the pixels of each code in each half-cell of 600 m.

    Args:
        codes: raster of a tile, shape (height, width), values below ``n_codes``.
        n_codes: number of different codes.
        resolution: pixel size in metres; 600 is a multiple of it.

    Returns:
        Counts, shape (rows, cols, n_codes), of the half-cells that lie wholly in the raster.
    """
    side = HALF_M // resolution
    rows, cols = codes.shape[0] // side, codes.shape[1] // side
    counts = np.empty((rows, cols, n_codes), dtype=np.int64)
    column_base = (np.arange(cols * side, dtype=np.intp) // side) * n_codes
    for row in range(rows):
        # One row of half-cells at a time keeps the index array small.
        strip = codes[row * side : (row + 1) * side, : cols * side]
        index = (strip + column_base).ravel()
        counts[row] = np.bincount(index, minlength=cols * n_codes).reshape(cols, n_codes)
    return counts


def cell_counts(half_counts: Counts, cells: Cells) -> Counts:
    """Add up the four half-cells of each cell.

    Args:
        half_counts: from :func:`half_cell_counts`.
        cells: cells of one grid of the same tile.

    Returns:
        Counts, shape (n, n_codes).
    """
    top = 2 * cells.row + (cells.grid - 1)
    left = 2 * cells.col + (cells.grid - 1)
    total: Counts = (
        half_counts[top, left]
        + half_counts[top, left + 1]
        + half_counts[top + 1, left]
        + half_counts[top + 1, left + 1]
    )
    return total
