"""The content of one member of a zip archive, which must be what the table of contents declares: size and check sum.

zipfile stops at the declared size and says nothing of what is left; a packed member could hold anything behind it.
"""

import io
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, cast

_CHUNK = 64 << 10


def open_member(path: Path, info: zipfile.ZipInfo, start: int) -> BinaryIO:
    """Open a member for reading; the stream can seek.

    To read it, fails with zipfile.BadZipFile or zlib.error where the content is not what is declared; all of it is
    known to be right when it has been read to the end.

    Args:
        path: the archive.
        info: the member's entry in the table of contents; stored or deflated.
        start: where its data begin, bytes.
    """
    kind = _Stored if info.compress_type == zipfile.ZIP_STORED else _Deflated
    return cast(BinaryIO, io.BufferedReader(kind(path, info, start), _CHUNK))


class _Member(io.RawIOBase):
    """What both kinds of members share: a position, and the check sum of what has been read from the start."""

    def __init__(self, path: Path, info: zipfile.ZipInfo, start: int) -> None:
        super().__init__()
        self._file = path.open("rb")
        self._info, self._start, self._position = info, start, 0
        self._summed, self._crc = 0, 0
        self._file.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.file_size}[whence]
        self._go_to(min(max(0, base + offset), self._info.file_size))
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._info.file_size - self._position)
        data = self._next(wanted) if wanted else b""
        if wanted and not data:
            raise self._wrong("ends before it has the size that it declares")
        buffer[: len(data)] = data
        return len(data)

    def _go_to(self, position: int) -> None:
        raise NotImplementedError

    def _next(self, wanted: int) -> bytes:
        """Return at least one byte and at most so many; none where there are none left."""
        raise NotImplementedError

    def _passed(self, data: bytes) -> bytes:
        """Count what has been read; at the end, hold all of it against what is declared."""
        if self._position == self._summed:
            self._crc = zlib.crc32(data, self._crc)
            self._summed += len(data)
        self._position += len(data)
        if self._summed == self._info.file_size == self._position and self._crc != self._info.CRC:
            raise self._wrong("does not have the check sum that it declares")
        return data

    def _wrong(self, what: str) -> zipfile.BadZipFile:
        return zipfile.BadZipFile(f"{self._info.filename[-80:]!a} {what}")


class _Stored(_Member):
    """A member that is not packed."""

    def _go_to(self, position: int) -> None:
        self._file.seek(self._start + position)
        self._position = position

    def _next(self, wanted: int) -> bytes:
        return self._passed(self._file.read(wanted))


class _Deflated(_Member):
    """A packed member: to go back in it, it is read again from its start."""

    def __init__(self, path: Path, info: zipfile.ZipInfo, start: int) -> None:
        super().__init__(path, info, start)
        self._restart()

    def _restart(self) -> None:
        self._file.seek(self._start)
        self._left, self._pending = self._info.compress_size, b""
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self._position = self._summed = self._crc = 0

    def _go_to(self, position: int) -> None:
        if position < self._position:
            self._restart()
        while self._position < position:
            if not self._next(min(_CHUNK, position - self._position)):
                raise self._wrong("ends before it has the size that it declares")

    def _next(self, wanted: int) -> bytes:
        data = self._passed(self._inflate(wanted))
        if self._position == self._info.file_size:
            if self._inflate(1) or self._left or self._inflater.unused_data:
                raise self._wrong(f"holds more than the {self._info.file_size} bytes that it declares")
            if not self._inflater.eof:
                raise self._wrong("breaks off")
        return data

    def _inflate(self, wanted: int) -> bytes:
        """Return at least one byte and at most so many; none where the packed data end."""
        while not self._inflater.eof:
            packed = self._pending or self._file.read(min(_CHUNK, self._left))
            self._left -= 0 if self._pending else len(packed)
            data = self._inflater.decompress(packed, wanted)
            self._pending = self._inflater.unconsumed_tail
            # Without input there may still be output to come: a match is up to 258 bytes long.
            if data or not packed:
                return data
        return b""
