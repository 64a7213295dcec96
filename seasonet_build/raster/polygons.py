"""Burning polygons into a raster by the centres of pixels.

A scan line runs through the pixel centres of each row. Where it crosses the outline of a polygon, the polygon begins or
ends; between the first and the second crossing, the third and the fourth, ... lie its pixels. All crossings of all
polygons are found and sorted at once.

GDAL's own function gives the same pixels, but takes polygons as Python objects, vertex by vertex, and walks all edges
of a polygon for each row.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from seasonet_build.model.tiles import Tile

_STRIP_ROWS = 512
"""Rows that are filled at once: enough to keep numpy busy, few enough to keep the work arrays small."""

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Spans:
    """Runs of pixels that lie in a polygon: row, first column, column behind the last, number of the polygon."""

    row: Ints
    start: Ints
    end: Ints
    owner: Ints

    def take(self, choice: NDArray[np.bool_] | Ints | slice) -> "_Spans":
        return _Spans(self.row[choice], self.start[choice], self.end[choice], self.owner[choice])


def burn_polygons(
    raster: NDArray[np.uint8], polygons: NDArray[np.object_], codes: NDArray[np.uint8], tile: Tile, resolution: int
) -> None:
    """Set every pixel whose centre lies in a polygon to the polygon's code; later polygons win.

    A centre on an outline belongs to the polygon east or south of it.

    Args:
        raster: raster of the tile, shape (side, side), changed in place.
        polygons: polygons and multi-polygons in the tile's coordinate system, shape (n,).
        codes: their codes, 1..255, shape (n,).
        tile: where the raster lies.
        resolution: pixel size, metres.
    """
    spans = _find_spans(polygons, tile, resolution, raster.shape)
    # Sorted by row, so that each strip is one slice.
    borders = np.searchsorted(spans.row, np.arange(0, raster.shape[0] + _STRIP_ROWS, _STRIP_ROWS))
    for i, (first, last) in enumerate(pairwise(borders)):
        if first < last:
            strip = raster[i * _STRIP_ROWS : (i + 1) * _STRIP_ROWS]
            _fill(strip, i * _STRIP_ROWS, spans.take(slice(first, last)), codes)


def _find_spans(polygons: NDArray[np.object_], tile: Tile, resolution: int, shape: tuple[int, ...]) -> _Spans:
    """Return the spans of all polygons, sorted by row, then polygon, then column."""
    height, width = shape
    (x1, y1), (x2, y2), owner = _edges(polygons, tile, resolution)
    first = np.clip(np.ceil(y1 - 0.5), 0, height).astype(np.int64)
    beyond = np.clip(np.ceil(y2 - 0.5), 0, height).astype(np.int64)
    n_rows = beyond - first
    edge = np.repeat(np.arange(len(n_rows)), n_rows)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows) + first[edge]
    slope = (x2 - x1) / np.where(y2 > y1, y2 - y1, 1)
    crossing = x1[edge] + (row + 0.5 - y1[edge]) * slope[edge]
    column = np.clip(np.ceil(crossing - 0.5), 0, width).astype(np.int64)
    # One number to sort by: row, polygon, column.
    order = np.sort((row * len(polygons) + owner[edge]) * (width + 1) + column)
    outline, column = np.divmod(order, width + 1)
    row, owner = np.divmod(outline[::2], max(len(polygons), 1))
    spans = _Spans(row, column[::2], column[1::2], owner)
    return spans.take(spans.start < spans.end)


def _edges(
    polygons: NDArray[np.object_], tile: Tile, resolution: int
) -> tuple[tuple[NDArray[np.float64], ...], tuple[NDArray[np.float64], ...], Ints]:
    """Return upper and lower ends (x, y) of all edges in pixels from the upper-left corner, and their polygons."""
    parts, part_owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x, y = (points[:, 0] - tile.ulx) / resolution, (tile.uly - points[:, 1]) / resolution
    begins = np.flatnonzero(ring[:-1] == ring[1:])
    # The same edge of two neighbours must give the same numbers: both take it from its upper end.
    down = y[begins] <= y[begins + 1]
    upper, lower = np.where(down, begins, begins + 1), np.where(down, begins + 1, begins)
    return (x[upper], y[upper]), (x[lower], y[lower]), part_owner[ring_part[ring[begins]]].astype(np.int64)


def _fill(strip: NDArray[np.uint8], top: int, spans: _Spans, codes: NDArray[np.uint8]) -> None:
    """Write the spans of some rows."""
    spans = spans.take(np.lexsort((spans.start, spans.row)))
    overlap = (spans.row[1:] == spans.row[:-1]) & (spans.start[1:] < spans.end[:-1])
    mixed = np.isin(spans.row, spans.row[1:][overlap])
    _fill_apart(strip, top, spans.take(~mixed), codes)
    # A clean map has no overlaps; where there are some, polygons are painted one after the other.
    rest = spans.take(mixed)
    for i in np.argsort(rest.owner, kind="stable"):
        strip[rest.row[i] - top, rest.start[i] : rest.end[i]] = codes[rest.owner[i]]


def _fill_apart(strip: NDArray[np.uint8], top: int, spans: _Spans, codes: NDArray[np.uint8]) -> None:
    """Write spans that do not overlap: the running sum of steps up and down is the code."""
    steps = np.zeros((strip.shape[0], strip.shape[1] + 1), dtype=np.int16)
    step = codes[spans.owner].astype(np.int16)
    np.add.at(steps, (spans.row - top, spans.start), step)
    np.subtract.at(steps, (spans.row - top, spans.end), step)
    filled = np.cumsum(steps[:, :-1], axis=1, dtype=np.int16)
    np.copyto(strip, filled.astype(np.uint8), where=filled > 0)
