"""Writing files so that they are either the old ones or the whole new ones, and telling files apart by content."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""Of Linux' <fcntl.h> and <linux/fs.h>."""


@dataclass(frozen=True)
class WrittenFile:
    """A file that was written: path, size in bytes, SHA-256 of its content in hex."""

    path: Path
    size: int
    sha256: str


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on leaving without an error it takes the place of ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays the last part of the name: GDAL goes by it.
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def exchange(one: str | Path, other: str | Path) -> bool:
    """Let two files or folders on one file system take each other's place in one step.

    Returns:
        False if this system or file system cannot do that; nothing has happened then. Linux can, with most of its own
        file systems (renameat2 with RENAME_EXCHANGE).

    Raises:
        OSError: one of the two is not there, or may not be moved.
    """
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@cache
def _renameat2() -> Any:
    """Return the C library's function, None if it has none."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return function


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, lines ending as given."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet."""
    import pyarrow.parquet as pq

    with replacing(path) as part:
        pq.write_table(table, part, compression="zstd")


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Read a table that was written with this schema."""
    import pyarrow.parquet as pq

    return pq.read_table(path).cast(schema)


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_LEAST_ROOM = 1 << 20


def is_disk_full(error: BaseException, folders: Iterable[Path]) -> bool:
    """Tell whether an error came from a full disk.

    Libraries that write by other means than Python's do not say so: then it is one if there is no room in one of the
    folders.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _NO_ROOM
    return "No space left" in str(error) or any(free_room(folder) < _LEAST_ROOM for folder in folders)


def free_room(folder: Path) -> int:
    """Return how many bytes may be written below a folder, which need not be there yet."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    found = os.statvfs(there)
    return found.f_bavail * found.f_frsize


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def written_file(path: Path) -> WrittenFile:
    """Return size and SHA-256 of a file that is there."""
    return WrittenFile(path, path.stat().st_size, file_digest(path))


def text_digest(*parts: str) -> str:
    """Return the SHA-256 over some texts, in hex; where one ends and the next begins counts."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
