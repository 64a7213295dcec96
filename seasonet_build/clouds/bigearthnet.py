"""Labelled patches out of BigEarthNet and its published lists of snowy and of cloudy patches.

Version 1: patch folders such as ``S2A_MSIL2A_20170613T101031_0_48`` lie directly below the root; the tile is told by
``<patch>_labels_metadata.json``. Version 2 (reBEN): ``S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_26_57`` lies in a
folder of that name without the last two parts. Either has a file for each band, ``<patch>_B02.tif``.

The lists are text with one name a line (``patches_with_seasonal_snow.csv``, ``patches_with_cloud_and_shadow.csv``), as
they are or gzipped, or version 2's ``metadata_for_patches_with_snow_cloud_or_shadow.parquet``, which is both at once.
The list of cloudy patches is one of cloud and of shadow, over any ground.
"""

import gzip
import hashlib
import json
import logging
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.clouds.examples import Examples
from seasonet_build.clouds.features import FEATURES, patch_features
from seasonet_build.clouds.images import GROUPS, PatchImages, on_old_scale, read_patch_raster
from seasonet_build.errors import DataError
from seasonet_build.model.bands import BAND_RESOLUTION
from seasonet_build.raster.gdal import gdal_env

log = logging.getLogger(__name__)

OFFSETS = (0, -1000)
"""What may have to be added to digital numbers: nothing, or BOA_ADD_OFFSET from processing baseline 04.00 on."""

_VERSION_1 = re.compile(r"S2[A-D]_MSIL2A_(?P<day>\d{8})T\d{6}_\d{1,3}_\d{1,3}", re.ASCII)
_VERSION_2 = re.compile(
    r"(?P<scene>S2[A-D]_MSIL2A_(?P<day>\d{8})T\d{6}_N\d{4}_R\d{3}_T(?P<tile>\d{2}[A-Z]{3}))_\d{1,3}_\d{1,3}", re.ASCII
)
_TILE_OF_PRODUCT = re.compile(r"_T(\d{2}[A-Z]{3})_", re.ASCII)

_NAME, _SNOWY, _CLOUDY = "patch_id", "contains_seasonal_snow", "contains_cloud_or_shadow"
_TEXT = (pa.string(), pa.large_string())
_CHUNK = 64  # patches in memory at once: 8 MB of pixels


@dataclass(frozen=True)
class _Patch:
    """A patch by its name; ``tile`` is empty where only a file tells it."""

    name: str
    date: str
    tile: str
    folder: Path


def read_bigearthnet(folder: Path, snowy: Path, cloudy: Path, offset: int, limit: int | None = None) -> Examples:
    """Read the patches of the lists that are there: cloudy ones, and clear snowy ones, in the order of their names.

    Shares of the scene classification are not known. Patches that are not there are counted in a warning.

    Args:
        folder: the root of the patches, such as ``BigEarthNet-v1.0`` or ``BigEarthNet-S2``.
        snowy: the list of patches with snow; those that are not on the other list are clear.
        cloudy: the list of patches with cloud or shadow; of version 2 it is the same file.
        offset: what has to be added to the digital numbers, 0 or -1000; it has to be known.
        limit: at most so many patches of each kind; which ones, only their names decide. None: all.

    Raises:
        DataError: a list, a patch or the offset is not what it should be, or no patch is there.
    """
    if offset not in OFFSETS:
        raise DataError(f"{folder}: the offset of the digital numbers has to be 0 or -1000, not {offset}")
    if not folder.is_dir():
        raise DataError(f"{folder}: is no folder; name the one that holds the patches of BigEarthNet")
    clouded = _read_list(cloudy, _CLOUDY)
    clear = _read_list(snowy, _SNOWY) - clouded
    found = [_present(folder, names) for names in (clear, clouded)]
    listed, there = len(clear) + len(clouded), sum(len(patches) for patches in found)
    if not there:
        advice = "name the folder that holds the patch folders, or their scenes'"
        raise DataError(f"{folder}: has none of the {listed} patches of {snowy.name} and {cloudy.name}; {advice}")
    if there < listed:
        log.warning(
            "%s: %d of the %d patches on the lists are not there and are left out", folder, listed - there, listed
        )
    chosen = sorted((patch for patches in found for patch in _some(patches, limit)), key=lambda patch: patch.name)
    return Examples(
        ids=tuple(patch.name for patch in chosen),
        dates=tuple(patch.date for patch in chosen),
        tiles=tuple(patch.tile or _told_tile(patch) for patch in chosen),
        uniform=np.ones(len(chosen), dtype=bool),
        cloudy=np.array([patch.name in clouded for patch in chosen], dtype=bool),
        features=np.concatenate([*_features(chosen, offset)], dtype=np.float64),
        source="BigEarthNet",
    )


def _read_list(path: Path, column: str) -> set[str]:
    """Return the names on a list: of text all, of Parquet those that are True in a column."""
    try:
        names = _read_parquet(path, column) if path.suffix == ".parquet" else _read_text(path)
    except (EOFError, OSError, zlib.error, UnicodeDecodeError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise DataError(f"{path}: cannot be read as a list of patches: {reason}") from None
    for number, name in enumerate(names, 1):
        if not (_VERSION_1.fullmatch(name) or _VERSION_2.fullmatch(name)):
            shown = repr(name if len(name) <= 80 else f"{name[:80]}...")
            raise DataError(f"{path}: name {number}, {shown}, is not that of a BigEarthNet patch; give a list of names")
    return set(names)


def _read_text(path: Path) -> list[str]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = (line.strip() for line in content.decode("utf-8-sig").splitlines())
    return [line for line in lines if line]


def _read_parquet(path: Path, column: str) -> list[str]:
    table = pq.read_table(path)
    for name, kinds in ((_NAME, _TEXT), (column, (pa.bool_(),))):
        if name not in table.column_names or table.schema.field(name).type not in kinds:
            raise DataError(f"{path}: has no column {name} of type {kinds[0]}; give BigEarthNet's own table")
    rows = zip(table[_NAME].to_pylist(), table[column].to_pylist(), strict=True)
    return [name or "" for name, counts in rows if counts]


def _present(folder: Path, names: set[str]) -> list[_Patch]:
    """Return the patches of which there is a folder, by name."""
    patches = (_place(folder, name) for name in sorted(names))
    return [patch for patch in patches if patch.folder.is_dir()]


def _place(folder: Path, name: str) -> _Patch:
    second = _VERSION_2.fullmatch(name)
    match = second or _VERSION_1.fullmatch(name)
    assert match is not None  # _read_list has seen to it
    day = match["day"]
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    if second:
        return _Patch(name, date, second["tile"], folder / second["scene"] / name)
    return _Patch(name, date, "", folder / name)


def _some(patches: Sequence[_Patch], limit: int | None) -> Sequence[_Patch]:
    """Return at most ``limit`` patches, spread over all dates and tiles: by the check sums of their names."""
    if limit is None or len(patches) <= limit:
        return patches
    return sorted(patches, key=lambda patch: hashlib.sha256(patch.name.encode()).digest())[:limit]


def _told_tile(patch: _Patch) -> str:
    """Return the tile that the metadata of a patch of version 1 tells, in the name of the product it was cut from."""
    path = patch.folder / f"{patch.name}_labels_metadata.json"
    try:
        told = json.loads(path.read_bytes())
        match = _TILE_OF_PRODUCT.search(told["tile_source"])
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        match = None
    if match is None:
        raise DataError(f"{path}: does not tell the tile: 'tile_source' should be the name of a product")
    return match[1]


def _features(patches: Sequence[_Patch], offset: int) -> Iterator[NDArray[np.float64]]:
    """Yield the features of patches, some at a time."""
    for first in range(0, len(patches), _CHUNK):
        some = patches[first : first + _CHUNK]
        with gdal_env():
            groups = [np.stack([_read_bands(patch, bands) for patch in some]) for bands in GROUPS]
        visible, infrared, vapour = (on_old_scale(group, offset) for group in groups)
        unknown = np.full(len(some), np.nan)
        yield patch_features(PatchImages(visible, infrared, vapour[..., 0]), unknown, unknown)
    yield np.empty((0, len(FEATURES)))


def _read_bands(patch: _Patch, bands: Sequence[str]) -> NDArray[np.uint16]:
    """Read bands of one patch, shape (side, side, bands)."""
    paths = [patch.folder / f"{patch.name}_{band}.tif" for band in bands]
    pixels = [read_patch_raster(path, [1], BAND_RESOLUTION[bands[0]])[0] for path in paths]
    return np.stack(pixels, axis=-1)
