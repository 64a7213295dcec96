"""The locations table: every location with its coordinates, region types and class counts."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.classes import N_CLASSES, N_CODES
from seasonet_build.model.grid import HALF_M, Cells, cells_along
from seasonet_build.model.names import coordinate_text
from seasonet_build.model.tables import CELL_LABELS, LEVELS, LOCATIONS
from seasonet_build.model.tiles import Tile
from seasonet_build.sources.regions import UNKNOWN, Regions, region_types
from seasonet_build.stages.locate import find_locations, inside_outline
from seasonet_build.storage import read_table, write_table

_HARD = LEVELS.index("hard")

Mask = NDArray[np.bool_]
PixelCounts = NDArray[np.int32]
"""Pixels of each label-raster code at each level, shape (n, levels, N_CODES)."""


def build_locations(
    label_tables: Mapping[Tile, Path],
    *,
    min_coverage: float,
    outline: Path | None,
    regions: Regions,
    target: Path,
) -> int:
    """Write the locations table (schema LOCATIONS), sorted by tile, grid, row and column.

    Args:
        label_tables: the table of cells (schema CELL_LABELS) of each tile.
        min_coverage: share of a patch's 10 m pixels that the land-cover map must cover, 0..1.
        outline: polygons that locations must lie in, or None.
        regions: where region types come from.
        target: Parquet file to write.

    Returns:
        The number of locations.

    Raises:
        DataError: there are no locations, or a source cannot be read.
    """
    counts = {tile: _read_counts(path, tile) for tile, path in label_tables.items()}
    inside = inside_outline(outline) if outline is not None else None
    found = find_locations(list(label_tables), _usable(counts, min_coverage, inside))
    found = sorted((cells for cells in found if len(cells)), key=lambda cells: (cells.tile, cells.grid))
    if not found:
        raise DataError(
            f"no patch of the tiles {', '.join(tile.name for tile in counts)} is covered by the land-cover map "
            f"to {min_coverage:.0%}" + (f" and lies inside {outline}" if outline else "")
        )
    tables = [_location_table(cells, counts[cells.tile][cells.grid], regions) for cells in found]
    write_table(pa.concat_tables(tables), target)
    return sum(map(len, found))


def _read_counts(path: Path, tile: Tile) -> dict[int, PixelCounts]:
    """Return for each grid the pixel counts of its cells in row-major order."""
    table = read_table(path, CELL_LABELS)
    grids = table["grid"].to_numpy()
    levels = [table[f"pixels_{level}"].combine_chunks().flatten().to_numpy() for level in LEVELS]
    counts = np.stack([flat.reshape(-1, N_CODES) for flat in levels], axis=1)
    return {int(grid): counts[grids == grid] for grid in np.unique(grids)}


def _usable(
    counts: Mapping[Tile, Mapping[int, PixelCounts]],
    min_coverage: float,
    inside: Callable[[Cells], Mask] | None,
) -> Callable[[Cells], Mask]:
    def usable(cells: Cells) -> Mask:
        pixels = _of(cells, counts[cells.tile][cells.grid])[:, _HARD]
        covered: Mask = pixels[:, 1:].sum(axis=1) >= min_coverage * pixels.sum(axis=1)
        return covered & inside(cells) if inside is not None else covered

    return usable


def _of(cells: Cells, counts: PixelCounts) -> PixelCounts:
    """Pick the rows of some cells out of the counts of all cells of their grid."""
    own: PixelCounts = counts[cells.row * cells_along(cells.tile, cells.grid) + cells.col]
    return own


def _location_table(cells: Cells, counts: PixelCounts, regions: Regions) -> pa.Table:
    tile, n = cells.tile, len(cells)
    latitude, longitude = coordinate_text(cells)
    types = region_types(regions, (cells.x + HALF_M).astype(float), (cells.y - HALF_M).astype(float), tile.epsg)
    class_pixels = _of(cells, counts)[:, :, 1 : N_CLASSES + 1]
    columns: Sequence[pa.Array] = [
        pa.array([tile.name] * n),
        pa.array(np.full(n, cells.grid, np.int8)),
        pa.array(cells.row.astype(np.int16)),
        pa.array(cells.col.astype(np.int16)),
        pa.array(np.full(n, tile.epsg, np.int32)),
        pa.array(cells.x.astype(np.int32)),
        pa.array(cells.y.astype(np.int32)),
        pa.array(latitude.tolist()),
        pa.array(longitude.tolist()),
        *(pa.array(types[name], mask=types[name] == UNKNOWN) for name in ("slraum", "rtyp3", "ktyp4")),
        *(
            pa.FixedSizeListArray.from_arrays(pa.array(class_pixels[:, i].ravel()), N_CLASSES)
            for i in range(len(LEVELS))
        ),
    ]
    return pa.table(columns, schema=LOCATIONS)
