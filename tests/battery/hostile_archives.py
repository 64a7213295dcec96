"""Archives that no honest program writes."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Member:
    """A member as it is written: what its own header and the table of contents say need not be true.

    ``local`` holds what the member's own header says otherwise, ``at`` the position that the table of contents names
    (None: its own).
    """

    name: bytes
    packed: bytes
    size: int
    crc: int
    packed_size: int
    method: int = zipfile.ZIP_STORED
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    extra: bytes = b""
    local: tuple[tuple[str, Any], ...] = ()
    at: int | None = None


def stored(name: str | bytes, data: bytes) -> Member:
    raw = name.encode() if isinstance(name, str) else name
    return Member(raw, data, len(data), zlib.crc32(data), len(data))


def deflated(name: str | bytes, data: bytes, *, holds: bytes = b"", blocks: int = 0, **said: Any) -> Member:
    """A packed member that holds data and, behind them, a block so many times; it declares only the data.

    The block is packed once, so that a bomb of any size is made at once.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    if blocks:
        block = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed += (block.compress(holds) + block.flush(zlib.Z_FULL_FLUSH)) * blocks
    packed += zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    made = replace(stored(name, data), packed=packed, packed_size=len(packed), method=zipfile.ZIP_DEFLATED)
    return replace(made, **said)


def write_archive(path: Path, members: Iterable[Member], **end: Any) -> Path:
    """Write an archive; ``end`` may hold ``count``, ``length``, ``start``, ``comment``, ``before`` or ``behind``."""
    body, directory, count = bytearray(end.get("before", b"")), bytearray(), 0
    for member in members:
        at = len(body) if member.at is None else member.at
        own = replace(member, **dict(member.local))
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, own.flags, own.method, 0, 33, *_sizes(own), len(own.name), 0)
        body += own.name + own.packed
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x31E, 20, member.flags, member.method, 0, 33, *_sizes(member),
            len(member.name), len(member.extra), 0, 0, 0, member.mode << 16, at,
        )  # fmt: skip
        directory += member.name + member.extra
        count += 1
    start, comment = len(body), end.get("comment", b"")
    said = (end.get("count", count), end.get("length", len(directory)), end.get("start", start))
    tail = end.get("zip64", lambda _start, _length, _count: b"")(start, len(directory), count)
    last = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, said[0], *said, len(comment)) + comment + end.get("behind", b"")
    path.write_bytes(bytes(body) + bytes(directory) + tail + last)
    return path


def zip64_end(start: int, length: int, count: int) -> bytes:
    """The two further records of an archive with ZIP64, which stand before its end."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, start)
    return record + struct.pack("<4sLQL", b"PK\6\7", 0, start + length, 1)


def read_members(path: Path) -> list[Member]:
    """The members of an honest archive, not packed."""
    with zipfile.ZipFile(path) as archive:
        return [stored(name, archive.read(name)) for name in archive.namelist()]


def _sizes(member: Member) -> tuple[int, int, int]:
    return (member.crc, member.packed_size, member.size)
