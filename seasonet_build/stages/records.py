"""The record of patches that were cut: a table with size and check sums of each of their files."""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.checksums import record_schema, suffixes_of

SIZE = "{}_bytes"
_UNREADABLE = "{}: cannot be read as a record of patches: {}"


class Recorder:
    """Takes down the files of n patches while they are written, one kind after the other."""

    def __init__(self, paths: Sequence[str]) -> None:
        """``paths`` are the folders of the patches, relative to the dataset."""
        self._paths = paths
        self._columns: dict[str, tuple[list[int], list[bytes], list[int]]] = {}

    def add(self, suffix: str, position: int, size: int, sha256: bytes, pixels: NDArray[Any]) -> None:
        """Take down the file of one patch; ``pixels`` has shape (height, width, bands)."""
        n = len(self._paths)
        columns = self._columns.setdefault(suffix, ([0] * n, [b""] * n, [0] * n))
        columns[0][position], columns[1][position], columns[2][position] = size, sha256, pixel_crc(pixels)

    def table(self) -> pa.Table:
        """Return the record, schema ``record_schema``; patches in the order given."""
        columns = [column for kind in self._columns.values() for column in kind]
        schema = record_schema(list(self._columns))
        arrays = [pa.array(values, field.type) for values, field in zip((self._paths, *columns), schema, strict=True)]
        return pa.Table.from_arrays(arrays, schema=schema)


def pixel_crc(pixels: NDArray[Any]) -> int:
    """Return the check sum of an image of shape (height, width, bands); see model.checksums."""
    little_endian = pixels.astype(pixels.dtype.newbyteorder("<"), copy=False)
    return zlib.crc32(np.ascontiguousarray(little_endian).data)


def read_record(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a record, or some of its columns.

    Raises:
        DataError: the file is missing, or is none.
    """
    _suffixes(path)
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns))
    except (OSError, pa.ArrowException) as error:
        raise DataError(_UNREADABLE.format(path, error)) from None


def _suffixes(path: Path) -> list[str]:
    """Return the suffixes of the files that a record tells of."""
    try:
        return suffixes_of(pq.read_schema(path).remove_metadata())
    except (OSError, pa.ArrowException, DataError) as error:
        raise DataError(_UNREADABLE.format(path, error)) from None


def standing(path: Path, root: Path) -> NDArray[np.bool_]:
    """Tell of each patch of a record whether all its files are below ``root``, with the sizes they had.

    Raises:
        DataError: see :func:`read_record`.
    """
    record = read_record(path, ["path", *(SIZE.format(suffix) for suffix in _suffixes(path))])
    names = record.column_names[1:]
    ends = [f"_{name.removesuffix(SIZE.format(''))}.tif" for name in names]
    sizes = np.column_stack([record[name].to_numpy() for name in names]).tolist()
    folders = record["path"].to_pylist()
    return np.fromiter(map(_stands, (f"{root}/{f}" for f in folders), sizes, [ends] * len(sizes)), bool, len(sizes))


def _stands(folder: str, sizes: Sequence[int], ends: Sequence[str]) -> bool:
    # Plain strings and calls: a full dataset has nine million files.
    prefix = f"{folder}/{folder[folder.rindex('/') + 1 :]}"
    try:
        return all(os.stat(prefix + end).st_size == size for end, size in zip(ends, sizes, strict=True))  # noqa: PTH116
    except OSError:
        return False


def merged(paths: Sequence[str], records: Sequence[pa.Table]) -> pa.Table:
    """Return one record of the patches named, in this order, each from one of several records of one schema.

    Raises:
        DataError: a patch is in none of them.
    """
    whole = pa.concat_tables(records)
    places = {path: position for position, path in enumerate(whole["path"].to_pylist())}
    missing = next((path for path in paths if path not in places), None)
    if missing is not None:
        raise DataError(f"no record tells of {missing}; delete the folder 'patches' of the workspace and run again")
    return whole.take(pa.array([places[path] for path in paths], pa.int64())).combine_chunks()
