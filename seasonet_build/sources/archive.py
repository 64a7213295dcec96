"""Zip archives as strangers make them: looked through before anything in them is read.

Two programs read an archive: zipfile here, and GDAL. What they could understand differently, and what no honest archive
has, is refused from the table of contents alone: paths that lead elsewhere, links, members that share data, sizes that
are not plausible. What a member holds is held against what it declares while it is read (see sources.member).
"""

import re
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from seasonet_build.sources.member import open_member

_END = struct.Struct("<4s4H2LH")
_END_64_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_END_SIGNATURE, _LOCATOR_SIGNATURE, _END_64_SIGNATURE = b"PK\5\6", b"PK\6\7", b"PK\6\6"
_LOCAL_SIGNATURE = b"PK\3\4"
_MAX_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
"""Stands for a size or position that the ZIP64 record holds."""

_ENCRYPTED, _SIZES_FOLLOW, _UTF8 = 0x0001, 0x0008, 0x0800
_UNICODE_PATH = 0x7075
"""Extra field with another name, which some readers go by."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_MAX_DIRECTORY_BYTES = 1 << 20
"""The table of contents of a product has about 30 kB."""

_CHUNK = 1 << 20
_SMALL = 16 << 20
"""A member of fewer bytes may be packed as tightly as it can be."""

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class ArchiveError(ValueError):
    """An archive is damaged or not to be trusted; the text is one clause."""


@dataclass(frozen=True)
class Limits:
    """What an archive may have: members, bytes unpacked in all, and bytes unpacked to one packed in a large member."""

    members: int
    total: int
    ratio: int


PRODUCT = Limits(5_000, 8 << 30, 50)
"""A product has about 150 files and 1.2 GB; pictures cannot be packed further, its XML to an eighth."""

MAP = Limits(5_000, 64 << 30, 200)
"""The land cover of Germany has 5 GB; tables with mostly blanks pack to a fiftieth."""


class Archive:
    """A zip archive whose table of contents has been checked."""

    def __init__(self, path: Path, limits: Limits) -> None:
        """Read and check the table of contents.

        Raises:
            ArchiveError: the archive is damaged or not to be trusted.
            OSError: it cannot be read.
        """
        self.path = path
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for its writer
            raise ArchiveError("it is not a file")
        size = path.stat().st_size
        with path.open("rb") as stream:
            start, count = _find_directory(stream, size, limits)
            infos = _read_directory(stream, start, count)
        for info in infos:
            _check_member(info, limits)
        if sum(info.file_size for info in infos) > limits.total:
            raise ArchiveError(f"it declares to hold more than {limits.total >> 30} GiB")
        self._members = {info.filename: info for info in infos}
        if len(self._members) < count:
            raise ArchiveError("it has two members of the same name")
        self._ends = dict(_ends(infos, start))

    def names(self) -> list[str]:
        """Return the paths of all members that are files, sorted, with ``/``."""
        return sorted(name for name, info in self._members.items() if not info.is_dir())

    def size(self, name: str) -> int:
        """Return the size of a member in bytes, unpacked."""
        return self._members[name].file_size

    def open(self, name: str) -> BinaryIO:
        """Open a member; reading it fails where it does not hold what the table of contents declares.

        Raises:
            ArchiveError: what stands before the member is not what the table of contents declares.
            OSError: the archive cannot be read.
        """
        info = self._members[name]
        return open_member(self.path, info, self.find_data(name))

    def read_through(self, name: str) -> None:
        """Read a member to its end, which proves that it holds what it declares.

        Raises:
            ArchiveError: its header is not what the table of contents declares.
            zipfile.BadZipFile, zlib.error: its content is not.
            OSError: the archive cannot be read.
        """
        with self.open(name) as stream:
            while stream.read(_CHUNK):
                pass

    def find_data(self, name: str) -> int:
        """Return where the data of a member begin, after holding its own header against the table of contents.

        Raises:
            ArchiveError: they differ.
            OSError: the archive cannot be read.
        """
        info = self._members[name]
        with self.path.open("rb") as stream:
            header = _read(stream, info.header_offset, _LOCAL.size)
            signature, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = _LOCAL.unpack(header)
            own_name = stream.read(name_length)
        declared = (info.compress_type, info.flag_bits & (_ENCRYPTED | _UTF8), _raw_name(info))
        if signature != _LOCAL_SIGNATURE or (method, flags & (_ENCRYPTED | _UTF8), own_name) != declared:
            raise ArchiveError(f"the table of contents says other things of {_show(name)} than its own header")
        allowed = {_IN_ZIP64} | ({0} if flags & _SIZES_FOLLOW else set())
        pairs = ((packed, info.compress_size), (unpacked, info.file_size))
        if crc not in {info.CRC, *(allowed - {_IN_ZIP64})} or any(own not in {of, *allowed} for own, of in pairs):
            raise ArchiveError(f"the table of contents says another size of {_show(name)} than its own header")
        start = info.header_offset + _LOCAL.size + int(name_length) + int(extra_length)
        if start + info.compress_size > self._ends[name]:
            raise ArchiveError(_overlap(name))
        return start


def _find_directory(stream: BinaryIO, size: int, limits: Limits) -> tuple[int, int]:
    """Return where the table of contents begins and how many entries it has."""
    tail_start = max(0, size - _END.size - _MAX_COMMENT)
    tail = _read(stream, tail_start, size - tail_start)
    position = tail.rfind(_END_SIGNATURE)
    if position < 0 or len(tail) - position < _END.size:
        raise ArchiveError("it is truncated: its table of contents is missing")
    _, disk, first_disk, here, count, length, start, comment = _END.unpack_from(tail, position)
    end = tail_start + position
    if end + _END.size + comment != size:
        raise ArchiveError("something follows its end")
    if disk or first_disk or here != count:
        raise ArchiveError("it is part of several")
    locator = _read(stream, max(0, end - _END_64_LOCATOR.size), _END_64_LOCATOR.size)
    if locator.startswith(_LOCATOR_SIGNATURE):
        end -= _END_64_LOCATOR.size + _END_64.size
        record = _END_64.unpack(_read(stream, max(0, end), _END_64.size))
        if record[0] != _END_64_SIGNATURE or _END_64_LOCATOR.unpack(locator)[2] != end:
            raise ArchiveError("its table of contents is not where its end says")
        count, length, start = _agreed((count, length, start), record[7:])
    if start + length != end:
        raise ArchiveError("its table of contents is not where its end says")
    if count > limits.members or length > _MAX_DIRECTORY_BYTES:
        raise ArchiveError(f"it lists {count} members in {length} bytes, at most {limits.members} are taken")
    return start, count


def _agreed(short: tuple[int, int, int], long: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return what the ZIP64 record says, after holding it against the plain one."""
    for plain, full, unset in zip(short, long, (0xFFFF, _IN_ZIP64, _IN_ZIP64), strict=True):
        if plain not in (full, unset):
            raise ArchiveError("it has two ends that disagree")
    return long


def _read_directory(stream: BinaryIO, start: int, count: int) -> list[zipfile.ZipInfo]:
    """Return the entries of the table of contents."""
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        if archive.start_dir != start or len(infos) != count:
            raise ArchiveError("its table of contents is damaged")
    return infos


def _check_member(info: zipfile.ZipInfo, limits: Limits) -> None:
    """Refuse what an entry of the table of contents tells of a member that should not be there."""
    name = info.orig_filename  # the other is cut at a zero byte
    shown = _show(name)
    parts = name.removesuffix("/").split("/")
    if _CONTROL.search(name) or "\\" in name or _DRIVE.match(name) or {"", ".", ".."} & set(parts):
        raise ArchiveError(f"its member {shown} has a path that does not stay inside")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"its member {shown} is a link or a device, not a file")
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"its member {shown} is encrypted")
    if info.compress_type not in _METHODS:
        raise ArchiveError(f"its member {shown} is packed by method {info.compress_type}, neither stored nor deflated")
    if info.compress_type == zipfile.ZIP_STORED and info.compress_size != info.file_size:
        raise ArchiveError(f"its member {shown} is not packed but declares two sizes")
    if info.compress_size > info.file_size + info.file_size // 64 + 1024:
        raise ArchiveError(f"its member {shown} declares {info.file_size} bytes packed to {info.compress_size}")
    if info.file_size > max(_SMALL, limits.ratio * info.compress_size):
        raise ArchiveError(
            f"its member {shown} declares {info.file_size} bytes packed to {info.compress_size}: "
            f"more than {limits.ratio} to 1"
        )
    if any(kind == _UNICODE_PATH and data[5:] != _raw_name(info) for kind, data in _extras(info.extra)):
        raise ArchiveError(f"its member {shown} has a second name")


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield kind and content of the extra fields of an entry."""
    position = 0
    while position + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, position)
        yield kind, extra[position + 4 : position + 4 + length]
        position += 4 + length


def _ends(infos: list[zipfile.ZipInfo], directory: int) -> Iterator[tuple[str, int]]:
    """Yield the name of each member and where it has to end at the latest, after looking for overlaps."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    starts = [info.header_offset for info in ordered[1:]] + [directory]
    for info, end in zip(ordered, starts, strict=True):
        if info.header_offset + _LOCAL.size + len(_raw_name(info)) + info.compress_size > end:
            raise ArchiveError(_overlap(info.orig_filename))
        yield info.filename, end


def _overlap(name: str) -> str:
    return f"its member {_show(name)} reaches into what follows it"


def _raw_name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _show(name: str) -> str:
    """Return a name for a message: on one line, and not longer than one."""
    return ascii(name if len(name) <= 80 else f"{name[:77]}...")


def _read(stream: BinaryIO, position: int, length: int) -> bytes:
    stream.seek(position)
    data = stream.read(length)
    if len(data) < length:
        raise ArchiveError("it is truncated")
    return data
