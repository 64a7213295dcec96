"""Reading patches out of the rasters of a scene."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import harmonisation_table
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.blocks import Band, Layer, iter_windows
from seasonet_build.sources.scenes import Scene

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint16]


def scene_band(scene: Scene, band: str) -> Band:
    """Return a band of a scene as layers on the scale without an offset: its granules fill each other's gaps."""
    offsets = [(product.rasters[band], product.offsets[band]) for product in scene.products]
    return tuple(Layer(path, harmonisation_table(offset) if offset else None) for path, offset in offsets)


def patch_windows(
    scene: Scene, bands: Sequence[Band], resolution: int, x: Ints, y: Ints, names: Sequence[str]
) -> Iterator[tuple[Ints, Pixels]]:
    """Yield patches of rasters that cover the tile of a scene, as ``raster.blocks.iter_windows`` does.

    Args:
        scene: the scene.
        bands: rasters of one resolution.
        resolution: their pixel size, metres.
        x: west edges of the patches, metres, shape (n,).
        y: their north edges.
        names: what the rasters are called in messages.

    Raises:
        ProductError: a raster cannot be decoded.
    """
    tops, lefts = (scene.tile.uly - y) // resolution, (x - scene.tile.ulx) // resolution
    try:
        yield from iter_windows(bands, tops, lefts, PATCH_M // resolution)
    except RasterioError as error:
        raise ProductError(scene.first.name, f"{', '.join(names)} cannot be decoded: {error}") from None
