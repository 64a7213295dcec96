"""The list of check sums is one that sha256sum reads, and damage of it is seen."""

import hashlib
import shutil
import subprocess

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seasonet_build.errors import DataError
from seasonet_build.model.checksums import parse_sums, record_schema, suffixes_of, sums_text
from tests.unit.helpers import modest

digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
paths = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"), min_size=1, max_size=12)
lists = st.dictionaries(paths, digests, max_size=6)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@modest
@given(lists)
def test_what_is_listed_is_read(files):
    text = sums_text(files)
    assert parse_sums(text) == files
    assert sums_text(dict(reversed(files.items()))) == text


@pytest.mark.parametrize("character", list("\r\x0b\x0c\x1c\x85\u2028 \\ä#"))
def test_odd_names_are_listed_and_read(character):
    files = {f"splits/a{character}b": "0" * 64, "meta.csv": "1" * 64}
    assert parse_sums(sums_text(files)) == files


def test_the_list_is_sorted_and_ends_with_its_own_check_sum():
    one, other = "1" * 64, "2" * 64
    lines = f"{other}  meta.csv\n{one}  splits/train.csv\n"
    text = sums_text({"splits/train.csv": one, "meta.csv": other})
    assert text == f"{lines}# sha256 of the lines above: {sha256(lines.encode())}\n"


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no program 'sha256sum'")
def test_sha256sum_understands_the_list(tmp_path):
    files = {"meta.csv": b"a\n", "splits/train 1.csv": b"", "splits/ä.csv": b"x" * 1000}
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "SHA256SUMS").write_text(sums_text({n: sha256(data) for n, data in files.items()}), encoding="utf-8")

    def check() -> int:
        command = ["sha256sum", "--check", "--strict", "--status", "SHA256SUMS"]
        return subprocess.run(command, cwd=tmp_path, check=False).returncode

    assert check() == 0
    (tmp_path / "splits/ä.csv").write_bytes(b"y")
    assert check() != 0


LISTED = sums_text({"meta.csv": "1" * 64, "splits/train.csv": "2" * 64, "splits/val.csv": "3" * 64})


@modest
@given(st.integers(0, len(LISTED) - 1), st.sampled_from("0a \nf#"))
def test_another_character_is_damage(position, character):
    text = LISTED[:position] + character + LISTED[position + 1 :]
    if text != LISTED:
        with pytest.raises(DataError):
            parse_sums(text)


@modest
@given(st.integers(0, len(LISTED) - 1), st.integers(1, 200))
def test_missing_and_additional_characters_are_damage(position, n):
    for text in (LISTED[:position], LISTED[:position] + LISTED[position + n :], LISTED[n:], LISTED + LISTED[:n]):
        with pytest.raises(DataError):
            parse_sums(text)


@pytest.mark.parametrize("line", ["", "x", f"{'1' * 64} one space", f"{'1' * 63}  short", f"{'G' * 64}  no digits"])
def test_a_list_of_something_else_is_refused_even_if_its_check_sum_fits(line):
    lines = f"{line}\n"
    with pytest.raises(DataError):
        parse_sums(f"{lines}# sha256 of the lines above: {sha256(lines.encode())}\n")


suffix_lists = st.lists(st.sampled_from(["10m_RGB", "10m_IR", "20m", "60m", "labels", "snow"]), min_size=1, unique=True)


@modest
@given(suffix_lists)
def test_the_table_of_patches_tells_which_files_they_have(suffixes):
    schema = record_schema(suffixes)
    assert suffixes_of(schema) == suffixes
    assert schema.names[0] == "path"
    assert len(schema) == 1 + 3 * len(suffixes)
    for field in range(1, len(schema)):
        with pytest.raises(DataError):
            suffixes_of(schema.remove(field))
        with pytest.raises(DataError):
            suffixes_of(schema.set(field, pa.field(schema.names[field], pa.float64())))


def test_a_table_without_files_is_none_of_patches():
    with pytest.raises(DataError):
        suffixes_of(record_schema([]))
