"""The record of patches: what it says of files, and which of them still stand."""

import hashlib
import zlib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from seasonet_build.engine.tasks import records_stand
from seasonet_build.errors import DataError
from seasonet_build.model.checksums import record_schema
from seasonet_build.stages.records import Recorder, merged, pixel_crc, read_record, standing
from seasonet_build.storage import write_table, write_text
from tests.unit.helpers import modest

SUFFIXES = ("10m_RGB", "20m", "labels")
PATHS = ("spring/grid1/a", "spring/grid2/b", "snow/grid1/c")


def naive_crc(pixels: NDArray[Any]) -> int:
    """Put the samples together one by one, as model.checksums describes it."""
    height, width, bands = pixels.shape
    data = b"".join(
        int(pixels[i, j, k]).to_bytes(pixels.dtype.itemsize, "little")
        for i, j, k in product(range(height), range(width), range(bands))
    )
    return zlib.crc32(data)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A record of three patches that are there, and the folder ``dataset`` that holds them."""
    recorder, random = Recorder(PATHS), np.random.default_rng(1)
    for suffix in SUFFIXES:
        for position in (2, 0, 1):
            data = random.bytes(50 + 10 * position)
            name = PATHS[position].rpartition("/")[2]
            file = tmp_path / "dataset" / PATHS[position] / f"{name}_{suffix}.tif"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            pixels = np.full((2, 2, 1), position, np.uint8)
            recorder.add(suffix, position, len(data), hashlib.sha256(data).digest(), pixels)
    write_table(recorder.table(), tmp_path / "record.parquet")
    return tmp_path / "record.parquet"


# -------------------------------------------------------------------------------------------------------- check sums

images = st.tuples(
    st.integers(1, 4),
    st.integers(1, 4),
    st.integers(1, 6),
    st.sampled_from(["<u2", ">u2", "u1"]),
    st.integers(0, 99),
)


@modest
@given(images)
def test_the_check_sum_of_pixels_depends_on_values_alone(image):
    height, width, bands, dtype, seed = image
    largest = 255 if dtype == "u1" else 65535
    pixels = np.random.default_rng(seed).integers(0, largest + 1, (height, width, bands)).astype(dtype)
    wide = np.zeros((2 * height, 3 * width, bands + 1), dtype)
    wide[::2, ::3, 1:] = pixels
    by_band = np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    flipped = np.ascontiguousarray(pixels[::-1, ::-1])[::-1, ::-1]
    wanted = naive_crc(pixels)
    for view in (pixels, wide[::2, ::3, 1:], by_band, flipped, np.asfortranarray(pixels)):
        assert np.array_equal(view, pixels)
        assert pixel_crc(view) == wanted


def test_the_check_sum_of_pixels_tells_what_lies_where():
    pixels = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    others: list[NDArray[Any]] = [pixels.astype(np.uint8), pixels[::-1], pixels[:, ::-1], pixels[..., ::-1], pixels + 1]
    assert len({pixel_crc(image) for image in (pixels, *others)}) == 6


def test_a_record_says_what_was_taken_down_whatever_the_order():
    recorder = Recorder(PATHS)
    told = {}
    for n, (suffix, position) in enumerate(product(SUFFIXES, (1, 2, 0))):
        pixels = np.full((2, 2, 3), n, np.uint16)
        recorder.add(suffix, position, 1000 + n, bytes([n] * 32), pixels)
        told[PATHS[position], suffix] = {"bytes": 1000 + n, "sha256": bytes([n] * 32), "crc32": naive_crc(pixels)}
    table = recorder.table()
    assert table.schema.equals(record_schema(SUFFIXES))
    assert table["path"].to_pylist() == list(PATHS)
    for row in table.to_pylist():
        for suffix in SUFFIXES:
            found = {what: row[f"{suffix}_{what}"] for what in ("bytes", "sha256", "crc32")}
            assert found == told[row["path"], suffix]


# ------------------------------------------------------------------------------------------------------- what stands


def change(file: Path, how: str) -> None:
    if how == "missing":
        file.unlink()
    elif how == "empty":
        file.write_bytes(b"")
    else:
        data = file.read_bytes()
        file.write_bytes(data[:-1] if how == "truncated" else data + b"x")


def test_patches_with_all_their_files_stand(record, tmp_path):
    assert standing(record, tmp_path / "dataset").tolist() == [True, True, True]
    assert records_stand(record, tmp_path / "dataset")


@pytest.mark.parametrize("how", ["missing", "empty", "truncated", "longer"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_patch_with_a_file_of_another_size_does_not_stand(record, tmp_path, suffix, how):
    for position, path in enumerate(PATHS):
        change(tmp_path / "dataset" / path / f"{path.rpartition('/')[2]}_{suffix}.tif", how)
        assert standing(record, tmp_path / "dataset").tolist() == [n > position for n in range(3)]
        assert not records_stand(record, tmp_path / "dataset")


def test_patches_elsewhere_do_not_stand(record, tmp_path):
    assert not standing(record, tmp_path).any()
    assert not standing(record, tmp_path / "none").any()


def test_a_record_of_no_patches(tmp_path):
    write_table(record_schema(SUFFIXES).empty_table(), tmp_path / "record.parquet")
    assert standing(tmp_path / "record.parquet", tmp_path).tolist() == []


def damage(record: Path, how: str) -> None:
    data = record.read_bytes()
    if how == "missing":
        record.unlink()
    elif how == "zeros":
        record.write_bytes(bytes(len(data)))
    elif how == "another table":
        write_table(pa.table({"path": ["spring/grid1/a"], "20m_bytes": ["x"]}), record)
    elif how == "without files":
        write_table(pa.table({"path": ["spring/grid1/a"]}), record)
    else:
        record.write_bytes({"empty": b"", "text": b"path\n", "truncated": data[: len(data) // 2]}[how])


@pytest.mark.parametrize("how", ["missing", "empty", "text", "truncated", "zeros", "another table", "without files"])
def test_a_damaged_record_is_named_and_nothing_stands_by_it(record, tmp_path, how):
    damage(record, how)
    with pytest.raises(DataError, match=str(record)):
        read_record(record)
    with pytest.raises(DataError, match=str(record)):
        standing(record, tmp_path / "dataset")
    assert not records_stand(record, tmp_path / "dataset")


def test_some_columns_of_a_record_may_be_read(record):
    whole = read_record(record)
    assert whole.schema.equals(record_schema(SUFFIXES))
    some = read_record(record, ["path", "20m_crc32"])
    assert sorted(some.column_names) == ["20m_crc32", "path"]
    assert some["path"].to_pylist() == list(PATHS)
    assert some["20m_crc32"].to_pylist() == whole["20m_crc32"].to_pylist()


# ------------------------------------------------------------------------------------------------------------ merged


def numbered(rows: dict[str, int]) -> pa.Table:
    """A record whose files have the sizes given."""
    columns: dict[str, list[object]] = {"path": list(rows)}
    for suffix in SUFFIXES:
        columns[f"{suffix}_bytes"] = list(rows.values())
        columns[f"{suffix}_sha256"] = [bytes(32)] * len(rows)
        columns[f"{suffix}_crc32"] = [0] * len(rows)
    return pa.table(columns, schema=record_schema(SUFFIXES))


@modest
@given(st.lists(st.integers(0, 20), unique=True), st.integers(0, 20), st.randoms())
def test_a_merged_record_has_the_rows_asked_for_in_their_order(numbers, cut, random):
    sizes = {f"spring/grid1/{n}": n for n in numbers}
    left, right = dict(list(sizes.items())[:cut]), dict(list(sizes.items())[cut:])
    asked = [path for path in sizes if random.random() < 0.7]
    random.shuffle(asked)
    found = merged(asked, [numbered(left), numbered({}), numbered(right)])
    assert found.schema.equals(record_schema(SUFFIXES))
    assert found["path"].to_pylist() == asked
    assert found["20m_bytes"].to_pylist() == [sizes[path] for path in asked]


def test_a_patch_that_no_record_tells_of_is_named():
    with pytest.raises(DataError, match="spring/grid1/3"):
        merged(["spring/grid1/1", "spring/grid1/3"], [numbered({"spring/grid1/1": 1}), numbered({"spring/grid1/2": 2})])


def test_a_merged_record_is_written_like_one_made_at_once(tmp_path):
    """The bytes of a record must not tell in how many runs its patches were cut."""
    sizes = {f"spring/grid1/{n}": n for n in range(9)}
    halves = [numbered({p: n for p, n in sizes.items() if n % 2 == odd}) for odd in (1, 0)]
    write_table(numbered(sizes), tmp_path / "one")
    write_table(merged(list(sizes), halves), tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_file_in_the_place_of_a_folder_is_no_patch(record, tmp_path):
    write_text(tmp_path / "file", "x")
    assert not standing(record, tmp_path / "file").any()
