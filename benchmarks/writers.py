"""What writing alone costs: folders of five small GeoTIFF files, by the package's writer and by rasterio."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.loops import Job, RasterioWriter
from benchmarks.measure import Stopwatch
from seasonet_build.model.bands import LABELS_SUFFIX, PATCH_FILES, harmonisation_table
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.blocks import Layer, iter_windows
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.raster.geotiff import ImageKind, encoder

OUR_FOLDERS, RASTERIO_FOLDERS = 2000, 300
_BATCH = 91
"""Folders that are encoded together: as many as a row of cells has."""

Images = NDArray[np.uint16] | NDArray[np.uint8]


@dataclass(frozen=True)
class _FileKind:
    """The files with one suffix of some patches: shape of the images (patches, side, side, bands)."""

    suffix: str
    bands: tuple[str, ...]
    resolution: int
    images: Images


def write_with_ours(job: Job, folder: Path) -> float:
    """Write ``OUR_FOLDERS`` folders with the package's writer; return processor seconds.

    The same pixels are written over and over: those of the uppermost patches.
    """
    kinds, watch = _pixels(job), Stopwatch()
    members = np.arange(OUR_FOLDERS) % len(kinds[0].images)
    folder.mkdir(parents=True)
    for start in range(0, OUR_FOLDERS, _BATCH):
        batch = members[start : start + _BATCH]
        names = [str(start + i) for i in range(len(batch))]
        chosen = [kind.images[batch] for kind in kinds]
        corners = [(int(job.patches.x[i]), int(job.patches.y[i])) for i in batch]
        with watch:
            for name in names:
                os.mkdir(f"{folder}/{name}")  # noqa: PTH102 - plain strings, as in the cut stage
            for kind, images in zip(kinds, chosen, strict=True):
                epsg, side = job.scene.tile.epsg, images.shape[1]
                image_kind = ImageKind(epsg, kind.resolution, side, images.dtype.name, kind.bands)
                contents = encoder(image_kind, job.compression).encode(images, corners)
                for name, content in zip(names, contents, strict=True):
                    with open(f"{folder}/{name}/{name}_{kind.suffix}.tif", "xb") as file:  # noqa: PTH123
                        file.write(content)
    return watch.cpu_s


def write_with_rasterio(job: Job, folder: Path) -> float:
    """Write ``RASTERIO_FOLDERS`` folders of the same pixels with rasterio; return processor seconds."""
    kinds, watch = _pixels(job), Stopwatch()
    n = len(kinds[0].images)
    writer = RasterioWriter(job)
    with gdal_env():
        for number in range(RASTERIO_FOLDERS):
            index = number % n
            pixels = {name: kind.images[index, ..., i] for kind in kinds for i, name in enumerate(kind.bands)}
            with watch:
                writer.write(folder / str(number), index, pixels)
    return watch.cpu_s


def _pixels(job: Job) -> list[_FileKind]:
    """Read the patches with the same upper edge as the first one."""
    patches = job.patches
    row = np.flatnonzero(patches.y == patches.y[0])
    kinds = []
    with gdal_env():
        for suffix, bands, resolution in _files():
            tops = (job.scene.tile.uly - patches.y[row]) // resolution
            lefts = (patches.x[row] - job.scene.tile.ulx) // resolution
            layers = [(Layer(job.rasters()[band], _table(job, band)),) for band in bands]
            _, images = next(iter_windows(layers, tops, lefts, PATCH_M // resolution))
            kinds.append(_FileKind(suffix, bands, resolution, images))
    labels = kinds[-1]
    return [*kinds[:-1], _FileKind(labels.suffix, labels.bands, labels.resolution, labels.images.astype(np.uint8))]


def _files() -> list[tuple[str, tuple[str, ...], int]]:
    return [(f.suffix, f.bands, f.resolution) for f in PATCH_FILES] + [(LABELS_SUFFIX, (LABELS_SUFFIX,), 10)]


def _table(job: Job, band: str) -> NDArray[np.uint16] | None:
    offset = job.scene.first.offsets.get(band, 0)
    return harmonisation_table(offset) if offset else None
