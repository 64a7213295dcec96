"""Writing files so that they are either the old ones or the whole new ones, and telling files apart by content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


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
