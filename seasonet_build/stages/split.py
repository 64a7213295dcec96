"""Deal locations to training, validation and test sets."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seasonet_build.errors import DataError
from seasonet_build.model.layout import SPLITS, DatasetLayout
from seasonet_build.storage import write_text

_NEEDED = ["Index", "Grid", "Latitude", "Longitude"]


def split_dataset(layout: DatasetLayout, shares: Mapping[str, float], seed: int) -> dict[str, int]:
    """Write ``splits/train.csv``, ``val.csv`` and ``test.csv``: the indices of the samples, one per line, ascending.

    All images of a location go to the same set; of each grid's locations every set gets its share, to the nearest
    whole number. The deal depends on the locations, the shares and the seed alone, not on the order of rows.

    Returns:
        The number of samples in each set.

    Raises:
        DataError: ``meta.csv`` is missing, or its Index is not the row number.
    """
    meta = read_meta(layout.meta_csv)
    locations = meta[["Grid", "Latitude", "Longitude"]].drop_duplicates().sort_values(["Grid", "Latitude", "Longitude"])
    sides = assign_locations(locations["Grid"].to_numpy(), shares, seed)
    dealt = meta.merge(locations.assign(side=sides), on=["Grid", "Latitude", "Longitude"], how="left")
    sizes = {}
    for number, split in enumerate(SPLITS):
        indices = np.flatnonzero(dealt["side"].to_numpy() == number)
        write_text(layout.split_file(split), "".join(f"{i}\n" for i in indices))
        sizes[split] = len(indices)
    return sizes


def assign_locations(grids: NDArray[np.int64], shares: Mapping[str, float], seed: int) -> NDArray[np.int64]:
    """Return for each location the position of its set in SPLITS.

    Args:
        grids: the grid of each location, shape (n,), in an order that does not change from run to run.
        shares: share of ``train``, ``val`` and ``test``; they add up to 1.
        seed: seed of the random deal.
    """
    sides = np.empty(len(grids), dtype=np.int64)
    for grid in np.unique(grids):
        members = np.flatnonzero(grids == grid)
        random = np.random.default_rng([seed, int(grid)])
        counts = whole_shares(len(members), [shares[split] for split in SPLITS])
        sides[random.permutation(members)] = np.repeat(np.arange(len(SPLITS)), counts)
    return sides


def whole_shares(total: int, shares: list[float]) -> list[int]:
    """Return whole numbers that add up to ``total``, each the share's part rounded down or up (largest remainder)."""
    exact = [total * share for share in shares]
    # Tiny errors of binary fractions must not turn 70 of 100 into 69.
    counts = [int(part + 1e-9) for part in exact]
    by_remainder = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def require_meta(path: Path) -> None:
    """Check that there is a ``meta.csv``.

    Raises:
        DataError: there is none.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run 'seasonet-build patchify' first")


def read_meta(path: Path, needed: Sequence[str] = _NEEDED) -> pd.DataFrame:
    """Read ``meta.csv`` with coordinates as text.

    Raises:
        DataError: the file is missing, lacks a needed column, or its Index is not the row number.
    """
    require_meta(path)
    try:
        meta = pd.read_csv(path, dtype={"Latitude": str, "Longitude": str, "Classes": str})
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from None
    missing = [column for column in needed if column not in meta.columns]
    if missing:
        raise DataError(f"{path}: lacks column {missing[0]}")
    if not np.array_equal(meta["Index"].to_numpy(), np.arange(len(meta))):
        raise DataError(f"{path}: Index is not the row number")
    return meta
