"""The ledger vouches for files only while they are as they were when they were verified."""

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.transfer.ledger import Ledger
from tests.unit.helpers import modest

PRODUCT = "S2A_MSIL2A_20180418T104021_N0500_R008_T32ULV_20230812T090144"
FILES = [f"{PRODUCT}.SAFE/MTD_MSIL2A.xml", f"{PRODUCT}.SAFE/GRANULE/B02.jp2"]


def make(tmp_path: Path) -> Ledger:
    """A ledger of a product that was recorded as complete."""
    for number, path in enumerate(FILES):
        file = tmp_path / "products" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(100 + number))
    ledger = Ledger(tmp_path / "records", tmp_path / "products")
    assert not ledger.is_complete(PRODUCT)
    ledger.record(PRODUCT, FILES)
    assert ledger.is_complete(PRODUCT)
    return ledger


def touch(file: Path) -> None:
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))


def grow(file: Path) -> None:
    """Another size; the time of change is the old one."""
    stat = file.stat()
    file.write_bytes(file.read_bytes() + b"x")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(file: Path) -> None:
    """Another content of the same size."""
    other = file.with_suffix(".other")
    other.write_bytes(bytes(reversed(file.read_bytes())))
    touch(other)
    other.replace(file)


def move_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("change", [touch, grow, replace, Path.unlink, move_folder])
def test_a_file_that_is_not_as_it_was_is_noticed(tmp_path: Path, change: Callable[[Path], None], file: str) -> None:
    ledger = make(tmp_path)
    change(tmp_path / "products" / file)
    assert not ledger.is_complete(PRODUCT)


def test_a_record_is_read_by_the_next_run_and_holds_for_its_product_only(tmp_path: Path) -> None:
    make(tmp_path)
    again = Ledger(tmp_path / "records", tmp_path / "products")
    assert again.is_complete(PRODUCT)
    assert not again.is_complete(PRODUCT.replace("S2A", "S2B"))
    assert [path.name for path in (tmp_path / "records").iterdir()] == [f"{PRODUCT}.json"]


def test_a_product_without_files_is_not_complete(tmp_path: Path) -> None:
    ledger = make(tmp_path)
    ledger.record(PRODUCT, [])
    assert not ledger.is_complete(PRODUCT)


def test_a_product_is_unwanted_in_one_choice_and_until_it_is_recorded(tmp_path: Path) -> None:
    ledger = make(tmp_path)
    assert ledger.unwanted_for(PRODUCT) is None
    ledger.record_unwanted(PRODUCT, "digest")
    assert ledger.unwanted_for(PRODUCT) == "digest"
    assert not ledger.is_complete(PRODUCT)
    ledger.record(PRODUCT, FILES)
    assert ledger.unwanted_for(PRODUCT) is None
    assert ledger.is_complete(PRODUCT)


RECORDS: list[Any] = [
    None,
    [],
    {},
    {"files": [[FILES[0], 100, 1]]},
    {"format": 2, "files": [[FILES[0], 100, 1]]},
    {"format": 1},
    {"format": 1, "files": 7},
    {"format": 1, "files": None},
    {"format": 1, "files": {"a": 1}},
    {"format": 1, "files": [[FILES[0], 100]]},
    {"format": 1, "files": [[FILES[0], "many", 1]]},
    {"format": 1, "files": [[FILES[0], float("inf"), 1]]},
    {"format": 1, "files": [["a\0b", 1, 1]]},
    {"format": 1, "files": [["\ud800", 1, 1]]},
    {"format": 1, "files": [[None, None, None]]},
    {"format": 1, "unwanted": 7},
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_damaged_record_counts_as_none(tmp_path: Path, record: Any) -> None:
    ledger = make(tmp_path)
    (tmp_path / "records" / f"{PRODUCT}.json").write_text(json.dumps(record))
    assert not ledger.is_complete(PRODUCT)
    assert ledger.unwanted_for(PRODUCT) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_counts_as_none(tmp_path: Path, content: bytes) -> None:
    ledger = make(tmp_path)
    (tmp_path / "records" / f"{PRODUCT}.json").write_bytes(content)
    assert not ledger.is_complete(PRODUCT)
    ledger.record(PRODUCT, FILES)
    assert ledger.is_complete(PRODUCT)


@modest
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_record_in_which_any_byte_is_another_never_raises(place: int, value: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        ledger = make(Path(name))
        path = Path(name) / "records" / f"{PRODUCT}.json"
        content = bytearray(path.read_bytes())
        content[place % len(content)] = value
        path.write_bytes(bytes(content))
        ledger.is_complete(PRODUCT)
        ledger.unwanted_for(PRODUCT)
