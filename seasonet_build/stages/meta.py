"""Read ``meta.csv`` as it stands."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from seasonet_build.errors import DataError

_NEEDED = ["Index", "Grid", "Latitude", "Longitude"]


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
