"""See how much of each cell of a scene is without data, cloudy or snowy, from the scene classification alone."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import SCL, SCL_CLOUD, SCL_NO_DATA, SCL_RESOLUTION, SCL_SNOW
from seasonet_build.model.grid import GRIDS, all_cells
from seasonet_build.model.tables import OBSERVATIONS, SCL_PIXELS
from seasonet_build.raster.cells import cell_counts, half_cell_counts
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.scenes import Scene
from seasonet_build.storage import write_table

_OTHER, _NO_DATA, _CLOUD, _SNOW = range(4)


def observe_scene(scene: Scene, target: Path) -> None:
    """Write the observations of a scene (schema OBSERVATIONS): a row for each cell that has some data.

    Raises:
        ProductError: the scene classification cannot be read.
    """
    kinds = _kind_table()[read_scl(scene)]
    half_counts = half_cell_counts(kinds, 4, SCL_RESOLUTION)
    write_table(pa.concat_tables(_grid_table(half_counts, scene, grid) for grid in GRIDS), target)


def read_scl(scene: Scene) -> NDArray[np.uint8]:
    """Return the scene classification of a scene, shape (side, side), 20 m; granules fill each other's gaps.

    Raises:
        ProductError: a file cannot be read.
    """
    merged: NDArray[np.uint8] | None = None
    for product in scene.products:
        try:
            with gdal_env(), rasterio.open(product.rasters[SCL]) as file:
                codes = file.read(1)
        except RasterioError as error:
            raise ProductError(product.name, f"SCL cannot be decoded: {error}") from None
        merged = codes if merged is None else np.where(merged == SCL_NO_DATA, codes, merged)
    assert merged is not None, "a scene has at least one product"
    return merged


def _kind_table() -> NDArray[np.uint8]:
    table = np.full(256, _OTHER, dtype=np.uint8)
    table[SCL_NO_DATA] = _NO_DATA
    table[list(SCL_CLOUD)] = _CLOUD
    table[SCL_SNOW] = _SNOW
    return table


def _grid_table(half_counts: NDArray[np.int64], scene: Scene, grid: int) -> pa.Table:
    cells = all_cells(scene.tile, grid)
    counts = cell_counts(half_counts, cells).astype(np.int16)
    seen = counts[:, _NO_DATA] < SCL_PIXELS
    cells, counts = cells.take(seen), counts[seen]
    columns = [
        pa.array([scene.tile.name] * len(cells), pa.string()),
        pa.array(np.full(len(cells), grid, np.int8)),
        pa.array(cells.row.astype(np.int16)),
        pa.array(cells.col.astype(np.int16)),
        pa.array(counts[:, _NO_DATA]),
        pa.array(counts[:, _CLOUD]),
        pa.array(counts[:, _SNOW]),
    ]
    return pa.table(columns, schema=OBSERVATIONS)
