"""Labelled patches, which models are trained on and evaluated with, and the tables they come from."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.clouds.features import FEATURES, FEATURES_VERSION
from seasonet_build.errors import DataError

CANDIDATES: pa.Schema = pa.schema(
    [
        ("id", pa.string()),  # <scene>/<grid>/<row>/<col>
        ("scene", pa.string()),
        ("tile", pa.string()),
        ("date", pa.string()),  # of the datatake, YYYY-MM-DD
        ("grid", pa.int8()),
        ("row", pa.int16()),
        ("col", pa.int16()),
        ("part", pa.string()),
        ("cloud", pa.float64()),  # shares of the scene classification, 0..1; null: not known
        ("snow", pa.float64()),
        *((name, pa.float64()) for name in FEATURES),
    ],
    metadata={"features": str(FEATURES_VERSION)},
)
"""The table of candidates that ``clouds label`` writes beside the page."""

PARTS = ("near", "uniform")
"""How a candidate was drawn: near the screen's threshold, or uniformly. Only the latter may estimate recall."""

LABELS = ("cloudy", "clear", "unsure")
"""What can be said of a patch."""

LABELS_HEADER = ("id", "part", "label")
"""The columns of the CSV that the page gives; patches without a label are not in it."""


@dataclass(frozen=True)
class Examples:
    """Patches known to be cloudy or clear, n of them.

    ``dates``: days of the datatakes, YYYY-MM-DD. ``uniform``: drawn uniformly, shape (n,). ``cloudy``: shape (n,).
    ``features``: shape (n, len(FEATURES)), NaN: not known. ``source``: where they come from, for reports.
    """

    ids: tuple[str, ...]
    dates: tuple[str, ...]
    tiles: tuple[str, ...]
    uniform: NDArray[np.bool_]
    cloudy: NDArray[np.bool_]
    features: NDArray[np.float64]
    source: str

    def __len__(self) -> int:
        """Return the number of patches."""
        return len(self.ids)

    def take(self, positions: Iterable[int]) -> "Examples":
        """Return the examples at some positions, in that order."""
        chosen = np.array([*positions], dtype=np.int64)
        ids, dates, tiles = (tuple(texts[i] for i in chosen) for texts in (self.ids, self.dates, self.tiles))
        uniform, cloudy, features = self.uniform[chosen], self.cloudy[chosen], self.features[chosen]
        return Examples(ids, dates, tiles, uniform, cloudy, features, self.source)

    def by_id(self) -> "Examples":
        """Return the examples in the order of their ids."""
        return self.take(sorted(range(len(self)), key=self.ids.__getitem__))


def read_examples(candidates: Path, labels: Path) -> Examples:
    """Read candidates and what was said of them; those that nobody was sure of are left out.

    Args:
        candidates: the table beside the page (CANDIDATES).
        labels: the CSV out of the page.

    Raises:
        DataError: a file is missing or not what it should be, or the two do not belong together.
    """
    table = _read_candidates(candidates)
    ids, parts = table["id"].to_pylist(), table["part"].to_pylist()
    places = {name: i for i, name in enumerate(ids)}
    said = _read_labels(labels)
    for name, (part, _label) in said.items():
        if name not in places:
            raise DataError(f"{labels}: {name} is not in {candidates}: give the table that was written with the page")
        if part != parts[places[name]]:
            raise DataError(f"{labels}: {name} is of part {part}, in {candidates} of part {parts[places[name]]}")
    sure = [(places[name], label == "cloudy") for name, (_part, label) in said.items() if label != "unsure"]
    if not sure:
        raise DataError(f"{labels}: has no patch labelled cloudy or clear: label some on the page")
    rows = [row for row, _cloudy in sure]
    kept = table.take(rows)
    return Examples(
        ids=tuple(ids[row] for row in rows),
        dates=tuple(kept["date"].to_pylist()),
        tiles=tuple(kept["tile"].to_pylist()),
        uniform=np.array([parts[row] == "uniform" for row in rows]),
        cloudy=np.array([cloudy for _row, cloudy in sure]),
        features=_read_features(kept, candidates),
        source=labels.name,
    )


def _read_candidates(path: Path) -> pa.Table:
    """Read the table of candidates; every id is there once, dates and parts are what they should be."""
    advice = "give a table that `clouds label` wrote"
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({_first_line(error)}): {advice}") from None
    version = (table.schema.metadata or {}).get(b"features", b"").decode(errors="replace")
    if not version:
        raise DataError(f"{path}: is no table of candidates: {advice}")
    if version != str(FEATURES_VERSION):
        raise DataError(
            f"{path}: has features of version {version}, this program makes version {FEATURES_VERSION}: "
            "run `clouds label` again"
        )
    missing = [name for name in CANDIDATES.names if name not in table.column_names]
    if missing:
        raise DataError(f"{path}: lacks the column {missing[0]}: {advice}")
    try:
        table = table.select(CANDIDATES.names).cast(CANDIDATES)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(f"{path}: a column is of another type ({_first_line(error)}): {advice}") from None
    for name in ("id", "tile", "date", "part"):
        if table[name].null_count:
            raise DataError(f"{path}: a row has no {name}: {advice}")
    _check_candidates(path, *(table[name].to_pylist() for name in ("id", "date", "part")))
    return table


def _check_candidates(path: Path, ids: Sequence[str], dates: Sequence[str], parts: Sequence[str]) -> None:
    if len({*ids}) != len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise DataError(f"{path}: {twice} is there more than once")
    for day in sorted({*dates}):
        if not _is_date(day):
            raise DataError(f"{path}: {day!r} is no date of the form YYYY-MM-DD")
    unknown = {*parts} - {*PARTS}
    if unknown:
        raise DataError(f"{path}: {min(unknown)!r} is not one of the parts {', '.join(PARTS)}")


def _read_labels(path: Path) -> dict[str, tuple[str, str]]:
    """Return part and label of each patch in the CSV."""
    said: dict[str, tuple[str, str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file, strict=True)
            if tuple(next(lines, ())) != LABELS_HEADER:
                raise DataError(f"{path}: does not begin with the line {','.join(LABELS_HEADER)}: give the page's CSV")
            for row in lines:
                if not row:
                    continue
                where = f"{path}: line {lines.line_num}"
                if len(row) != len(LABELS_HEADER):
                    raise DataError(f"{where} has {len(row)} values, not {len(LABELS_HEADER)}")
                name, part, label = row
                if label not in LABELS:
                    raise DataError(f"{where}: {label!r} is not one of {', '.join(LABELS)}")
                if said.setdefault(name, (part, label)) != (part, label):
                    raise DataError(f"{where}: {name} was {' '.join(said[name])} before, here {part} {label}: keep one")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no CSV in UTF-8 ({_first_line(error)}): give the page's CSV") from None
    return said


def _read_features(table: pa.Table, path: Path) -> NDArray[np.float64]:
    """Return the features, shape (n, len(FEATURES)); null becomes NaN."""
    columns = [table[name].combine_chunks().to_numpy(zero_copy_only=False) for name in FEATURES]
    features = np.column_stack(columns).astype(np.float64)
    endless = np.isinf(features).any(axis=0)
    if endless.any():
        raise DataError(f"{path}: {[*FEATURES][int(endless.argmax())]} is infinite in a row")
    return features


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
