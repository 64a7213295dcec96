"""Rasterise the land-cover map once per tile and count its classes in every cell."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile

from seasonet_build.model.classes import N_CODES
from seasonet_build.model.grid import GRIDS, PATCH_M, all_cells, cells_along, shift_m
from seasonet_build.model.tables import CELL_LABELS, LEVELS
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.components import find_runs
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.landcover import LABEL_RESOLUTION, LandCover, rasterise
from seasonet_build.storage import replacing, write_table

_BLOCK = 512

Codes = NDArray[np.uint8]


@dataclass(frozen=True)
class RegionLevels:
    """How regions are found and from how many pixels on they count at the levels ``medium`` and ``easy``."""

    connectivity: int
    medium_px: int
    easy_px: int

    def min_px(self, level: str) -> int:
        """Return the least size of a region at a level, px."""
        return {"hard": 0, "medium": self.medium_px, "easy": self.easy_px}[level]


def label_tile(land_cover: LandCover, tile: Tile, levels: RegionLevels, raster_file: Path, table_file: Path) -> None:
    """Write the label raster of a tile (see model.classes for its codes) and the table of its cells.

    Args:
        land_cover: the map.
        tile: which tile.
        levels: which regions count.
        raster_file: GeoTIFF to write, 10 m pixels.
        table_file: Parquet file to write, schema CELL_LABELS.

    Raises:
        DataError: the map cannot be read or holds codes that are not CORINE's.
    """
    with gdal_env():
        codes = rasterise(land_cover, tile)
        with replacing(raster_file) as part:
            part.write_bytes(_raster(codes, tile))
    write_table(pa.concat_tables(_cell_table(codes, tile, grid, levels) for grid in GRIDS), table_file)


def _cell_table(codes: Codes, tile: Tile, grid: int, levels: RegionLevels) -> pa.Table:
    cells = all_cells(tile, grid)
    counts = _level_counts(codes, tile, grid, levels)
    columns = [
        pa.array([tile.name] * len(cells)),
        pa.array(np.full(len(cells), grid, np.int8)),
        pa.array(cells.row.astype(np.int16)),
        pa.array(cells.col.astype(np.int16)),
        *(pa.FixedSizeListArray.from_arrays(pa.array(counts[:, i].ravel()), N_CODES) for i in range(len(LEVELS))),
    ]
    return pa.table(columns, schema=CELL_LABELS)


def _level_counts(codes: Codes, tile: Tile, grid: int, levels: RegionLevels) -> NDArray[np.int32]:
    """Count the pixels of each code in each cell of a grid, in regions that count at each level.

    Returns:
        Counts, shape (n, levels, N_CODES), cells in row-major order.
    """
    n, side = cells_along(tile, grid), PATCH_M // LABEL_RESOLUTION
    start = shift_m(grid) // LABEL_RESOLUTION
    counts = np.zeros((n, n, len(LEVELS), N_CODES), dtype=np.int32)
    for row in range(n):
        # A row of cells at a time keeps the work arrays small.
        strip = codes[start + row * side : start + (row + 1) * side, start : start + n * side]
        patches = np.ascontiguousarray(strip.reshape(side, n, side).swapaxes(0, 1))
        runs = find_runs(patches, levels.connectivity)
        bins = runs.start // (side * side) * N_CODES + patches.ravel()[runs.start]
        for i, level in enumerate(LEVELS):
            counted = np.where(runs.region_size >= levels.min_px(level), runs.length, 0)
            counts[row, :, i] = np.bincount(bins, weights=counted, minlength=n * N_CODES).reshape(n, N_CODES)
    return counts.reshape(n * n, len(LEVELS), N_CODES)


def _raster(codes: Codes, tile: Tile) -> bytes:
    """Return the GeoTIFF of the codes; GDAL itself would not say if the disk were full when it closes a file."""
    transform = rasterio.transform.from_origin(tile.ulx, tile.uly, LABEL_RESOLUTION, LABEL_RESOLUTION)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": 1,
        "height": codes.shape[0],
        "width": codes.shape[1],
        "crs": f"EPSG:{tile.epsg}",
        "transform": transform,
        "tiled": True,
        "blockxsize": _BLOCK,
        "blockysize": _BLOCK,
        "compress": "zstd",
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(codes, 1)
        return bytes(memory.getbuffer())
