"""Check ``meta.csv``: each row agrees with its path, and rows agree with each other; and ``meta.parquet`` with it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from seasonet_build.model.classes import N_CLASSES
from seasonet_build.model.layout import DatasetLayout
from seasonet_build.model.seasons import SEASONS
from seasonet_build.splits.dataset import location_key
from seasonet_build.stages.describe import META_COLUMNS
from seasonet_build.verify.findings import Findings
from seasonet_build.verify.names import MICRO, Flags, Ints, PatchNames, read_names

_OFTEN = ("Season", "Grid", "Satellite", "Year", "Month", "Day", "Hour", "Minute", "Second")
_OFTEN_TOO = ("Clouds", "Snow", "Classes", "SLRAUM", "RTYP3", "KTYP4")
"""Columns in which the same texts occur again and again."""

_SATELLITES = ("A", "B", "C", "D")
_TYPES = ("SLRAUM", "RTYP3", "KTYP4")


@dataclass(frozen=True)
class Meta:
    """The rows of ``meta.csv``, arrays of length n.

    Attributes:
        paths: the column Path, strings.
        classes: the column Classes, strings as a dictionary array.
        names: what the paths say.
        key: a number for each location (see :func:`location_key`).
        season: position of the season set in SEASONS.
        sound: whether paths, and the columns that say the same, can be believed in every row.
    """

    paths: pa.Array
    classes: pa.DictionaryArray
    names: PatchNames
    key: Ints
    season: Ints
    sound: bool

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.paths)


def read_table(layout: DatasetLayout, findings: Findings) -> Meta | None:
    """Read and check ``meta.csv``; None: it cannot be read or lacks a column."""
    table = _read_csv(layout.meta_csv, findings)
    if table is None:
        return None
    paths = _flat(table["Path"])
    names = read_names(paths)
    checks = _Rows(layout.meta_csv.name, findings)
    _check_names(checks, table, paths, names)
    sound = not checks.failed
    key = location_key(_ints(names.parts["grid"]), names.latitude, names.longitude)
    season = _ints(pc.index_in(names.parts["season"], value_set=pa.array([s.value for s in SEASONS])))
    classes = _flat(table["Classes"].unify_dictionaries())
    _check_values(checks, table)
    _check_classes(checks, classes, key if sound else None)
    return Meta(paths, classes, names, key, season, sound)


def check_parquet(layout: DatasetLayout, meta: Meta, findings: Findings) -> None:
    """Check that ``meta.parquet`` has the rows of ``meta.csv``."""
    name = layout.meta_parquet.name
    try:
        source = pq.ParquetFile(layout.meta_parquet)
        rows = source.metadata.num_rows
        if rows != len(meta):
            findings.wrong(name, f"has {rows} rows, {layout.meta_csv.name} has {len(meta)}")
            return
        paths = _flat(source.read(columns=["Path"])["Path"])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        findings.altered(name, f"cannot be read: {(str(error) or repr(error)).splitlines()[0]}")
        return
    differ = np.flatnonzero(~_flags(pc.equal(pc.cast(paths, pa.string()), meta.paths)))
    if len(differ):
        findings.wrong(name, f"{_rows_text(differ)}: Path is not that of {layout.meta_csv.name}")


class _Rows:
    """Collects what is wrong with rows: one problem for each check, with the first row and the number of others."""

    def __init__(self, name: str, findings: Findings) -> None:
        self._name, self._findings = name, findings
        self.failed = False

    def refuse(self, wrong: Flags, reason: str) -> None:
        rows = np.flatnonzero(wrong)
        if len(rows):
            self.failed = True
            self._findings.wrong(self._name, f"{_rows_text(rows)}: {reason}")


def _read_csv(file: Path, findings: Findings) -> pa.Table | None:
    text = dict.fromkeys(META_COLUMNS, pa.string())
    # As texts of their own, the columns of all rows would need more than a gigabyte.
    text |= dict.fromkeys((*_OFTEN, *_OFTEN_TOO), pa.dictionary(pa.int32(), pa.string()))
    options = pyarrow.csv.ConvertOptions(column_types=text, include_columns=META_COLUMNS, strings_can_be_null=False)
    try:
        with pyarrow.csv.open_csv(file) as reader:
            header = reader.schema.names
        lacking = [name for name in META_COLUMNS if name not in header]
        if lacking:
            findings.wrong(file.name, f"lacks column {', '.join(lacking)}")
            return None
        return pyarrow.csv.read_csv(file, convert_options=options)
    except (pa.ArrowException, OSError, ValueError) as error:
        findings.altered(file.name, f"cannot be read: {str(error).splitlines()[0]}")
        return None


def _check_names(checks: _Rows, table: pa.Table, paths: pa.Array, names: PatchNames) -> None:
    """Check that columns and paths agree; nothing is said of other columns where a path says nothing."""
    n, known = len(paths), names.valid
    parts = names.parts
    numbers = pc.cast(pa.array(np.arange(n)), pa.string())
    checks.refuse(~_flags(pc.equal(table["Index"], numbers)), "Index is not the row number")
    checks.refuse(~known, "Path is not that of a patch")
    once = pc.dictionary_encode(paths)
    first = np.zeros(n, dtype=bool)
    first[np.unique(once.indices.to_numpy(), return_index=True)[1]] = True
    checks.refuse(~first, "Path is that of another row too")
    for column, part in (("Season", pc.utf8_capitalize(parts["season"])), ("Grid", parts["grid"])):
        checks.refuse(known & ~_same(table[column], part), f"{column} is not that in Path")
    for column, degrees in (("Latitude", names.latitude), ("Longitude", names.longitude)):
        stated = _numbers(table[column])
        checks.refuse(known & ~(abs(stated * MICRO - degrees) < 0.5), f"{column} is not that in Path")
    for columns, part in ((("Year", "Month", "Day"), "date"), (("Hour", "Minute", "Second"), "time")):
        texts = [_flat(pc.cast(table[column], pa.string())) for column in columns]
        joined = pc.binary_join_element_wise(*texts, "")
        checks.refuse(known & ~_same(joined, parts[part]), f"{', '.join(columns)} are not those in Path")


def _check_values(checks: _Rows, table: pa.Table) -> None:
    checks.refuse(~_in_distinct(table["Satellite"], lambda text: text in _SATELLITES), "Satellite is unknown")
    for column in ("Clouds", "Snow"):
        stated = _numbers(table[column])
        checks.refuse(~((stated >= 0) & (stated <= 100)), f"{column} is no percentage")
    for column in _TYPES:
        known = _in_distinct(table[column], lambda text: text == "" or (text.isascii() and text.isdigit()))
        checks.refuse(~known, f"{column} is no number")


def _check_classes(checks: _Rows, classes: pa.DictionaryArray, key: Ints | None) -> None:
    """Check lists of labels; those of a location must agree, if locations are known."""
    codes, texts = classes.indices.to_numpy().astype(np.int64), classes.dictionary.to_pylist()
    known = np.array([_is_list_of_labels(text) for text in texts], dtype=bool)
    checks.refuse(~known[codes], f"Classes are not labels of 1 to {N_CLASSES}, ascending")
    if key is not None and len(key):
        _, first, of_row = np.unique(key, return_index=True, return_inverse=True)
        checks.refuse(codes != codes[first][of_row], "Classes are not those of other images of the location")


def _is_list_of_labels(text: str) -> bool:
    parts = text.split(",") if text else []
    if not all(part.isascii() and part.isdigit() and part == str(int(part)) for part in parts):
        return False
    labels = [int(part) for part in parts]
    return labels == sorted(set(labels)) and all(1 <= label <= N_CLASSES for label in labels)


def _rows_text(rows: Ints) -> str:
    more = len(rows) - 1
    return f"row {rows[0]}" + (f" and {more} more" if more else "")


def _flat(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(flat, pa.ChunkedArray):
        return flat.chunk(0) if flat.num_chunks else pa.array([], type=flat.type)
    return flat


def _flags(values: pa.Array | pa.ChunkedArray) -> Flags:
    """Return truth values; null is false."""
    flags: Flags = pc.fill_null(_flat(values), False).to_numpy(zero_copy_only=False).astype(bool)
    return flags


def _same(column: pa.ChunkedArray | pa.Array, part: pa.Array) -> Flags:
    return _flags(pc.equal(pc.cast(column, pa.string()), part))


def _ints(values: pa.Array) -> Ints:
    numbers: Ints = pc.cast(pc.fill_null(pc.cast(values, pa.int64()), 0), pa.int64()).to_numpy()
    return numbers


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return a column as numbers, NaN where it is none."""
    texts = pc.cast(column, pa.string())
    try:
        numbers = pc.cast(texts, pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        numbers = pd.to_numeric(texts.to_pandas(), errors="coerce").to_numpy(float)
    return np.asarray(numbers, dtype=np.float64)


def _in_distinct(column: pa.ChunkedArray, said: Callable[[str], bool]) -> Flags:
    """Tell for each text of a dictionary column what a function says of it."""
    whole = _flat(column.unify_dictionaries())
    told = np.array([said(text) for text in whole.dictionary.to_pylist()], dtype=bool)
    return told[whole.indices.to_numpy()] if len(whole) else np.zeros(0, dtype=bool)
