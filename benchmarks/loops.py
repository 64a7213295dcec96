"""What the cut stage is held against: a floor that no program can go below, and the loops that are common today.

All of them make the same files from the same product: for each patch of both grids the four image files and the
labels, on the scale without an offset.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zstandard
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.windows import Window

from benchmarks.measure import Stopwatch
from seasonet_build.model.bands import BAND_RESOLUTION, LABELS_SUFFIX, PATCH_FILES
from seasonet_build.model.grid import PATCH_M
from seasonet_build.raster.gdal import gdal_env
from seasonet_build.raster.geotiff import Compression
from seasonet_build.sources.scenes import Scene
from seasonet_build.stages.cut import Patches

SUFFIXES = (*(f.suffix for f in PATCH_FILES), LABELS_SUFFIX)
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BATCH = 91
_PEER_CACHE_MB = 512

Images = NDArray[np.uint16] | NDArray[np.uint8]


@dataclass(frozen=True)
class Job:
    """What is cut from what, and how the files are compressed."""

    scene: Scene
    labels: Path
    patches: Patches
    compression: Compression

    def rasters(self) -> dict[str, str]:
        """Return the file of each band and of the labels."""
        return {**{band: self.scene.first.rasters[band] for band in BAND_RESOLUTION}, LABELS_SUFFIX: str(self.labels)}

    def file(self, index: int, suffix: str) -> str:
        """Return the path of a file of a patch inside the dataset."""
        path = self.patches.paths[index]
        return f"{path}/{path.rsplit('/', 1)[-1]}_{suffix}.tif"


@dataclass(frozen=True)
class FloorCost:
    """Processor time of the three things that cannot be left out, seconds."""

    decode_s: float
    compress_s: float
    write_s: float

    @property
    def cpu_s(self) -> float:
        """Return the sum."""
        return self.decode_s + self.compress_s + self.write_s


def floor(job: Job, made: Path, target: Path) -> FloorCost:
    """Decode every block once, compress every strip once, write every file once, and nothing else.

    The strips are those of the dataset ``made``: what it compressed is taken out of its files (off the clock) and
    compressed again with the same library at the same level. Written are the same folders and files with plain calls.
    Not in it: cutting, interleaving, harmonisation, differences, checks, check sums, labels' raster, moving.

    Raises:
        RuntimeError: a strip did not compress to what stands in the file.
    """
    decode, compress, write = Stopwatch(), Stopwatch(), Stopwatch()
    with gdal_env(), decode:
        for band in BAND_RESOLUTION:
            _read_once(job.scene.first.rasters[band])
    with write:
        for path in job.patches.paths:
            (target / path).mkdir(parents=True)
    squeeze = job.compression.compressor()
    for files in _batches(job):
        heads, strips, packed = _take_apart([made / file for file in files])
        with compress:
            again = [squeeze(strip) for strip in strips]
        if again != packed:
            raise RuntimeError(f"strips of {files[0]} and its neighbours compress to other bytes")
        with write:
            for file, head, data in zip(files, heads, again, strict=True):
                with open(target / file, "wb", buffering=0) as stream:  # noqa: PTH123 - the plainest call
                    stream.write(head + data)
    return FloorCost(decode.cpu_s, compress.cpu_s, write.cpu_s)


def _read_once(path: str) -> None:
    with rasterio.open(path) as raster:
        height = raster.block_shapes[0][0]
        for top in range(0, raster.height, height):
            raster.read(1, window=Window(0, top, raster.width, min(height, raster.height - top)))


def _batches(job: Job) -> Iterator[list[str]]:
    for suffix in SUFFIXES:
        for start in range(0, len(job.patches), _BATCH):
            stop = min(start + _BATCH, len(job.patches))
            yield [job.file(index, suffix) for index in range(start, stop)]


def _take_apart(files: Sequence[Path]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Return header, strip as it was before compression, and strip as it stands in the file, of each file."""
    heads, strips, packed = [], [], []
    for file in files:
        content = file.read_bytes()
        start = content.index(_ZSTD_MAGIC)
        heads.append(content[:start])
        packed.append(content[start:])
        strips.append(zstandard.ZstdDecompressor().decompressobj().decompress(content[start:]))
    return heads, strips, packed


def rasterio_loop(job: Job, target: Path) -> None:
    """Cut with rasterio the best way that is in common use: all files held open, each patch's windows read from them.

    A pass for each grid, row by row; a block cache of 512 MB keeps the blocks that two rows share, so that each grid
    decodes every block once. Files are written with rasterio, compressed in the same way and in one strip.
    """
    writer = RasterioWriter(job)
    with _peer_env(), ExitStack() as stack:
        opened = {name: stack.enter_context(rasterio.open(path)) for name, path in job.rasters().items()}
        for index in range(len(job.patches)):
            writer.write(target, index, {name: _read_window(job, name, opened[name], index) for name in opened})


def rasterio_rows(job: Job, target: Path) -> None:
    """Cut with rasterio better than is in common use.

    All files are held open. For each row of cells one window over the whole width is read per band and cut in memory;
    a block cache of 512 MB keeps the blocks that two rows share, so that each grid decodes every block once. Files
    are written with rasterio, compressed in the same way and in one strip.
    """
    writer = RasterioWriter(job)
    y = job.patches.y
    # Patches are sorted by grid and row: where y changes, a row ends.
    rows = np.split(np.arange(len(y)), np.flatnonzero(np.diff(y)) + 1)
    with _peer_env(), ExitStack() as stack:
        opened = {name: stack.enter_context(rasterio.open(path)) for name, path in job.rasters().items()}
        for members in rows:
            strips = {name: _read_strip(job, name, opened[name], int(y[members[0]])) for name in opened}
            for index in members.tolist():
                writer.write(target, index, {name: _cut(job, strip, index) for name, strip in strips.items()})


def open_per_patch(job: Job, target: Path, sample: Sequence[int]) -> None:
    """Cut some patches the simple way: for each patch, open each band's file and read the patch's window."""
    writer = RasterioWriter(job)
    with _peer_env():
        for index in sample:
            pixels = {name: _read_patch(job, name, path, index) for name, path in job.rasters().items()}
            writer.write(target, index, pixels)


def _peer_env() -> rasterio.Env:
    """Return our settings but for a generous block cache."""
    return rasterio.Env(
        GDAL_NUM_THREADS="1",
        GDAL_CACHEMAX=_PEER_CACHE_MB << 20,  # as a number, rasterio takes it for bytes
        GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR",
        GDAL_PAM_ENABLED="NO",
    )


def _read_patch(job: Job, name: str, path: str, index: int) -> Images:
    with rasterio.open(path) as raster:
        return _read_window(job, name, raster, index)


def _read_window(job: Job, name: str, raster: Any, index: int) -> Images:
    resolution = int(raster.res[0])
    side = PATCH_M // resolution
    left = (int(job.patches.x[index]) - job.scene.tile.ulx) // resolution
    top = (job.scene.tile.uly - int(job.patches.y[index])) // resolution
    return _harmonised(job, name, raster.read(1, window=Window(left, top, side, side)))


def _read_strip(job: Job, name: str, raster: Any, y: int) -> Images:
    """Read the pixels of a row of cells over the whole width of the tile."""
    resolution = int(raster.res[0])
    top = (job.scene.tile.uly - y) // resolution
    return _harmonised(job, name, raster.read(1, window=Window(0, top, raster.width, PATCH_M // resolution)))


def _cut(job: Job, strip: Images, index: int) -> Images:
    side = strip.shape[0]
    left = (int(job.patches.x[index]) - job.scene.tile.ulx) // (PATCH_M // side)
    return strip[:, left : left + side]


def _harmonised(job: Job, name: str, pixels: Images) -> Images:
    """Take the offset out of digital numbers; 0 stays 0."""
    offset = job.scene.first.offsets.get(name, 0)
    if not offset:
        return pixels
    return np.where(pixels > 0, np.maximum(pixels, 1 - offset) - np.uint16(-offset), pixels).astype(np.uint16)


class RasterioWriter:
    """Writes the five files of a patch with rasterio, in one strip, compressed as ours are."""

    def __init__(self, job: Job) -> None:
        self._job = job
        crs = CRS.from_epsg(job.scene.tile.epsg)
        common = {"driver": "GTiff", "crs": crs, "interleave": "pixel", **job.compression.gdal_options()}
        files = [(f.suffix, f.bands, f.resolution, "uint16") for f in PATCH_FILES]
        files.append((LABELS_SUFFIX, (LABELS_SUFFIX,), 10, "uint8"))
        self._files = [
            (suffix, bands, res, self._profile(common, len(bands), res, dtype)) for suffix, bands, res, dtype in files
        ]

    @staticmethod
    def _profile(common: dict[str, Any], count: int, resolution: int, dtype: str) -> dict[str, Any]:
        side = PATCH_M // resolution
        return {**common, "dtype": dtype, "count": count, "width": side, "height": side, "blockysize": side}

    def write(self, target: Path, index: int, pixels: Mapping[str, Images]) -> None:
        """Write a patch from the pixels of each band and of the labels."""
        patches = self._job.patches
        (target / patches.paths[index]).mkdir(parents=True)
        x, y = int(patches.x[index]), int(patches.y[index])
        for suffix, names, resolution, profile in self._files:
            transform = from_origin(x, y, resolution, resolution)
            with rasterio.open(target / self._job.file(index, suffix), "w", transform=transform, **profile) as file:
                file.descriptions = names
                file.write(np.stack([pixels[name] for name in names]))
