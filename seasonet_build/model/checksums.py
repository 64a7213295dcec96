"""Check sums of a dataset: a table with a row for each patch, and a list of the other files.

The table (``checksums.parquet``) has the columns ``path``, the patch folder, and for each file of a patch three more,
named after the file's suffix: ``20m_bytes`` (size), ``20m_sha256`` (of the file) and ``20m_crc32`` (of its pixels).
The pixels' check sum is CRC-32 over the samples as little-endian numbers, row by row, the bands of a pixel side by
side: it stays the same where another version of a library compresses the same pixels to other bytes.

The list (``SHA256SUMS``) is in the format of ``sha256sum``. Its last line, a comment, is the check sum of the others.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import pyarrow as pa

from seasonet_build.errors import DataError

_BYTES, _SHA256, _CRC32 = "_bytes", "_sha256", "_crc32"
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")
_SELF = "# sha256 of the lines above: "


def record_schema(suffixes: Sequence[str]) -> pa.Schema:
    """Return the schema of a table of patches that have a file of each suffix, such as ``10m_RGB``."""
    fields = [pa.field("path", pa.string(), nullable=False)]
    for suffix in suffixes:
        fields.append(pa.field(suffix + _BYTES, pa.int32(), nullable=False))
        fields.append(pa.field(suffix + _SHA256, pa.binary(32), nullable=False))
        fields.append(pa.field(suffix + _CRC32, pa.uint32(), nullable=False))
    return pa.schema(fields)


def suffixes_of(schema: pa.Schema) -> list[str]:
    """Return the suffixes of the files that a table of patches has columns for.

    Raises:
        DataError: it is no such table.
    """
    suffixes = [name.removesuffix(_BYTES) for name in schema.names if name.endswith(_BYTES)]
    if not suffixes or not schema.equals(record_schema(suffixes)):
        raise DataError("is not a table of check sums")
    return suffixes


def sums_text(digests: Mapping[str, str]) -> str:
    """Return the list of files, sorted: SHA-256 in hex by path relative to the dataset, with ``/``."""
    lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))
    return f"{lines}{_SELF}{_digest(lines)}\n"


def parse_sums(text: str) -> dict[str, str]:
    """Return what :func:`sums_text` was given.

    Raises:
        DataError: the list is damaged.
    """
    lines, mark, digest = text.rpartition(_SELF)
    if not mark or digest != f"{_digest(lines)}\n":
        raise DataError("does not match its own last line")
    matches = [_LINE.fullmatch(line) for line in lines.split("\n")[:-1]]
    if None in matches:
        raise DataError("is not a list of check sums")
    return {match[2]: match[1] for match in matches if match is not None}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
