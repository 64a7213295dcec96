"""Is a JPEG 2000 file whole, as far as its structure tells?

GDAL returns zeros for what a truncated file lacks, without an error, so the structure is looked at before any pixel:
the signature, one codestream, and the marker that ends it (ISO/IEC 15444-1, annexes A and I).
"""

import struct
from typing import BinaryIO

_SIGNATURE = bytes.fromhex("0000000c6a5020200d0a870a")
_CODESTREAM = b"jp2c"
_START_OF_CODESTREAM = b"\xff\x4f"
_END_OF_CODESTREAM = b"\xff\xd9"
_BOX_HEADER = 8
_LONG_BOX_HEADER = 16


def find_damage(stream: BinaryIO, size: int) -> str | None:
    """Return what is wrong with the structure of a JP2 file, or None.

    Args:
        stream: the file, able to seek.
        size: its size in bytes.
    """
    if stream.read(len(_SIGNATURE)) != _SIGNATURE:
        return "is not a JPEG 2000 file"
    codestreams: list[tuple[int, int]] = []
    position = len(_SIGNATURE)
    while position < size:
        box = _read_box(stream, position, size)
        if box is None:
            return "is truncated"
        kind, start, end = box
        if kind == _CODESTREAM:
            codestreams.append((start, end))
        position = end
    if len(codestreams) != 1:
        return "is truncated: it has no codestream" if not codestreams else "has more than one codestream"
    return _codestream_damage(stream, *codestreams[0])


def _read_box(stream: BinaryIO, position: int, size: int) -> tuple[bytes, int, int] | None:
    """Return type, start and end of the content of the box at ``position``; None if it does not fit the file."""
    stream.seek(position)
    header = stream.read(_LONG_BOX_HEADER)
    if len(header) < _BOX_HEADER:
        return None
    length, kind = struct.unpack(">I4s", header[:_BOX_HEADER])
    start = position + _BOX_HEADER
    if length == 1:
        if len(header) < _LONG_BOX_HEADER:
            return None
        (length,) = struct.unpack(">Q", header[_BOX_HEADER:])
        start = position + _LONG_BOX_HEADER
    end = size if length == 0 else position + length
    return (kind, start, end) if start <= end <= size else None


def _codestream_damage(stream: BinaryIO, start: int, end: int) -> str | None:
    stream.seek(start)
    if stream.read(2) != _START_OF_CODESTREAM:
        return "has no start-of-codestream marker"
    stream.seek(end - 2)
    if stream.read(2) != _END_OF_CODESTREAM:
        return "is truncated: the codestream does not end with its end marker"
    return None
