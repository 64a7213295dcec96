"""Is a JPEG 2000 file whole, as far as its structure tells?

GDAL returns zeros for what a truncated file lacks, without an error, so the structure is looked at before any pixel:
the signature, one codestream, tile-parts that follow each other without a gap to the end marker, and all tiles there
(ISO/IEC 15444-1, annexes A and I).
"""

import struct
from typing import BinaryIO

_SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
_CODESTREAM = b"jp2c"
_START_OF_CODESTREAM = 0xFF4F
_SIZE = 0xFF51
_START_OF_TILE_PART = 0xFF90
_END_OF_CODESTREAM = 0xFFD9
_BOX_HEADER = 8
_LONG_BOX_HEADER = 16
_MARKER = 2
_TILE_PART_HEADER = 12

MAX_BANDS = 4
"""Those that are read have one, some masks three."""

MAX_TILES = 4096
"""Real pictures have 121 tiles at most. GDAL takes 5 kB of memory and more for each, before it looks at any."""


class _DamageError(Exception):
    """What is wrong with the file, as the end of a sentence."""


def find_damage(stream: BinaryIO, size: int) -> str | None:
    """Return what is wrong with the structure of a JP2 file, or None.

    Args:
        stream: the file, able to seek.
        size: its size in bytes.
    """
    try:
        start, end = _codestream(stream, size)
        _check_codestream(stream, start, end)
    except _DamageError as damage:
        return str(damage)
    return None


def _codestream(stream: BinaryIO, size: int) -> tuple[int, int]:
    """Return start and end of the one codestream."""
    stream.seek(0)
    if stream.read(len(_SIGNATURE)) != _SIGNATURE:
        raise _DamageError("is not a JPEG 2000 file")
    found: list[tuple[int, int]] = []
    position = len(_SIGNATURE)
    while position < size:
        kind, start, position = _read_box(stream, position, size)
        if kind == _CODESTREAM:
            found.append((start, position))
    if len(found) != 1:
        raise _DamageError("has more than one codestream" if found else "is truncated: it has no codestream")
    return found[0]


def _read_box(stream: BinaryIO, position: int, size: int) -> tuple[bytes, int, int]:
    """Return type, start and end of the content of the box at ``position``."""
    header = _read(stream, position, _BOX_HEADER)
    length, kind = struct.unpack(">I4s", header)
    start = position + _BOX_HEADER
    if length == 1:
        (length,) = struct.unpack(">Q", _read(stream, start, _LONG_BOX_HEADER - _BOX_HEADER))
        start = position + _LONG_BOX_HEADER
    end = size if length == 0 else position + length
    if not start <= end <= size:
        raise _DamageError("is truncated: a box ends behind the end of the file")
    return kind, start, end


def _check_codestream(stream: BinaryIO, start: int, end: int) -> None:
    position, n_tiles = _main_header(stream, start, end)
    last = end - _MARKER
    seen: set[int] = set()
    while position < last:
        tile, length = _tile_part(stream, position)
        seen.add(tile)
        # Length 0: the last tile-part, which reaches to the end marker.
        position = position + length if length else last
    if position != last or _marker(stream, last) != _END_OF_CODESTREAM:
        raise _DamageError("is truncated: the codestream does not end with its end marker")
    if seen != set(range(n_tiles)):
        raise _DamageError(f"has {len(seen)} tiles, not {n_tiles}")


def _main_header(stream: BinaryIO, start: int, end: int) -> tuple[int, int]:
    """Return the position of the first tile-part and the number of tiles."""
    if _marker(stream, start) != _START_OF_CODESTREAM:
        raise _DamageError("has no start-of-codestream marker")
    position, n_tiles = start + _MARKER, 0
    while position < end:
        marker = _marker(stream, position)
        if marker == _START_OF_TILE_PART:
            return position, n_tiles
        if marker < 0xFF00:
            break
        (length,) = struct.unpack(">H", _read(stream, position + _MARKER, 2))
        if marker == _SIZE:
            n_tiles = _count_tiles(_read(stream, position + 2 * _MARKER, 36))
        position += _MARKER + length
    raise _DamageError("is damaged: its codestream has no tiles where they should begin")


def _count_tiles(parameters: bytes) -> int:
    """Return the number of tiles from the image and tile size parameters: capabilities, eight numbers, components."""
    numbers = map(int, struct.unpack(">2x8IH", parameters))
    width, height, _, _, tile_width, tile_height, tile_x, tile_y, n_bands = numbers
    if not tile_width or not tile_height:
        raise _DamageError("is damaged: its tiles have no size")
    if n_bands > MAX_BANDS:
        raise _DamageError(f"has {n_bands} bands")
    n_tiles = -(-(width - tile_x) // tile_width) * -(-(height - tile_y) // tile_height)
    if not 0 < n_tiles <= MAX_TILES:
        raise _DamageError(f"is damaged: its codestream declares {n_tiles} tiles")
    return n_tiles


def _tile_part(stream: BinaryIO, position: int) -> tuple[int, int]:
    """Return tile number and length of the tile-part at ``position``."""
    header = _read(stream, position, _TILE_PART_HEADER)
    marker, _, tile, length = map(int, struct.unpack(">HHHI2x", header))
    if marker != _START_OF_TILE_PART or 0 < length < _TILE_PART_HEADER:
        raise _DamageError("is damaged: a tile-part does not begin where the one before it ends")
    return tile, length


def _marker(stream: BinaryIO, position: int) -> int:
    (marker,) = struct.unpack(">H", _read(stream, position, _MARKER))
    return int(marker)


def _read(stream: BinaryIO, position: int, length: int) -> bytes:
    stream.seek(position)
    data = stream.read(length)
    if len(data) < length:
        raise _DamageError("is truncated")
    return data
