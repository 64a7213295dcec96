"""Reading many square windows of large rasters, each compressed block decoded once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint16]


@dataclass(frozen=True)
class Layer:
    """A single-band raster and the lookup table, shape (65536,), that its values go through; None: as they are."""

    path: str
    table: Pixels | None = None


Band = tuple[Layer, ...]
"""A band as one or more layers of the same ground: where a layer is 0, the next one fills in."""


def iter_windows(bands: Sequence[Band], tops: Ints, lefts: Ints, side: int) -> Iterator[tuple[Ints, Pixels]]:
    """Yield the square windows of some rasters, those with the same top edge together, from top to bottom.

    The rasters are passed through once, in rows of compressed blocks; blocks that no window touches are not read. Only
    one row of blocks and the rows that windows reach back to are held in memory.

    Args:
        bands: rasters of equal size and block shape.
        tops: first rows of the windows, shape (n,), px.
        lefts: first columns of the windows, shape (n,), px.
        side: height and width of the windows, px.

    Yields:
        Positions of the windows in ``tops``, shape (m,), and their pixels, the bands of a pixel side by side, shape
        (m, side, side, bands).

    Raises:
        rasterio.errors.RasterioError: a raster cannot be read.
    """
    if not len(tops):
        return
    with ExitStack() as stack:
        opened = [[(stack.enter_context(rasterio.open(layer.path)), layer.table) for layer in band] for band in bands]
        first: DatasetReader = opened[0][0][0]
        block_height, block_width = first.block_shapes[0]
        buffer = np.zeros((side + block_height, first.width, len(bands)), dtype=np.uint16)
        for y0 in range(0, first.height, block_height):
            y1 = min(y0 + block_height, first.height)
            touching = (tops < y1) & (tops + side > y0)
            if not touching.any():
                continue
            for x0, x1 in _block_runs(lefts[touching], side, block_width, first.width):
                for number, layers in enumerate(opened):
                    window = Window(x0, y0, x1 - x0, y1 - y0)
                    buffer[side : side + y1 - y0, x0:x1, number] = _read(layers, window)
            finished = touching & (tops + side <= y1)
            for top in np.unique(tops[finished]):
                members = np.flatnonzero(finished & (tops == top))
                rows = buffer[top - (y0 - side) : top - (y0 - side) + side]
                yield members, np.stack([rows[:, left : left + side] for left in lefts[members]])
            # Windows that go on below need the last rows once more.
            buffer[:side] = buffer[y1 - y0 : y1 - y0 + side].copy()


def _block_runs(lefts: Ints, side: int, block: int, width: int) -> list[tuple[int, int]]:
    """Return the pixel columns [start, end) of each run of neighbouring blocks that some window touches."""
    needed = np.zeros(-(-width // block) + 1, dtype=np.int64)
    np.add.at(needed, lefts // block, 1)
    np.add.at(needed, (lefts + side - 1) // block + 1, -1)
    used = np.concatenate(([0], (np.cumsum(needed[:-1]) > 0).astype(np.int64), [0]))
    starts, ends = np.flatnonzero(np.diff(used) == 1), np.flatnonzero(np.diff(used) == -1)
    return [(int(s) * block, min(int(e) * block, width)) for s, e in zip(starts, ends, strict=True)]


def _read(layers: Sequence[tuple[DatasetReader, Pixels | None]], window: Window) -> Pixels:
    """Read a window of the first layer and fill its zeros from the next ones."""
    (raster, table), *others = layers
    pixels = _read_one(raster, table, window)
    for raster, table in others:
        empty = pixels == 0
        if not empty.any():
            break
        pixels[empty] = _read_one(raster, table, window)[empty]
    return pixels


def _read_one(raster: DatasetReader, table: Pixels | None, window: Window) -> Pixels:
    pixels: Pixels = raster.read(1, window=window)
    return pixels if table is None else table[pixels]
