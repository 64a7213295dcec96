"""Writing small GeoTIFF files."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin


@dataclass(frozen=True)
class Compression:
    """How GeoTIFF files are compressed: ``zstd``, ``deflate``, ``lzw`` or ``none``, level, TIFF predictor 1 or 2."""

    method: str
    level: int
    predictor: int

    def options(self) -> dict[str, Any]:
        """Return GDAL's creation options."""
        if self.method == "none":
            return {}
        level = {"zstd": "zstd_level", "deflate": "zlevel"}.get(self.method)
        return {
            "compress": self.method,
            "predictor": self.predictor,
            **({level: self.level} if level else {}),
        }


@lru_cache
def _crs(epsg: int) -> CRS:
    return CRS.from_epsg(epsg)


def write_geotiff(
    path: Path,
    pixels: NDArray[Any],
    *,
    epsg: int,
    corner: tuple[float, float],
    resolution: float,
    bands: Sequence[str],
    compression: Compression,
) -> None:
    """Write an image in a single strip, without a no-data value and without a time of writing.

    Args:
        path: file to write; its folder exists.
        pixels: shape (bands, height, width).
        epsg: coordinate system.
        corner: upper-left corner (x, y), metres.
        resolution: pixel size, metres.
        bands: description of each band, such as ``B04``.
        compression: how to compress.
    """
    count, height, width = pixels.shape
    profile = {
        "driver": "GTiff",
        "dtype": np.dtype(pixels.dtype).name,
        "count": count,
        "height": height,
        "width": width,
        "crs": _crs(epsg),
        "transform": from_origin(*corner, resolution, resolution),
        "blockysize": height,
        **compression.options(),
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
        file.descriptions = tuple(bands)
