"""Rasterise the land-cover map once per tile and count its classes in every cell."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio

from seasonet_build.model.classes import N_CODES
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.model.tables import CELL_LABELS
from seasonet_build.model.tiles import Tile
from seasonet_build.raster.cells import cell_counts, half_cell_counts
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.landcover import LABEL_RESOLUTION, LandCover, rasterise
from seasonet_build.storage import replacing, write_table

_BLOCK = 512


def label_tile(land_cover: LandCover, tile: Tile, raster_file: Path, table_file: Path) -> None:
    """Write the label raster of a tile (see model.classes for its codes) and the table of its cells.

    Args:
        land_cover: the map.
        tile: which tile.
        raster_file: GeoTIFF to write, 10 m pixels.
        table_file: Parquet file to write, schema CELL_LABELS.

    Raises:
        DataError: the map cannot be read or holds codes that are not CORINE's.
    """
    with gdal_env():
        codes = rasterise(land_cover, tile)
        with replacing(raster_file) as part:
            _write_raster(part, codes, tile)
    half_counts = half_cell_counts(codes, N_CODES, LABEL_RESOLUTION)
    write_table(pa.concat_tables(_cell_table(half_counts, tile, grid) for grid in GRIDS), table_file)


def _cell_table(half_counts: np.ndarray, tile: Tile, grid: int) -> pa.Table:
    cells = all_cells(tile, grid)
    counts = cell_counts(half_counts, cells).astype(np.int32)
    columns = [
        pa.array([tile.name] * len(cells)),
        pa.array(np.full(len(cells), grid, np.int8)),
        pa.array(cells.row.astype(np.int16)),
        pa.array(cells.col.astype(np.int16)),
        pa.FixedSizeListArray.from_arrays(pa.array(counts.ravel()), N_CODES),
    ]
    return pa.table(columns, schema=CELL_LABELS)


def _write_raster(path: Path, codes: np.ndarray, tile: Tile) -> None:
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
    with rasterio.open(path, "w", **profile) as file:
        file.write(codes, 1)
