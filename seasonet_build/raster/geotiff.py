"""Writing many small GeoTIFF files of one kind, as GDAL would write them but several times faster.

GDAL writes one file of the wanted shape, type, coordinate system and options; its header serves as a template. For
every further file only the corner, the number of compressed bytes and the one strip of pixels are put in. Strips are
compressed with the frames that GDAL itself makes, so that files with zstd are the same to the byte. (With deflate the
pixels are the same; GDAL compresses with another library.)
"""

import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import zstandard
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

Method = Literal["zstd", "deflate", "none"]
Interleaved = NDArray[Any]
"""Pixels of several images with the bands of a pixel side by side: shape (n, height, width, bands)."""

_STRIP_OFFSET, _STRIP_BYTES, _CORNER = 273, 279, 33922
_LONG = 4
_CORNER_XY = 24
"""The tie point is six doubles: pixel column, row, level, then x, y, z."""


@dataclass(frozen=True)
class Compression:
    """How strips are compressed: method, level, and predictor 1 (none) or 2 (horizontal differences)."""

    method: Method
    level: int
    predictor: int

    def gdal_options(self) -> dict[str, Any]:
        """Return GDAL's creation options."""
        if self.method == "none":
            return {}
        level = {"zstd": "zstd_level", "deflate": "zlevel"}[self.method]
        return {"compress": self.method, "predictor": self.predictor, level: self.level}

    def compressor(self) -> Callable[[bytes | memoryview], bytes]:
        """Return a function that compresses a strip."""
        if self.method == "none":
            return bytes
        if self.method == "deflate":
            return lambda data: zlib.compress(data, self.level)
        context = zstandard.ZstdCompressor(level=self.level)

        def compress(data: bytes | memoryview) -> bytes:
            # A stream of unknown length: a frame like GDAL's, without the length in it.
            stream = context.compressobj()
            return stream.compress(data) + stream.flush()

        return compress


@dataclass(frozen=True)
class ImageKind:
    """What the files of one kind have in common.

    Attributes:
        epsg: coordinate system.
        resolution: pixel size, metres.
        side: height and width, px.
        dtype: ``uint8`` or ``uint16``.
        bands: description of each band, such as ``B04``.
    """

    epsg: int
    resolution: float
    side: int
    dtype: str
    bands: tuple[str, ...]


class GeoTiffEncoder:
    """Turns pixels into the bytes of GeoTIFF files of one kind."""

    def __init__(self, kind: ImageKind, compression: Compression) -> None:
        """Let GDAL write the template."""
        self._predict = compression.predictor == 2 and compression.method != "none"
        self._compress = compression.compressor()
        template = _gdal_file(kind, compression)
        entries = _directory(template)
        self._header = bytearray(template[: entries[_STRIP_OFFSET].value])
        self._corner_at = entries[_CORNER].value + _CORNER_XY
        self._bytes_at = entries[_STRIP_BYTES].position

    def encode(self, images: Interleaved, corners: Sequence[tuple[float, float]]) -> list[bytes]:
        """Return the files of some images.

        Args:
            images: shape (n, side, side, bands), of the kind's type.
            corners: upper-left corner (x, y) of each, metres.
        """
        strips = _differences(images) if self._predict else np.ascontiguousarray(images)
        return [self._file(strip.data, corner) for strip, corner in zip(strips, corners, strict=True)]

    def _file(self, strip: memoryview, corner: tuple[float, float]) -> bytes:
        data = self._compress(strip)
        header = self._header.copy()
        struct.pack_into("<2d", header, self._corner_at, *corner)
        struct.pack_into("<I", header, self._bytes_at, len(data))
        return bytes(header) + data


@lru_cache
def encoder(kind: ImageKind, compression: Compression) -> GeoTiffEncoder:
    """Return the encoder for a kind of file, made once."""
    return GeoTiffEncoder(kind, compression)


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
    """Write one square image in a single strip, without a no-data value and without a time of writing.

    Args:
        path: file to write; its folder exists.
        pixels: shape (bands, side, side).
        epsg: coordinate system.
        corner: upper-left corner (x, y), metres.
        resolution: pixel size, metres.
        bands: description of each band.
        compression: how to compress.
    """
    kind = ImageKind(epsg, resolution, pixels.shape[1], pixels.dtype.name, tuple(bands))
    image = np.moveaxis(pixels, 0, -1)[np.newaxis]
    path.write_bytes(encoder(kind, compression).encode(image, [corner])[0])


def _differences(images: Interleaved) -> Interleaved:
    """Return TIFF's horizontal differences, band by band, modulo the type's range (TIFF 6.0, section 14)."""
    result = np.ascontiguousarray(images)
    result = result.copy() if result is images else result
    result[:, :, 1:] -= images[:, :, :-1]
    return result


@dataclass(frozen=True)
class _Entry:
    """An entry of a TIFF directory: its value or the offset of it, and where that stands in the file."""

    value: int
    position: int


def _gdal_file(kind: ImageKind, compression: Compression) -> bytes:
    profile = {
        "driver": "GTiff",
        "dtype": kind.dtype,
        "count": len(kind.bands),
        "height": kind.side,
        "width": kind.side,
        "crs": CRS.from_epsg(kind.epsg),
        # The true corner is put in later; this one makes GDAL write a tie point.
        "transform": from_origin(kind.resolution, kind.resolution, kind.resolution, kind.resolution),
        "blockysize": kind.side,
        "interleave": "pixel",
        **compression.gdal_options(),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as file:
            # Before the pixels, or GDAL would write the directory anew behind them.
            file.descriptions = kind.bands
            file.write(np.ones((len(kind.bands), kind.side, kind.side), dtype=kind.dtype))
        return bytes(memory.getbuffer())


def _directory(file: bytes) -> dict[int, _Entry]:
    """Return the directory of a classic little-endian TIFF by tag, after checking that it can serve as a template."""
    (start,) = struct.unpack_from("<I", file, 4)
    (count,) = struct.unpack_from("<H", file, start)
    entries, kinds = {}, {}
    for i in range(count):
        position = start + 2 + 12 * i
        tag, kind, n, value = struct.unpack_from("<HHII", file, position)
        entries[tag], kinds[tag] = _Entry(value, position + 8), (kind, n)
    strip_end = entries[_STRIP_OFFSET].value + entries[_STRIP_BYTES].value
    if file[:4] != b"II*\0" or kinds[_STRIP_BYTES] != (_LONG, 1) or strip_end != len(file):
        raise RuntimeError("this GDAL writes TIFF files in a layout that cannot serve as a template")
    return entries
