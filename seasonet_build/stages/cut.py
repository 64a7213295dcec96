"""Cut the chosen patches of a scene and write their folders."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import LABELS_SUFFIX, PATCH_FILES, PatchFile, harmonisation_table
from seasonet_build.model.classes import NO_CLASS, OTHER_CLASS
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.blocks import Band, Layer, iter_windows
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.raster.geotiff import Compression, write_geotiff
from seasonet_build.sources.landcover import LABEL_RESOLUTION
from seasonet_build.sources.scenes import Scene

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Patches:
    """The patches to cut from a scene, as parallel sequences of length n.

    ``paths`` are relative to the dataset and end in the patch's name; ``x`` and ``y`` are upper-left corners, metres.
    """

    paths: tuple[str, ...]
    x: Ints
    y: Ints

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.paths)


@dataclass(frozen=True)
class CutSettings:
    """How patches are written, and what share of a band's pixels may be 0 before it counts as damage."""

    compression: Compression
    max_zero_share: float


def cut_scene(
    scene: Scene, patches: Patches, label_raster: Path, root: Path, staging: Path, settings: CutSettings
) -> list[Path]:
    """Write the patch folders of a scene below ``root``; either all of them or none.

    Folders are filled in ``staging``, which lies on the same file system, and moved when the last one is complete.

    Returns:
        The files written, in the order of ``patches``.

    Raises:
        ProductError: a band cannot be decoded, or is empty where the scene classification has data.
    """
    shutil.rmtree(staging, ignore_errors=True)
    try:
        with gdal_env():
            for patch_file in PATCH_FILES:
                _cut_images(scene, patches, patch_file, staging, settings)
            _cut_labels(scene, patches, label_raster, staging, settings)
        return [file for path in patches.paths for file in _move(staging / path, root / path)]
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _cut_images(scene: Scene, patches: Patches, patch_file: PatchFile, staging: Path, settings: CutSettings) -> None:
    bands = [_band(scene, band) for band in patch_file.bands]
    for i, pixels in _windows(scene, patches, bands, patch_file.resolution, patch_file.bands):
        _check_not_empty(scene, patch_file, pixels, settings.max_zero_share)
        _write(patches, i, pixels, patch_file.suffix, patch_file.resolution, patch_file.bands, scene, staging, settings)


def _cut_labels(scene: Scene, patches: Patches, raster: Path, staging: Path, settings: CutSettings) -> None:
    table = np.arange(1 << 16, dtype=np.uint16)
    table[OTHER_CLASS] = NO_CLASS
    band: Band = (Layer(str(raster), table),)
    for i, pixels in _windows(scene, patches, [band], LABEL_RESOLUTION, (LABELS_SUFFIX,)):
        labels = pixels.astype(np.uint8)
        _write(patches, i, labels, LABELS_SUFFIX, LABEL_RESOLUTION, (LABELS_SUFFIX,), scene, staging, settings)


def _band(scene: Scene, band: str) -> Band:
    return tuple(Layer(p.rasters[band], harmonisation_table(p.offsets[band])) for p in scene.products)


def _windows(
    scene: Scene, patches: Patches, bands: Sequence[Band], resolution: int, names: Sequence[str]
) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    tops = (scene.tile.uly - patches.y) // resolution
    lefts = (patches.x - scene.tile.ulx) // resolution
    try:
        yield from iter_windows(bands, tops, lefts, PATCH_M // resolution)
    except RasterioError as error:
        raise ProductError(scene.first.name, f"{', '.join(names)} cannot be decoded: {error}") from None


def _check_not_empty(scene: Scene, patch_file: PatchFile, pixels: NDArray[np.uint16], max_zero_share: float) -> None:
    """Refuse a patch with zeros: chosen patches have data everywhere, as their scene classification says."""
    zeros = np.count_nonzero(pixels == 0, axis=(1, 2))
    limit = max_zero_share * pixels[0].size
    if (zeros > limit).any():
        band = patch_file.bands[int(np.argmax(zeros))]
        reason = f"{band} is 0 in {zeros.max()} px of a patch where SCL has data; fetch the product again"
        raise ProductError(scene.first.name, reason)


def _write(
    patches: Patches,
    i: int,
    pixels: NDArray[np.uint16] | NDArray[np.uint8],
    suffix: str,
    resolution: int,
    bands: Sequence[str],
    scene: Scene,
    staging: Path,
    settings: CutSettings,
) -> None:
    folder = staging / patches.paths[i]
    folder.mkdir(parents=True, exist_ok=True)
    write_geotiff(
        folder / f"{folder.name}_{suffix}.tif",
        pixels,
        epsg=scene.tile.epsg,
        corner=(int(patches.x[i]), int(patches.y[i])),
        resolution=resolution,
        bands=bands,
        compression=settings.compression,
    )


def _move(source: Path, target: Path) -> list[Path]:
    """Move a finished patch folder to its place, over an older one if there is one; return its files."""
    names = sorted(path.name for path in source.iterdir())
    if target.is_dir():
        for name in names:
            (source / name).replace(target / name)
        for stale in [path for path in target.iterdir() if path.name not in names]:
            stale.unlink()
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    return [target / name for name in names]
