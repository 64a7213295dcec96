"""Reading labelled patches: what the page wrote comes back, anything else is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seasonet_build.clouds.examples import CANDIDATES, read_examples
from seasonet_build.clouds.features import FEATURES, FEATURES_VERSION
from seasonet_build.errors import DataError
from tests.clouds.synthetic import COLUMN, examples, write

GIVEN = examples(40)
FIRST, SECOND = GIVEN.ids[:2]


def test_what_was_labelled_comes_back(tmp_path: Path) -> None:
    found = read_examples(*write(GIVEN, tmp_path))
    assert (found.ids, found.dates, found.tiles) == (GIVEN.ids, GIVEN.dates, GIVEN.tiles)
    assert np.array_equal(found.features, GIVEN.features, equal_nan=True)
    assert np.array_equal(found.uniform, GIVEN.uniform) and np.array_equal(found.cloudy, GIVEN.cloudy)
    assert found.source == "labels.csv"


def test_patches_that_nobody_was_sure_of_or_looked_at_are_left_out(tmp_path: Path) -> None:
    candidates, labels = write(GIVEN, tmp_path, unsure=5)
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:21]))
    assert read_examples(candidates, labels).ids == GIVEN.ids[5:20]


def test_csv_of_other_systems_is_read(tmp_path: Path) -> None:
    candidates, labels = write(GIVEN, tmp_path)
    lines = labels.read_text().splitlines()
    labels.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([lines[0], *lines[:0:-1], lines[1], ""]).encode())
    assert read_examples(candidates, labels).ids == GIVEN.ids[::-1]


def test_the_feature_that_is_not_known_is_nan(tmp_path: Path) -> None:
    candidates, labels = write(GIVEN, tmp_path)
    table = pq.read_table(candidates)
    none = pa.nulls(len(GIVEN), pa.float64())
    pq.write_table(table.set_column(table.column_names.index("scl_snow"), "scl_snow", none), candidates)
    found = read_examples(candidates, labels)
    assert np.isnan(found.features[:, COLUMN["scl_snow"]]).all()


def line(name: str, label: str, part: str | None = None) -> str:
    here = "uniform" if GIVEN.uniform[GIVEN.ids.index(name)] else "near"
    return f"{name},{part or here},{label}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "does not begin with"),
        (line(FIRST, "cloudy"), "does not begin with"),
        ("id,label\n", "does not begin with"),
        ("id,part,label\n", "no patch labelled"),
        ("id,part,label\n" + line(FIRST, "unsure"), "no patch labelled"),
        ("id,part,label\nscene/1/2/3,uniform,clear\n", "scene/1/2/3 is not in"),
        ("id,part,label\n" + line(FIRST, "Cloudy"), "line 2: 'Cloudy' is not one of"),
        ("id,part,label\n" + line(FIRST, "clear") + f"{SECOND},uniform\n", "line 3 has 2 values"),
        ("id,part,label\n" + line(FIRST, "clear") + line(FIRST, "cloudy"), "line 3: .* was .* clear before"),
        ("id,part,label\n" + line(FIRST, "clear", "other"), "is of part other"),
        ('id,part,label\n"' + FIRST, "is no CSV"),
        ("id,part,label\n\udc80", "is no CSV"),
    ],
)
def test_labels_that_are_not_the_pages_are_refused(tmp_path: Path, text: str, says: str) -> None:
    candidates, labels = write(GIVEN, tmp_path)
    labels.write_bytes(text.encode(errors="surrogateescape"))
    refused(candidates, labels, labels, says)


def without_features_version(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata(None)


def of_another_version(table: pa.Table) -> pa.Table:
    return table.replace_schema_metadata({"features": str(FEATURES_VERSION + 1)})


def with_column(name: str, value: object, dtype: pa.DataType | None = None) -> Callable[[pa.Table], pa.Table]:
    def alter(table: pa.Table) -> pa.Table:
        column = pa.array([value] * len(table), dtype)
        return table.set_column(table.column_names.index(name), name, column)

    return alter


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (without_features_version, "is no table of candidates"),
        (of_another_version, f"features of version {FEATURES_VERSION + 1}"),
        (lambda table: table.drop_columns(["ndsi_p50"]), "lacks the column ndsi_p50"),
        (lambda table: pa.concat_tables([table, table.slice(3, 1)]), f"{GIVEN.ids[3]} is there more than once"),
        (with_column("date", "20190120"), "'20190120' is no date"),
        (with_column("date", "2019-02-30"), "'2019-02-30' is no date"),
        (with_column("tile", None, pa.string()), "a row has no tile"),
        (with_column("part", "all"), "'all' is not one of the parts"),
        (with_column("b11_p05", "much"), "a column is of another type"),
        (with_column("b11_p05", float("inf")), "b11_p05 is infinite"),
    ],
)
def test_tables_that_are_not_the_pages_are_refused(
    tmp_path: Path, alter: Callable[[pa.Table], pa.Table], says: str
) -> None:
    candidates, labels = write(GIVEN, tmp_path)
    pq.write_table(alter(pq.read_table(candidates)), candidates)
    refused(candidates, labels, candidates, says)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    candidates, labels = write(GIVEN, tmp_path)
    refused(tmp_path / "missing.parquet", labels, tmp_path / "missing.parquet", "cannot be read as Parquet")
    refused(labels, labels, labels, "cannot be read as Parquet")
    refused(tmp_path / "empty", labels, tmp_path / "empty", "cannot be read as Parquet")
    refused(candidates, tmp_path, tmp_path, "cannot be read")
    refused(candidates, tmp_path / "missing.csv", tmp_path / "missing.csv", "cannot be read")
    refused(candidates, candidates, candidates, "is no CSV")
    candidates.write_bytes(candidates.read_bytes()[:-20])
    refused(candidates, labels, candidates, "cannot be read as Parquet")


def refused(candidates: Path, labels: Path, named: Path, says: str) -> None:
    with pytest.raises(DataError, match=says) as error:
        read_examples(candidates, labels)
    assert str(error.value).startswith(f"{named}: ") and "\n" not in str(error.value)


def test_examples_are_taken_by_position() -> None:
    assert GIVEN.take([3, 1]).ids == (GIVEN.ids[3], GIVEN.ids[1])
    assert len(GIVEN.take([])) == 0
    ordered = GIVEN.take(range(40)[::-1]).by_id()
    assert [*ordered.ids] == sorted(GIVEN.ids)
    position = GIVEN.ids.index(ordered.ids[0])
    assert np.array_equal(ordered.features[0], GIVEN.features[position], equal_nan=True)


def test_the_table_says_what_its_features_are() -> None:
    assert CANDIDATES.metadata == {b"features": str(FEATURES_VERSION).encode()}
    assert CANDIDATES.names[-len(FEATURES) :] == [*FEATURES]
