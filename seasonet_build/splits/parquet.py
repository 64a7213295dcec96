"""Read what splits use of ``meta.parquet``: the pixels of classes, and classes at other levels."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.splits.balance import Columns

PATCH_PIXELS = 120 * 120
_BATCH = 65_536


def read_parquet(
    layout: DatasetLayout, n: int, first: NDArray[np.int64], balance: Sequence[str]
) -> tuple[NDArray[np.int32], list[Columns]]:
    """Return what ``meta.parquet`` knows of some rows beyond ``meta.csv``: pixels of each class, and levels by name.

    Zeros if there is none, as in the published dataset.

    Args:
        layout: where the dataset lies.
        n: number of rows of ``meta.csv``.
        first: the rows that are wanted.
        balance: with ``levels``, the classes at the levels medium and easy are wanted too.

    Raises:
        DataError: the file is damaged, of another table, or missing though levels are wanted.
    """
    file = layout.meta_parquet
    names = ["classes_medium", "classes_easy"] if "levels" in balance else []
    pixels = np.zeros((len(first), N_CLASSES), dtype=np.int32)
    levels = [np.zeros((len(first), N_CLASSES), dtype=np.float32) for _ in names]
    if not file.is_file():
        if names:
            raise DataError(f"{file}: no such file, which split.balance = 'levels' needs")
        return pixels, levels
    order = np.argsort(first)
    ascending, start = first[order], 0
    try:
        source = pq.ParquetFile(file)
        if source.metadata.num_rows != n:
            rows = source.metadata.num_rows
            raise DataError(f"{file}: does not belong to {layout.meta_csv.name}: it has {rows} rows, not {n}")
        # By batches: the shares of all rows at once are half a gigabyte.
        for batch in source.iter_batches(_BATCH, columns=["class_shares", *names]):
            begin, end = np.searchsorted(ascending, [start, start + len(batch)])
            members = order[begin:end]
            own = first[members] - start
            shares = batch["class_shares"].flatten().to_numpy().reshape(len(batch), N_CLASSES)
            pixels[members] = np.rint(shares[own] * PATCH_PIXELS)
            for level, name in zip(levels, names, strict=True):
                level[members] = _present(batch[name])[own]
            start += len(batch)
    except (pa.ArrowException, OSError, KeyError, ValueError, IndexError) as error:
        raise DataError(f"{file}: cannot be read: {(str(error) or repr(error)).splitlines()[0]}") from None
    return pixels, levels


def _present(lists: pa.ListArray) -> Columns:
    """Return which labels each list has, shape (lists, 33)."""
    present = np.zeros((len(lists), N_CLASSES), dtype=np.float32)
    rows = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy())
    present[rows, lists.flatten().to_numpy() - 1] = 1
    return present
