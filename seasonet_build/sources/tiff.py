"""Is a TIFF file whole, as far as its structure tells?

A file that was cut off while it was fetched often opens all the same, because the directory of a Cloud-Optimised
GeoTIFF stands at its beginning. So it is looked at whether the bytes of every tile of every image (the raster, its
overviews and masks) lie inside the file (TIFF 6.0, sections 2 and 15; BigTIFF).

A file of which no checksum is known can be unpacked too: tiles packed with deflate end with a checksum of what is in
them (RFC 1950), which GDAL does not look at: of 120 files with 1000 bytes zeroed, it (3.10) read 112 without an error.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

MAX_IMAGES = 64
"""A raster of 10980 px has 5 or 6 overviews, perhaps each with a mask: more images than this are a loop."""

MAX_TILE_BYTES = 1 << 28
"""A raster of 10980 px and 16 bit that is a single strip has 241 MB, unpacked; no tile has more."""

_WIDTH, _HEIGHT, _BITS, _COMPRESSION = 256, 257, 258, 259
_STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_COUNTS, _PLANAR = 273, 277, 278, 279, 284
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS = 322, 323, 324, 325
_READ = {
    *(_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _STRIP_OFFSETS, _SAMPLES, _STRIP_ROWS, _STRIP_COUNTS, _PLANAR),
    *(_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS),
}
_DEFLATE = (8, 32946)
_NUMPY_TYPES = {3: "u2", 4: "u4", 16: "u8"}
"""The field types that sizes and positions may have: SHORT, LONG and LONG8."""

Numbers = NDArray[np.uint64]


class _DamageError(Exception):
    """What is wrong with the file, as the end of a sentence."""


@dataclass(frozen=True)
class _Form:
    """How numbers are written: byte order, and the struct codes and sizes that TIFF and BigTIFF differ in."""

    order: str
    count: str
    position: str

    @property
    def word(self) -> int:
        return struct.calcsize(self.position)


@dataclass(frozen=True)
class _Tiles:
    """Where the tiles of an image lie in the file, and the most that one of them has when it is unpacked; bytes."""

    starts: Numbers
    lengths: Numbers
    unpacked: int
    compression: int


def find_damage(stream: BinaryIO, size: int, *, unpack: bool = False) -> str | None:
    """Return what is wrong with a TIFF file, or None.

    Tiles of length 0 are not there on purpose: they read as 0, which is "no data" in all rasters of a product.

    Args:
        stream: the file, able to seek.
        size: its size in bytes.
        unpack: unpack the tiles of the first image too, if deflate was used, and look at their checksums.
    """
    try:
        form, position = _header(stream)
        for number in range(MAX_IMAGES):
            fields, position = _directory(stream, form, position, size)
            tiles = _tiles(fields, size)
            if unpack and number == 0 and tiles.compression in _DEFLATE:
                _unpack(stream, tiles)
            if position == 0:
                return None
    except _DamageError as damage:
        return str(damage)
    return f"is damaged: it has more than {MAX_IMAGES} images"


def _header(stream: BinaryIO) -> tuple[_Form, int]:
    """Return the form of the file and the position of its first directory."""
    start = _read(stream, 0, 8)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None:
        raise _DamageError("is not a TIFF file")
    version, offset_size, zero = struct.unpack(f"{order}HHH", start[2:])
    if version == 42:
        return _Form(order, "H", "I"), int(struct.unpack(f"{order}I", start[4:])[0])
    if (version, offset_size, zero) == (43, 8, 0):
        return _Form(order, "Q", "Q"), int(struct.unpack(f"{order}Q", _read(stream, 8, 8))[0])
    raise _DamageError("is not a TIFF file")


def _directory(stream: BinaryIO, form: _Form, position: int, size: int) -> tuple[dict[int, Numbers], int]:
    """Return the fields of the directory at ``position`` that are of use, and the position of the next one."""
    head = struct.calcsize(form.order + form.count)
    (count,) = struct.unpack(form.order + form.count, _read(stream, position, head))
    length = 4 + 2 * form.word
    if count * length > size:
        raise _DamageError("is damaged: a directory is longer than the file")
    entries = _read(stream, position + head, count * length + form.word)
    fields: dict[int, Numbers] = {}
    for start in range(0, count * length, length):
        tag, kind = struct.unpack_from(f"{form.order}HH", entries, start)
        if tag in _READ:
            fields[tag] = _values(stream, form, kind, entries[start + 4 : start + length], size)
    (following,) = struct.unpack_from(form.order + form.position, entries, count * length)
    return fields, int(following)


def _values(stream: BinaryIO, form: _Form, kind: int, rest: bytes, size: int) -> Numbers:
    """Return the values of a field from the rest of its entry: their count, and themselves or where they stand."""
    if kind not in _NUMPY_TYPES:
        raise _DamageError(f"is damaged: sizes or positions have type {kind}")
    count, where = struct.unpack(f"{form.order}2{form.position}", rest)
    dtype = np.dtype(form.order + _NUMPY_TYPES[kind])
    length = count * dtype.itemsize
    if length > size:
        raise _DamageError("is truncated: a list of tiles is longer than the file")
    data = rest[form.word : form.word + length] if length <= form.word else _read(stream, where, length)
    return np.frombuffer(data, dtype).astype(np.uint64)


def _tiles(fields: dict[int, Numbers], size: int) -> _Tiles:
    """Return the tiles of an image after checking that there are as many as it needs, and that all lie in the file."""
    tiled = _TILE_OFFSETS in fields

    def number(tag: int, default: int | None = None) -> int:
        found = fields.get(tag)
        if found is not None and len(found):
            return int(found[0])
        if default is None:
            raise _DamageError(f"is damaged: an image lacks tag {tag}")
        return default

    width, height, samples = number(_WIDTH), number(_HEIGHT), number(_SAMPLES, 1)
    tile_width = number(_TILE_WIDTH) if tiled else width
    tile_height = number(_TILE_HEIGHT) if tiled else min(number(_STRIP_ROWS, height), height)
    if not all((width, height, samples, tile_width, tile_height)):
        raise _DamageError("is damaged: an image or its tiles have no size")
    planes = samples if number(_PLANAR, 1) == 2 else 1
    needed = -(-width // tile_width) * -(-height // tile_height) * planes
    nothing = np.zeros(0, np.uint64)
    starts = fields.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, nothing)
    lengths = fields.get(_TILE_COUNTS if tiled else _STRIP_COUNTS, nothing)
    if not len(starts) == len(lengths) == needed:
        raise _DamageError(f"is damaged: it lists {len(starts)} tiles, its size asks for {needed}")
    outside = (lengths > size) | (starts > size) | (starts + lengths > size)
    if outside.any():
        raise _DamageError(
            f"is truncated: {np.count_nonzero(outside)} of {needed} tiles end behind the end of the file"
        )
    bits = tile_width * tile_height * (samples // planes) * number(_BITS, 1)
    return _Tiles(starts, lengths, -(-bits // 8), number(_COMPRESSION, 1))


def _unpack(stream: BinaryIO, tiles: _Tiles) -> None:
    """Unpack each tile, whose checksum is looked at then."""
    if tiles.unpacked > MAX_TILE_BYTES:
        raise _DamageError(f"is damaged: its tiles have {tiles.unpacked} bytes")
    for start, length in zip(tiles.starts.tolist(), tiles.lengths.tolist(), strict=True):
        if not length:
            continue
        inflater = zlib.decompressobj()
        try:
            # One byte more than there should be, so that the end is reached and a longer tile is seen.
            content = inflater.decompress(_read(stream, start, length), tiles.unpacked + 1)
        except zlib.error:
            raise _DamageError(f"is damaged: the tile at byte {start} cannot be unpacked") from None
        if not inflater.eof or len(content) > tiles.unpacked:
            raise _DamageError(f"is damaged: the tile at byte {start} is not of the size that it should have")


def _read(stream: BinaryIO, position: int, length: int) -> bytes:
    stream.seek(position)
    data = stream.read(length)
    if len(data) < length:
        raise _DamageError("is truncated")
    return data
