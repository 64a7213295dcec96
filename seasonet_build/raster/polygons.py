"""Burning polygons into a raster."""

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.transform import from_origin

from seasonet_build.model.tiles import Tile

_STRIP_ROWS = 240
"""GDAL walks all edges of a polygon for each row of pixels. In strips, only the edges near by are left: with 240 rows
a tile of 5 200 polygons took 1.4 s, at once 44 s, with the same pixels."""

_AREAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_MARGIN_PX = 10


def burn_polygons(
    raster: NDArray[np.uint8], polygons: NDArray[np.object_], codes: NDArray[np.uint8], tile: Tile, resolution: int
) -> None:
    """Set every pixel whose centre lies in a polygon to the polygon's code; later polygons win.

    Args:
        raster: raster of the tile, shape (side, side), changed in place.
        polygons: polygons in the tile's coordinate system, shape (n,).
        codes: their codes, shape (n,).
        tile: where the raster lies.
        resolution: pixel size, metres.
    """
    west, _, east, north = tile.bounds
    bounds = shapely.bounds(polygons)
    across = (bounds[:, 0] < east) & (bounds[:, 2] > west)
    margin = _MARGIN_PX * resolution
    for top in range(0, raster.shape[0], _STRIP_ROWS):
        strip = raster[top : top + _STRIP_ROWS]
        y1 = north - top * resolution
        y0 = y1 - strip.shape[0] * resolution
        near = across & (bounds[:, 1] < y1) & (bounds[:, 3] > y0)
        if near.any():
            # Cut at the edges of pixels, where no pixel centre is.
            clipped = shapely.clip_by_rect(polygons[near], west - margin, y0, east + margin, y1)
            _burn(strip, clipped, codes[near], (west, y1), resolution)


def _burn(
    strip: NDArray[np.uint8],
    polygons: NDArray[np.object_],
    codes: NDArray[np.uint8],
    corner: tuple[float, float],
    resolution: int,
) -> None:
    # Where a polygon only touches the strip, clipping leaves points and lines; GDAL would draw them.
    parts, owner = shapely.get_parts(polygons, return_index=True)
    areal = np.isin(shapely.get_type_id(parts), _AREAL) & ~shapely.is_empty(parts)
    if areal.any():
        shapes = zip(parts[areal], codes[owner[areal]].tolist(), strict=True)
        rasterio.features.rasterize(shapes, out=strip, transform=from_origin(*corner, resolution, resolution))
