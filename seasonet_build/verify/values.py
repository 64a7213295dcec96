"""Decode a file of a patch with GDAL, which wrote none of them, and check what is in it."""

import math
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS

from seasonet_build.model.bands import LABELS_SUFFIX, PATCH_FILES
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.grid import PATCH_M

MASK_SUFFIXES = ("mask_easy", "mask_medium", "clouds", "snow")
NEEDED_SUFFIXES = (*(file.suffix for file in PATCH_FILES), LABELS_SUFFIX)

_MAX_ZERO_SHARE = 0.01
"""The share of a band's pixels that may be 0. A build allows far less, but how much is not written in the dataset."""

_CORNER_M = 1e-6
"""Corners are whole metres; no more than this is lost where one is written."""


class CannotDecodeError(Exception):
    """A file cannot be decoded."""


@dataclass(frozen=True)
class FileForm:
    """What the files of a patch with one suffix have in common; ``top`` is the greatest value."""

    bands: tuple[str, ...]
    resolution: int
    dtype: str
    top: int

    @property
    def side(self) -> int:
        """Return height and width, px."""
        return PATCH_M // self.resolution


FORMS: dict[str, FileForm] = {
    **{file.suffix: FileForm(file.bands, file.resolution, "uint16", 65_535) for file in PATCH_FILES},
    LABELS_SUFFIX: FileForm((LABELS_SUFFIX,), 10, "uint8", N_CLASSES),
    **{suffix: FileForm((suffix,), 10, "uint8", 1) for suffix in MASK_SUFFIXES},
}


@dataclass(frozen=True)
class Decoded:
    """A raster: what its header says, and its pixels, shape (bands, height, width); None if it is of another form."""

    count: int
    dtypes: tuple[str, ...]
    height: int
    width: int
    crs: CRS | None
    transform: Sequence[float]
    nodata: float | None
    descriptions: tuple[str | None, ...]
    pixels: NDArray[Any] | None


def decode(file: str, form: FileForm | None) -> Decoded:
    """Decode a GeoTIFF file, in the environment of :func:`~seasonet_build.raster.gdal.gdal_env`.

    Args:
        file: path.
        form: what it should be: pixels of a raster of another size are not read, it might be any size.

    Raises:
        CannotDecodeError: with the reason.
        OSError: the file cannot be read.
    """
    with open(file, "rb"):  # noqa: PTH123 - plain strings: files are millions
        pass  # GDAL tells a file that may not be read from one that is damaged by its text alone
    try:
        with rasterio.open(file, driver="GTiff", sharing=False) as source:
            fits = form is None or _shape(source) == (len(form.bands), form.side, form.side)
            return Decoded(
                source.count,
                source.dtypes,
                source.height,
                source.width,
                source.crs,
                tuple(source.transform),
                source.nodata,
                source.descriptions,
                source.read() if fits else None,
            )
    except Exception as error:  # damage shows in errors of many kinds
        raise CannotDecodeError(f"cannot be decoded: {_first_line(error)}") from None


def pixel_sum(pixels: NDArray[Any]) -> int:
    """Return the CRC-32 of pixels, shape (bands, height, width), as :mod:`seasonet_build.model.checksums` has it."""
    side_by_side = np.moveaxis(pixels, 0, -1)
    return zlib.crc32(np.ascontiguousarray(side_by_side, dtype=pixels.dtype.newbyteorder("<")).data)


def complaints(
    raster: Decoded, form: FileForm, epsg: int, corner: tuple[int, int], classes: str | None
) -> Iterator[str]:
    """Give what is wrong with a file of a patch.

    Args:
        raster: the file.
        form: what it should be.
        epsg: coordinate system.
        corner: upper-left corner (x, y), metres.
        classes: the labels that it should have, such as ``2,3,12``; None: not known, or not a file of labels.
    """
    if (raster.count, raster.height, raster.width) != (len(form.bands), form.side, form.side):
        wanted = f"{len(form.bands)} x {form.side} x {form.side}"
        yield f"has {raster.count} x {raster.height} x {raster.width} pixels, not {wanted}"
    if set(raster.dtypes) != {form.dtype}:
        yield f"holds {raster.dtypes[0]}, not {form.dtype}"
    if raster.nodata is not None:
        yield f"declares the value {raster.nodata:g} to be no data"
    yield from _misplaced(raster, form, epsg, corner)
    stated = tuple(raster.descriptions)
    if any(stated) and stated != form.bands:
        yield f"its bands are {', '.join(map(str, stated))}, not {', '.join(form.bands)}"
    if raster.pixels is not None:
        yield from _odd_values(raster.pixels, form, classes)


@contextmanager
def quiet_gdal() -> Iterator[None]:
    """Keep what GDAL says of damaged files, and of files without a place, out of the log: the report tells it."""
    import logging
    import warnings

    logger = logging.getLogger("rasterio")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _shape(source: Any) -> tuple[int, int, int]:
    return (source.count, source.height, source.width)


def _misplaced(raster: Decoded, form: FileForm, epsg: int, corner: tuple[int, int]) -> Iterator[str]:
    if not _is_epsg(raster.crs, epsg):
        yield f"its coordinate system is not EPSG:{epsg}"
    wanted = (form.resolution, 0, corner[0], 0, -form.resolution, corner[1])
    if not all(
        math.isclose(a, b, rel_tol=0, abs_tol=_CORNER_M) for a, b in zip(raster.transform, wanted, strict=False)
    ):
        found = ", ".join(f"{value:.10g}" for value in raster.transform[:6])
        yield f"its transform is ({found}), not ({', '.join(map(str, wanted))})"


def _odd_values(pixels: NDArray[Any], form: FileForm, classes: str | None) -> Iterator[str]:
    if form.dtype == "uint16":
        zeros = np.count_nonzero(pixels == 0, axis=(1, 2))
        for band, n in zip(form.bands, zeros.tolist(), strict=True):
            if n > _MAX_ZERO_SHARE * form.side**2:
                yield f"{band} is 0 (no data) in {n} of {form.side**2} pixels"
        return
    present = (
        np.flatnonzero(np.bincount(pixels.ravel(), minlength=1)) if pixels.dtype == np.uint8 else np.unique(pixels)
    )
    if len(present) and present[-1] > form.top:
        yield f"has the value {present[-1]}, values are 0 to {form.top}"
    found = ",".join(str(label) for label in present.tolist() if label)
    if classes is not None and found != classes:
        yield f"has the labels {found or 'none'}, in meta.csv they are {classes or 'none'}"


@lru_cache(maxsize=64)
def _epsg_crs(epsg: int) -> CRS:
    return CRS.from_epsg(epsg)


def _is_epsg(crs: CRS | None, epsg: int) -> bool:
    return crs is not None and _same_system(crs.wkt, epsg)


@lru_cache(maxsize=256)
def _same_system(wkt: str, epsg: int) -> bool:
    return bool(CRS.from_wkt(wkt) == _epsg_crs(epsg))


def _first_line(error: Exception) -> str:
    # GDAL's own words are the cause, where rasterio only says that reading failed.
    cause = error.__cause__ or error
    return (str(cause) or repr(cause)).splitlines()[0]
