"""Cut the chosen patches of a scene and write their folders."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from seasonet_build.errors import ProductError
from seasonet_build.model.bands import (
    LABELS_SUFFIX,
    PATCH_FILES,
    SCL,
    SCL_CLOUD,
    SCL_RESOLUTION,
    SCL_SNOW,
    PatchFile,
)
from seasonet_build.model.classes import NO_CLASS, OTHER_CLASS
from seasonet_build.raster.blocks import Band, Layer
from seasonet_build.raster.components import region_sizes
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.raster.geotiff import Compression, ImageKind, encoder
from seasonet_build.sources.landcover import LABEL_RESOLUTION
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.label import RegionLevels
from seasonet_build.stages.records import Recorder
from seasonet_build.stages.windows import patch_windows, scene_band
from seasonet_build.storage import exchange

Ints = NDArray[np.int64]
Images = NDArray[np.uint16] | NDArray[np.uint8]


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

    def take(self, members: NDArray[np.bool_]) -> "Patches":
        """Return some of the patches: those where the mask is True."""
        paths = tuple(path for path, member in zip(self.paths, members, strict=True) if member)
        return Patches(paths, self.x[members], self.y[members])


@dataclass(frozen=True)
class CutSettings:
    """How patches are written, and what share of a band's pixels may be 0 before it counts as damage.

    ``masks`` are the levels whose regions, and the clouds and snow, are written as masks; None: no masks.
    """

    compression: Compression
    max_zero_share: float
    masks: RegionLevels | None = None


def cut_scene(
    scene: Scene, patches: Patches, label_raster: Path, root: Path, staging: Path, settings: CutSettings
) -> pa.Table:
    """Write the patch folders of a scene below ``root``; either all of them or none.

    Folders are filled in ``staging``, which lies on the same file system, and moved when the last one is complete.

    Returns:
        The record of the patches, in their order (see model.checksums).

    Raises:
        ProductError: a band cannot be decoded, or is empty where the scene classification has data.
    """
    shutil.rmtree(staging, ignore_errors=True)
    try:
        _make_parents(staging, patches)
        for path in patches.paths:
            os.mkdir(f"{staging}/{path}")  # noqa: PTH102 - see _SceneCutter._write
        cutter = _SceneCutter(scene, patches, staging, settings)
        with gdal_env():
            for patch_file in PATCH_FILES:
                cutter.cut_images(patch_file)
            cutter.cut_labels(label_raster)
            if settings.masks is not None:
                cutter.cut_sky_masks()
        _make_parents(root, patches)
        for path in patches.paths:
            _move(f"{staging}/{path}", f"{root}/{path}")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return cutter.recorder.table()


class _SceneCutter:
    """Fills the folders of all patches of a scene, one kind of file after the other."""

    def __init__(self, scene: Scene, patches: Patches, folder: Path, settings: CutSettings) -> None:
        self._scene, self._patches, self._folder, self._settings = scene, patches, folder, settings
        self.recorder = Recorder(patches.paths)

    def cut_images(self, patch_file: PatchFile) -> None:
        """Write one kind of image file, such as ``10m_RGB``, of every patch."""
        bands = [scene_band(self._scene, band) for band in patch_file.bands]
        for members, images in self._windows(bands, patch_file.resolution, patch_file.bands):
            self._check_not_empty(images, patch_file.bands)
            self._write(members, images, patch_file.suffix, patch_file.resolution, patch_file.bands)

    def cut_labels(self, raster: Path) -> None:
        """Write the label file of every patch, and the masks of regions that count."""
        for members, windows in self._windows([(Layer(str(raster)),)], LABEL_RESOLUTION, (LABELS_SUFFIX,)):
            codes = windows.astype(np.uint8)
            labels = np.where(codes == OTHER_CLASS, np.uint8(NO_CLASS), codes)
            self._write(members, labels, LABELS_SUFFIX, LABEL_RESOLUTION, (LABELS_SUFFIX,))
            if self._settings.masks is not None:
                self._write_region_masks(members, codes, labels, self._settings.masks)

    def _write_region_masks(
        self, members: Ints, codes: NDArray[np.uint8], labels: NDArray[np.uint8], levels: RegionLevels
    ) -> None:
        sizes = region_sizes(codes[..., 0], levels.connectivity)[..., np.newaxis]
        for level in ("easy", "medium"):
            counts = (sizes >= levels.min_px(level)) & (labels != NO_CLASS)
            self._write_mask(members, counts, f"mask_{level}")

    def cut_sky_masks(self) -> None:
        """Write the masks of cloud and of snow of every patch: the scene classification, doubled to 10 m."""
        layers = tuple(Layer(product.rasters[SCL]) for product in self._scene.products)
        zoom = SCL_RESOLUTION // LABEL_RESOLUTION
        for members, classes in self._windows([layers], SCL_RESOLUTION, (SCL,)):
            fine = classes.repeat(zoom, axis=1).repeat(zoom, axis=2)
            self._write_mask(members, np.isin(fine, SCL_CLOUD), "clouds")
            self._write_mask(members, fine == SCL_SNOW, "snow")

    def _write_mask(self, members: Ints, mask: NDArray[np.bool_], suffix: str) -> None:
        self._write(members, mask.astype(np.uint8), suffix, LABEL_RESOLUTION, (suffix,))

    def _windows(
        self, bands: Sequence[Band], resolution: int, names: Sequence[str]
    ) -> Iterator[tuple[Ints, NDArray[np.uint16]]]:
        return patch_windows(self._scene, bands, resolution, self._patches.x, self._patches.y, names)

    def _check_not_empty(self, images: NDArray[np.uint16], bands: Sequence[str]) -> None:
        """Refuse zeros: chosen patches have data everywhere, as their scene classification says."""
        if images.all():
            return
        zeros = np.count_nonzero(images == 0, axis=(1, 2))
        if zeros.max() > self._settings.max_zero_share * images[0, :, :, 0].size:
            band = bands[int(zeros.max(axis=0).argmax())]
            reason = f"{band} is 0 in {zeros.max()} px of a patch where SCL has data; fetch the product again"
            raise ProductError(self._scene.first.name, reason)

    def _write(self, members: Ints, images: Images, suffix: str, resolution: int, bands: Sequence[str]) -> None:
        kind = ImageKind(self._scene.tile.epsg, resolution, images.shape[1], images.dtype.name, tuple(bands))
        corners = [(int(self._patches.x[i]), int(self._patches.y[i])) for i in members]
        contents = encoder(kind, self._settings.compression).encode(images, corners)
        for i, content, image in zip(members.tolist(), contents, images, strict=True):
            # Plain strings: with a path object for each of 80 000 files, paths cost as much as the compression.
            path = self._patches.paths[i]
            name = f"{path[path.rindex('/') + 1 :]}_{suffix}.tif"
            with open(f"{self._folder}/{path}/{name}", "xb") as target:  # noqa: PTH123
                target.write(content)
            self.recorder.add(suffix, i, len(content), hashlib.sha256(content).digest(), image)


def _make_parents(folder: Path, patches: Patches) -> None:
    """Make the folders that patches go to, once each."""
    for parent in sorted({path[: path.rindex("/")] for path in patches.paths}):
        (folder / parent).mkdir(parents=True, exist_ok=True)


def _move(source: str, target: str) -> None:
    """Move a finished patch folder to its place; an older one there goes to the place that it came from."""
    try:
        os.rename(source, target)  # noqa: PTH104 - see _SceneCutter._write
    except OSError:
        if not Path(target).is_dir():
            raise
        if not exchange(source, target):
            _replace_files(Path(source), Path(target))


def _replace_files(source: Path, target: Path) -> None:
    """Replace the files of a patch one by one, each in one step."""
    names = {path.name for path in source.iterdir()}
    for name in sorted(names):
        (source / name).replace(target / name)
    for stale in sorted(path for path in target.iterdir() if path.name not in names):
        stale.unlink()
