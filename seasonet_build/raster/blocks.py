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
    """A single-band raster and the lookup table, shape (65536,), that its stored values go through."""

    path: str
    table: Pixels


Band = tuple[Layer, ...]
"""A band as one or more layers of the same ground: where a layer is 0, the next one fills in."""


def iter_windows(bands: Sequence[Band], tops: Ints, lefts: Ints, side: int) -> Iterator[tuple[int, Pixels]]:
    """Yield the square windows of some rasters, in the order of their bottom edges.

    The rasters are passed through once from top to bottom, in rows of compressed blocks; blocks that no window
    touches are not read. Only one row of blocks and the rows that windows reach back to are held in memory.

    Args:
        bands: rasters of equal size and block shape.
        tops: first rows of the windows, shape (n,), px.
        lefts: first columns of the windows, shape (n,), px.
        side: height and width of the windows, px.

    Yields:
        Position of the window in ``tops``, and its pixels, shape (bands, side, side).

    Raises:
        rasterio.errors.RasterioError: a raster cannot be read.
    """
    if not len(tops):
        return
    with ExitStack() as stack:
        opened = [[(stack.enter_context(rasterio.open(layer.path)), layer.table) for layer in band] for band in bands]
        first: DatasetReader = opened[0][0][0]
        block_height, block_width = first.block_shapes[0]
        buffer = np.zeros((len(bands), side + block_height, first.width), dtype=np.uint16)
        for y0 in range(0, first.height, block_height):
            y1 = min(y0 + block_height, first.height)
            touching = (tops < y1) & (tops + side > y0)
            if not touching.any():
                continue
            for x0, x1 in _block_runs(lefts[touching], side, block_width, first.width):
                window = Window(x0, y0, x1 - x0, y1 - y0)
                for target, layers in zip(buffer, opened, strict=True):
                    target[side : side + y1 - y0, x0:x1] = _read(layers, window)
            finished = np.flatnonzero(touching & (tops + side <= y1))
            for i in finished[np.lexsort((lefts[finished], tops[finished]))]:
                row, col = tops[i] - (y0 - side), lefts[i]
                yield int(i), buffer[:, row : row + side, col : col + side]
            # Windows that go on below need the last rows once more.
            buffer[:, :side] = buffer[:, y1 - y0 : y1 - y0 + side].copy()


def _block_runs(lefts: Ints, side: int, block: int, width: int) -> list[tuple[int, int]]:
    """Return the pixel columns [start, end) of each run of neighbouring blocks that some window touches."""
    needed = np.zeros(-(-width // block) + 1, dtype=np.int64)
    np.add.at(needed, lefts // block, 1)
    np.add.at(needed, (lefts + side - 1) // block + 1, -1)
    used = np.concatenate(([0], (np.cumsum(needed[:-1]) > 0).astype(np.int64), [0]))
    starts, ends = np.flatnonzero(np.diff(used) == 1), np.flatnonzero(np.diff(used) == -1)
    return [(int(s) * block, min(int(e) * block, width)) for s, e in zip(starts, ends, strict=True)]


def _read(layers: Sequence[tuple[DatasetReader, Pixels]], window: Window) -> Pixels:
    """Read a window of the first layer and fill its zeros from the next ones."""
    (raster, table), *others = layers
    pixels: Pixels = table[raster.read(1, window=window)]
    for raster, table in others:
        empty = pixels == 0
        if not empty.any():
            break
        pixels[empty] = table[raster.read(1, window=window)][empty]
    return pixels
