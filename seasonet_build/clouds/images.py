"""The pixels of snowy patches that tell cloud from snow, from products or from patch folders."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.errors import DataError
from seasonet_build.model.bands import BAND_RESOLUTION, PATCH_FILES, harmonisation_table
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.windows import patch_windows, scene_band

Ints = NDArray[np.int64]
Pixels = NDArray[np.uint16]

GROUPS: tuple[tuple[str, ...], ...] = (("B04", "B03", "B02"), ("B8A", "B11", "B12"), ("B09",))
"""The bands that are looked at: those of 10 m, of 20 m and of 60 m."""

BANDS = tuple(band for group in GROUPS for band in group)


@dataclass(frozen=True)
class PatchImages:
    """Digital numbers of n patches on the scale without an offset (reflectance x 10000, 0: no data).

    ``visible``: B04, B03, B02 at 10 m, shape (n, 120, 120, 3). ``infrared``: B8A, B11, B12 at 20 m, shape
    (n, 60, 60, 3). ``vapour``: B09 at 60 m, shape (n, 20, 20).
    """

    visible: Pixels
    infrared: Pixels
    vapour: Pixels

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.visible)


def scene_images(scene: Scene, x: Ints, y: Ints) -> Iterator[tuple[Ints, PatchImages]]:
    """Yield patches of a scene, those in one row of the tile together; each compressed block is decoded once.

    Args:
        scene: where to read.
        x: west edges of the patches, metres, shape (n,).
        y: their north edges.

    Yields:
        Positions in ``x``, shape (m,), and the patches there.

    Raises:
        ProductError: a band cannot be decoded.
    """
    rows = [
        patch_windows(scene, [scene_band(scene, band) for band in group], BAND_RESOLUTION[group[0]], x, y, group)
        for group in GROUPS
    ]
    # Windows come by their top edge, from north to south, whatever the resolution.
    with gdal_env():
        for (members, visible), (_, infrared), (_, vapour) in zip(*rows, strict=True):
            yield members, PatchImages(visible, infrared, vapour[..., 0])


def folder_images(folders: Sequence[Path], offset: int) -> PatchImages:
    """Read patch folders of a dataset in SeasoNet's form.

    Args:
        folders: the patch folders.
        offset: what has to be added to the digital numbers: 0 or -1000.

    Raises:
        DataError: a file is missing or is not what it should be.
    """
    with gdal_env():
        groups = [np.stack([_read_bands(folder, group) for folder in folders]) for group in GROUPS]
    visible, infrared, vapour = (on_old_scale(group, offset) for group in groups)
    return PatchImages(visible, infrared, vapour[..., 0])


def on_old_scale(digital_numbers: Pixels, offset: int) -> Pixels:
    """Return digital numbers on the scale without an offset."""
    return digital_numbers if offset == 0 else harmonisation_table(offset)[digital_numbers]


def _read_bands(folder: Path, bands: Sequence[str]) -> Pixels:
    """Read bands of one patch file, shape (side, side, bands)."""
    file = next(file for file in PATCH_FILES if bands[0] in file.bands)
    path = folder / f"{folder.name}_{file.suffix}.tif"
    pixels = read_patch_raster(path, [file.bands.index(band) + 1 for band in bands], file.resolution)
    return np.moveaxis(pixels, 0, -1)


def read_patch_raster(path: Path, numbers: Sequence[int], resolution: int) -> Pixels:
    """Read bands of a GeoTIFF of one patch, shape (bands, side, side).

    Raises:
        DataError: the file is missing, damaged, or of another size or type.
    """
    side = PATCH_M // resolution
    try:
        with rasterio.open(path) as raster:
            if (raster.height, raster.width) != (side, side) or set(raster.dtypes) != {"uint16"}:
                raise DataError(
                    f"{path}: {raster.width} x {raster.height} px of {raster.dtypes[0]}, not {side} of uint16"
                )
            if raster.count < max(numbers):
                raise DataError(f"{path}: has {raster.count} bands, not {max(numbers)}")
            pixels: Pixels = raster.read(list(numbers))
    except RasterioError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    return pixels
